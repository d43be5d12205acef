// Compares the codec with Kafka's own: JSON to bytes and bytes to JSON, for every message in every version.
// SEED and SAMPLES say which values; UPDATE_GOLDEN=1 writes the first value of each to test/golden.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { allApis } from '../../src/api/registry.ts'
import type { MessageTable } from '../../src/schema/api.ts'
import { decodeMessage, encodeMessage } from '../../src/schema/codec.ts'
import { defaultOf, type StructValue } from '../../src/schema/plan.ts'
import { fromKafkaJson, kafkaJson, withoutRecords } from '../kafka-json.ts'
import { type Case, cases } from '../messages.ts'
import { sample, seeded } from '../samples.ts'
import { Coverage, directedSamples } from './coverage.ts'
import { golden, java } from './java.ts'

const seed = Number(process.env.SEED ?? 1)
const samplesPerCase = Number(process.env.SAMPLES ?? 4)

interface Sample extends Case {
  readonly value: StructValue
  readonly hex: string
  readonly json: string
  /** The value stored in test/golden for its message version. */
  readonly isFirst: boolean
}

const samples = cases.flatMap(({ message, version }, index): Sample[] => {
  const random = seeded(seed * 1e6 + index)
  const values = Array.from({ length: samplesPerCase }, (_, nth) =>
    sample(message, version, random, nth === 0 ? 'small' : 'mixed'),
  )
  return [...values, ...directedSamples(message, version, random)].map((value, nth) => {
    const hex = encodeMessage(message, version, value as never).toString('hex')
    return { message, version, value, hex, json: kafkaJson(message, version, value), isFirst: nth === 0 }
  })
})

function defaultsOf(message: MessageTable): StructValue {
  return defaultOf({ type: 'struct', options: {}, fields: message.fields })() as StructValue
}

function askKafka(): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-oracle-'))
  try {
    const [questions, responses] = [join(folder, 'questions.tsv'), join(folder, 'responses.tsv')]
    const lines = samples.map(({ message, version, hex, json }) => `${message.name}\t${version}\t${hex}\t${json}\n`)
    writeFileSync(questions, lines.join(''))
    java('MessageOracle', questions, responses)
    return readFileSync(responses, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test(`${samples.length} values of ${cases.length} message versions as Kafka has them`, () => {
  const responses = askKafka()
  const lines: string[] = []
  const coverage = new Coverage()
  for (const { message, version } of cases) coverage.expect(message, version)
  expect(responses.length).toBe(samples.length)
  samples.forEach(({ message, version, value, hex, json, isFirst }, index) => {
    const label = `${message.name} v${version}`
    const [fromJson, rewritten, fromBytes, fresh] = responses[index]! as [string, string, string, string]
    expect(fromJson, `${label}: bytes that Kafka makes of the JSON`).toBe(hex)
    expect(rewritten, `${label}: bytes that Kafka reads and writes again`).toBe(hex)
    const expected = withoutRecords(message, value)
    expect(fromKafkaJson(message, version, fromBytes), `${label}: what Kafka reads`).toEqual(expected)
    expect(decodeMessage(message, version, Buffer.from(fromJson, 'hex')), `${label}: what we read`).toEqual(value)
    const defaults = withoutRecords(message, defaultsOf(message))
    expect(withoutRecords(message, fromKafkaJson(message, version, fresh)), `${label}: defaults`).toEqual(defaults)
    coverage.saw(message, version, value)
    if (isFirst) lines.push(`${message.name}\t${version}\t${fromJson}\t${json}\n`)
  })
  const apiVersions = allApis.reduce((sum, { versions: { min, max } }) => sum + max - min + 1, 0)
  console.log(
    `${allApis.length} APIs in ${apiVersions} versions, ${cases.length} message versions, ${samples.length} values: ` +
      `all as Kafka reads and writes them\n${coverage.report()}`,
  )
  expect(coverage.missing).toEqual([])
  if (process.env.UPDATE_GOLDEN === '1')
    writeFileSync(golden('messages.tsv.gz'), gzipSync(lines.join(''), { level: 9 }))
})
