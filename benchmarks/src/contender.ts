/** The work of a run, the same for every client. */
export interface Task {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly records: number
  readonly valueBytes: number
  /** Records per `send`, and the number of concurrent sends. */
  readonly batch: number
  readonly concurrency: number
}

/** The measured part: without connecting, warming up and closing. */
export interface Measured {
  readonly records: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** Latency of single sends in ms; absent where none are measured. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number }
  /** The sum of the numbers at the start of the read values, to compare with what was written. */
  readonly checksum?: number
}

export interface Contender {
  produce(task: Task): Promise<Measured>
  consume(task: Task): Promise<Measured>
  latency(task: Task): Promise<Measured>
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

export function checksumOf(records: number): number {
  return (records * (records - 1)) / 2
}

/** Runs `work` and measures wall and processor time of this process. */
export async function measure(work: () => Promise<{ records: number; checksum?: number }>): Promise<Measured> {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const done = await work()
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { ...done, seconds, cpuSeconds: (user + system) / 1e6 }
}

/** Sends one record at a time and measures each. */
export async function measureLatency(task: Task, send: (line: Line) => Promise<unknown>): Promise<Measured> {
  const times: number[] = []
  const measured = await measure(async () => {
    for (let number = 0; number < task.records; number++) {
      const record = line(number, task.valueBytes)
      const begun = performance.now()
      await send(record)
      times.push(performance.now() - begun)
    }
    return { records: task.records }
  })
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0
  return { ...measured, latencyMs: { p50: at(0.5), p99: at(0.99) } }
}

/** Calls `send` with batches of consecutive numbers, several at a time. */
export async function sendAll(task: Task, send: (from: number, to: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const sender = async () => {
    while (next < task.records) {
      const from = next
      next = Math.min(task.records, from + task.batch)
      await send(from, next)
    }
  }
  await Promise.all(Array.from({ length: task.concurrency }, sender))
}
