/** The measured part of a run: without connecting, warming up and closing. */
export interface Measured {
  readonly records: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** Latency of single records in ms; absent where none are measured. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number }
}

export interface Line {
  readonly key: string
  readonly value: Buffer
}

/** Record `number`. Its value starts with the number, so that a reader can verify that it received every record. */
export function line(number: number, valueBytes: number): Line {
  const value = Buffer.alloc(valueBytes, 0x2e)
  value.write(String(number).padStart(10, '0'), 0, 'latin1')
  return { key: `k${String(number % 9973).padStart(7, '0')}`, value }
}

export function numberOf(value: Uint8Array): number {
  let number = 0
  for (let i = 0; i < 10; i++) number = number * 10 + (value[i] ?? 48) - 48
  return number
}

/** Runs `work`, which returns the number of records, and measures wall and processor time of this process. */
export async function measure(work: () => Promise<number>): Promise<Measured> {
  const cpu = process.cpuUsage()
  const begunMs = performance.now()
  const records = await work()
  const seconds = (performance.now() - begunMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { records, seconds, cpuSeconds: (user + system) / 1e6 }
}

export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

/** Sorts the times. */
export function quantiles(timesMs: number[]): { readonly p50: number; readonly p99: number } {
  timesMs.sort((a, b) => a - b)
  const at = (share: number) => timesMs[Math.min(timesMs.length - 1, Math.floor(share * timesMs.length))] ?? 0
  return { p50: at(0.5), p99: at(0.99) }
}

/** The median of the runs' CPU seconds per million records. */
export const cpuPerMillion = (runs: readonly Measured[]): number =>
  median(runs.map((run) => (run.cpuSeconds / run.records) * 1e6))

export const recordsPerSecond = (runs: readonly Measured[]): number =>
  Math.round(median(runs.map((run) => run.records / run.seconds)))

/** In every other run in the opposite order, so that none always gets the fresher broker. */
export const alternating = <T>(clients: readonly T[], run: number): readonly T[] =>
  run % 2 === 1 ? clients : [...clients].reverse()
