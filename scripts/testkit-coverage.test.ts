import { describe, expect, test } from 'vitest'
import { brokerConfigs } from '../packages/testkit/src/state/configs/broker-config.ts'
import { kafkaGroupConfigs } from '../packages/testkit/src/state/configs/config-table.ts'
import { brokerConfigUses, effectiveTopicConfigs } from './lib/testkit-configs.ts'
import { coveragePage, missingEvidence } from './lib/testkit-coverage.ts'
import { semantics } from './lib/testkit-semantics.ts'

describe('the coverage list of the testkit', () => {
  test('is what the code says (fix with `npm run coverage -- testkit`)', async () => {
    await expect(coveragePage()).toMatchFileSnapshot('../docs/testkit-coverage.md')
  })

  test('names only tests and steps that are there', () => {
    expect(missingEvidence()).toEqual([])
  })

  test('tells of each row what shows it, or what is missing', () => {
    const silent = semantics.filter(({ shownBy, missing }) => shownBy.length === 0 && missing === undefined)
    expect(silent).toEqual([])
    expect(new Set(semantics.map(({ what }) => what)).size).toBe(37)
  })

  test('tells configs that are read from those that are only kept', () => {
    const topics = effectiveTopicConfigs()
    expect([topics.has('segment.ms'), topics.has('preallocate')]).toEqual([true, false])
    const { atStart, atRunTime } = brokerConfigUses()
    expect([...atStart].filter((name) => !(name in brokerConfigs))).toEqual([])
    expect(atStart.has('offsets.topic.num.partitions')).toBe(true)
    expect([atRunTime.has('log.retention.ms'), atRunTime.has('num.partitions')]).toEqual([true, false])
    expect(kafkaGroupConfigs().size).toBeGreaterThan(10)
  })
})
