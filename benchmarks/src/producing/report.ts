import Table from 'cli-table3'
import { cpuPerMillion, median, recordsPerSecond } from '../measured.ts'
import type { ProduceMeasure } from './measures.ts'
import type { ProduceMeasured } from './tasks.ts'

/** By measure and client. */
export type ProduceResults = ReadonlyMap<ProduceMeasure, ReadonlyMap<string, readonly ProduceMeasured[]>>

const shown = (value: number, digits: number, unit = '') =>
  Number.isNaN(value) ? '' : `${value.toFixed(digits)}${unit}`

/**
 * CPU seconds per million records, and as a ratio to KafkaJS: to the same work, and to its arrays, the common unit of the table
 * on a machine whose speed varies.
 */
export function printProduce(results: ProduceResults, runs: number): void {
  const head = [
    `median of ${runs} runs`,
    'records/s',
    'CPU s/M',
    'of kafkajs',
    'of its arrays',
    'p50 ms',
    'p99 ms',
    'peak',
  ]
  const table = new Table({ head, style: { head: [], border: [], compact: true } })
  const arrays = [...results].find(([{ name }]) => name === 'arrays')?.[1].get('kafkajs')
  for (const [measure, clients] of results) {
    table.push([{ colSpan: head.length, content: `${measure.name}: ${measure.what}` }])
    const same = clients.get('kafkajs')
    for (const [client, measured] of clients) table.push(row(client, measured, same, arrays))
  }
  console.log(table.toString())
  console.log(
    'Each run was read back: it had each record exactly as often as it was sent (but for Java: random values).',
  )
}

function row(
  client: string,
  measured: readonly ProduceMeasured[],
  same: readonly ProduceMeasured[] | undefined,
  arrays: readonly ProduceMeasured[] | undefined,
): string[] {
  const own = cpuPerMillion(measured)
  const latency = (which: 'p50' | 'p99') => median(measured.map((run) => run.latencyMs?.[which] ?? Number.NaN))
  return [
    client,
    recordsPerSecond(measured).toLocaleString('en'),
    own.toFixed(3),
    shown(own / (same === undefined ? Number.NaN : cpuPerMillion(same)), 3),
    shown(own / (arrays === undefined ? Number.NaN : cpuPerMillion(arrays)), 3),
    shown(latency('p50'), 2),
    shown(latency('p99'), 2),
    shown(median(measured.map(({ peakBytes }) => peakBytes)) / 1e6, 0, ' MB'),
  ]
}
