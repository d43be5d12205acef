import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningKafka, startKafka } from '../../../../tools/kafka/index.mjs'
import { loadCases } from './case.ts'
import { verdicts } from './compare.ts'
import { advertisedBy, type Played, type PlayOptions, play } from './play.ts'
import { readRecording, writeRecording } from './recording.ts'
import { reportOf, summaryOf } from './report.ts'
import type { Target } from './stage.ts'
import { startTestkit } from './target.ts'

/** `host:port,…` of a running cluster; otherwise one is started. */
const given = process.env.OTTLA_CONFORMANCE_KAFKA || undefined
const only = process.env.OTTLA_CONFORMANCE_ONLY || undefined
const shown = process.env.OTTLA_CONFORMANCE_SHOW === 'true'

let kafka: RunningKafka | undefined
let real: Target

beforeAll(async () => {
  if (given === undefined) kafka = await startKafka()
  const plaintext = kafka?.bootstrap ?? given?.split(',') ?? []
  const sasl = kafka?.sasl ?? plaintext.map((address) => address.replace(/\d+$/, (port) => String(Number(port) + 1)))
  real = { name: 'Apache Kafka 4.3.1', plaintext, sasl }
}, 600_000)

afterAll(() => kafka?.close(), 60_000)

test('the testkit responds like Apache Kafka 4.3.1', async () => {
  const advertised = await advertisedBy(real)
  const progress = ({ api, version, part }: Played, done: number, all: number) =>
    process.stderr.isTTY && process.stderr.write(`\r\x1b[K${done} of ${all}: ${api} ${version} ${part}`)
  const options: PlayOptions = { advertised, onPart: progress, ...(only && { only: new Set(only.split(',')) }) }
  const cases = await loadCases()
  const theirs = await play(real, cases, options)
  const { cluster, target } = await startTestkit()
  await using _ = cluster
  const ours = await play(target, cases, options)
  const pairs = verdicts(advertised, theirs, ours)
  if (only === undefined) {
    writeRecording({ advertised, played: theirs })
    writeFileSync(new URL('../../../../docs/conformance.md', import.meta.url), reportOf(pairs, theirs))
  }
  const selected = only === undefined ? pairs : pairs.filter(({ api }) => only.split(',').includes(api))
  for (const { api, version, parts } of selected) {
    for (const { part, steps, differences } of parts) {
      if (steps === 0) console.log(`${api} ${version} ${part}: no step`)
      for (const each of differences) console.log(`${api} ${version} ${part}: ${each}`)
    }
  }
  if (shown) for (const each of theirs) console.log(JSON.stringify(each, undefined, 1))
  console.log(summaryOf(selected))
  if (only === undefined) expect(readRecording().played).toEqual(theirs)
  expect(selected.filter(({ isEqual }) => isEqual).length).toBeGreaterThanOrEqual(selected.length * 0.95)
}, 1_800_000)
