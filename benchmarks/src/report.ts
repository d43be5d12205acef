import Table from 'cli-table3'
import { cpuPerMillion, type Measured, median, recordsPerSecond } from './measured.ts'

interface Measure {
  readonly name: string
  readonly what: string
}

interface WithPeak extends Measured {
  readonly peakBytes: number
}

export interface ReportOptions {
  readonly runs: number
  /** The common unit of the table on a machine whose speed varies: what KafkaJS takes for this measure. */
  readonly unit: { readonly measure: string; readonly title: string }
}

const shown = (value: number, digits: number, unit = '') =>
  Number.isNaN(value) ? '' : `${value.toFixed(digits)}${unit}`

/** CPU seconds per million records, and as a ratio to KafkaJS: to the same work, and to the common unit. */
export function printMeasures(
  results: ReadonlyMap<Measure, ReadonlyMap<string, readonly WithPeak[]>>,
  { runs, unit }: ReportOptions,
): void {
  const title = `median of ${runs} runs`
  const head = [title, 'records/s', 'CPU s/M', 'of kafkajs', `of ${unit.title}`, 'p50 ms', 'p99 ms', 'peak']
  const table = new Table({ head, style: { head: [], border: [], compact: true } })
  const common = [...results].find(([{ name }]) => name === unit.measure)?.[1].get('kafkajs')
  for (const [measure, clients] of results) {
    table.push([{ colSpan: head.length, content: `${measure.name}: ${measure.what}` }])
    const same = clients.get('kafkajs')
    for (const [client, measured] of clients) table.push(row(client, measured, same, common))
  }
  console.log(table.toString())
}

function row(
  client: string,
  measured: readonly WithPeak[],
  same: readonly Measured[] | undefined,
  common: readonly Measured[] | undefined,
): string[] {
  const own = cpuPerMillion(measured)
  const latency = (which: 'p50' | 'p99') => median(measured.map((run) => run.latencyMs?.[which] ?? Number.NaN))
  return [
    client,
    recordsPerSecond(measured).toLocaleString('en'),
    own.toFixed(3),
    shown(own / (same === undefined ? Number.NaN : cpuPerMillion(same)), 3),
    shown(own / (common === undefined ? Number.NaN : cpuPerMillion(common)), 3),
    shown(latency('p50'), 2),
    shown(latency('p99'), 2),
    shown(median(measured.map(({ peakBytes }) => peakBytes)) / 1e6, 0, ' MB'),
  ]
}
