import Table from 'cli-table3'
import { Kafka } from 'ottla'
import { inWorker } from './in-worker.ts'
import type { RoundResult } from './partitions-task.ts'
import { withStandalone } from './standalone.ts'

const counts = [1_000, 10_000] as const
const rounds = 3
/** The event loop must not stop for longer. */
const wantedMs = 20
const topic = 'many'

type Results = Readonly<Record<number, readonly RoundResult[]>>

/** Measures a consumer with many partitions, in a process apart from its brokers, which are a testkit. */
export async function benchPartitions({ json }: { readonly json: boolean }): Promise<void> {
  const results: Record<number, readonly RoundResult[]> = {}
  for (const count of counts) {
    console.error(`${count} partitions`)
    results[count] = await withStandalone([`${topic}:${count}`], async (brokers) => {
      await fill(brokers, count)
      return inWorker<readonly RoundResult[]>('partitions-task', [brokers.join(','), String(count), String(rounds)])
    })
  }
  if (json) console.log(JSON.stringify(results))
  else print(results)
}

/** One record in each partition. */
async function fill(brokers: readonly string[], count: number): Promise<void> {
  const kafka = new Kafka({ clientId: 'bench-fill', brokers })
  const records = Array.from({ length: count }, (_, partition) => ({ topic, partition, value: 'one' }))
  await kafka.producer().send(records)
  await kafka.close()
}

const whole = (value: number) => value.toFixed(0)

function print(results: Results): void {
  const table = new Table({
    head: ['', ...counts.flatMap((count) => [`${count}: ms`, 'CPU ms', 'longest stop ms, per round'])],
    style: { head: [], border: [], compact: true },
  })
  const phases = results[counts[0]]?.[0] ?? []
  for (const [at, { phase }] of phases.entries()) {
    const cells = counts.flatMap((count) => {
      const all = (results[count] ?? []).map((round) => round[at]).filter((one) => one !== undefined)
      const { elapsedMs = Number.NaN, cpuMs = Number.NaN } = all.at(-1) ?? {}
      const stops = all.map(({ longestBusyMs, longestStopMs }) => `${whole(longestBusyMs)} (${whole(longestStopMs)})`)
      return [whole(elapsedMs), whole(cpuMs), stops.join(', ')]
    })
    table.push([phase, ...cells])
  }
  console.log(table.toString())
  console.log(
    [
      `Times are those of the last of ${rounds} rounds; the code of the first one is cold. The longest stop of the event loop is`,
      `what this process computed in it, and in parentheses how long it took; wanted are at most ${wantedMs} ms.`,
    ].join('\n'),
  )
}
