import Table from 'cli-table3'
import { inWorker } from './in-worker.ts'
import type { TestkitResults } from './testkit-tasks.ts'

const names = [
  'startMs',
  'processMs',
  'unreplicated',
  'replicated',
  'idleHourMs',
  'bytesPerTopic',
  'snapshotMsPerMb',
] as const satisfies readonly (keyof TestkitResults)[]

/** Measures the testkit, each figure in a separate process, and prints them beside their targets. */
export async function benchTestkit({ json }: { readonly json: boolean }): Promise<void> {
  const results: Partial<Record<(typeof names)[number], unknown>> = {}
  for (const name of names) {
    console.error(name)
    results[name] = await inWorker('testkit-tasks', [name])
  }
  if (json) console.log(JSON.stringify(results))
  else print(results as TestkitResults)
}

const ms = (value: number, digits = 1) => `${value.toFixed(digits)} ms`
const speed = ({ perSecond, perCpuSecond }: { readonly perSecond: number; readonly perCpuSecond: number }) =>
  `${perSecond.toLocaleString('en')} records/s, ${perCpuSecond.toLocaleString('en')} per second of processor time`

function print(results: TestkitResults): void {
  const { startMs, processMs, unreplicated, replicated, idleHourMs, bytesPerTopic, snapshotMsPerMb } = results
  const table = new Table({ head: ['', 'measured', 'wanted'], style: { head: [], border: [], compact: true } })
  table.push(
    ['3 brokers in memory, first of the process', ms(startMs.first), '< 10 ms'],
    ['3 brokers in memory, later', ms(startMs.later, 2), ''],
    [
      'ottla-testkit until Metadata names 3 brokers',
      `${ms(processMs.median)}, best ${ms(processMs.best)} (node alone: ${ms(processMs.bareNode)})`,
      '< 200 ms',
    ],
    ['produce, 1 replica', speed(unreplicated.produced), '300,000/s'],
    ['consume, 1 replica', speed(unreplicated.consumed), '300,000/s'],
    ['produce, 3 replicas', speed(replicated.produced), '300,000/s'],
    ['consume, 3 replicas', speed(replicated.consumed), '300,000/s'],
    ['an idle hour of virtual time', `${ms(idleHourMs.empty)} of processor time`, '< 1000 ms'],
    ['the same with a consumer that polls', `${ms(idleHourMs.withConsumer)} of processor time`, ''],
    ...Object.entries(bytesPerTopic).map(([what, bytes]) => [`memory of each of ${what}`, `${bytes} bytes`, '']),
    ['a snapshot, per MB of records', ms(snapshotMsPerMb.snapshot, 4), '< 1 ms'],
    ['its restoring, per MB of records', ms(snapshotMsPerMb.restore, 4), '< 1 ms'],
  )
  console.log(table.toString())
  console.log(
    [
      'Client and brokers share one thread; values of 100 bytes, keys of 8, defaults of the client (acks=all, idempotent).',
      "For comparison, not measured here: librdkafka's mock starts 3 brokers in 5.5 ms; a real Kafka of 3 brokers",
      'takes about 10 s until it serves.',
    ].join('\n'),
  )
}
