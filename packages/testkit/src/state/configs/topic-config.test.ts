import { describe, expect, test } from 'vitest'
import { MetadataView } from '../metadata-view.ts'
import { BrokerConfig } from './broker-config.ts'
import { topicConfigProblem, topicConfigValues, topicSettings } from './topic-config.ts'

describe('a topic config', () => {
  test.each([
    ['retention.ms', '1000', undefined],
    ['retention.ms', '-1', undefined],
    ['retention.ms', '-2', 'Value must be at least -1'],
    ['retention.ms', '1.5', 'Not a number of type LONG'],
    ['segment.bytes', '2147483648', 'Not a number of type INT'],
    ['preallocate', 'yes', 'Expected value to be either true or false'],
    ['cleanup.policy', 'compact,delete', undefined],
    ['cleanup.policy', 'forget', 'must be one of'],
    ['retention', '1', 'Unknown topic config name'],
    ['constructor', '1', 'Unknown topic config name'],
  ])('validates %s = %s', (name, value, problem) => {
    const found = topicConfigProblem(name, value)
    if (problem === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(problem)
  })

  test('comes from the topic, then the broker, then the cluster default, then the start options', () => {
    const view = new MetadataView()
    const config = new BrokerConfig({ 'min.insync.replicas': 2 })
    view.apply({
      brokerConfigs: new Map([
        ['', new Map([['min.insync.replicas', '3']])],
        ['7', new Map([['min.insync.replicas', '4']])],
      ]),
    })
    const configs = new Map([['min.insync.replicas', '5']])
    const sources = (id: number, topic: ReadonlyMap<string, string>) =>
      topicConfigValues('min.insync.replicas', { configs: topic }, { id, view, config }).map(({ value, source }) => [
        value,
        source,
      ])
    expect(sources(7, configs)).toEqual([
      ['5', 1],
      ['4', 2],
      ['3', 3],
      ['2', 4],
      ['1', 5],
    ])
    expect(sources(8, new Map())).toEqual([
      ['3', 3],
      ['2', 4],
      ['1', 5],
    ])
    expect(topicSettings({ configs }, { id: 7, view, config }).minInsyncReplicas).toBe(5)
  })
})

test('a broker config that is unknown or invalid is rejected in the constructor', () => {
  expect(() => new BrokerConfig({ 'no.such.config': 1 })).toThrow('no.such.config')
  expect(() => new BrokerConfig({ 'num.partitions': 'many' })).toThrow('num.partitions')
})
