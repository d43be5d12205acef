import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { distribution, runJava, spawnJava } from '../../../../tools/kafka/index.mjs'
import { until, within } from '../support/until.ts'

const source = fileURLToPath(new URL('./java/Interop.java', import.meta.url))

/** A record in the format of the Java program. */
export interface PlainRecord {
  readonly key: string | null
  readonly value: string | null
  readonly timestamp?: number
  readonly headers?: readonly (readonly [name: string, value: string | null])[]
}

export interface StoredRecord extends Required<PlainRecord> {
  readonly partition: number
  readonly offset: number
}

const encoded = (text: string | null) => (text === null ? '-' : Buffer.from(text).toString('base64'))
const decoded = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64').toString())

function toLine({ key, value, timestamp, headers = [] }: PlainRecord): string {
  const pairs = headers.map(([name, headerValue]) => `${encoded(name)}:${encoded(headerValue)}`)
  return [timestamp ?? '-', encoded(key), encoded(value), ...pairs].join('\t')
}

async function run(args: readonly string[], input = ''): Promise<string> {
  const done = await runJava(source, args, { input })
  if (done.code !== 0) throw new Error(`Interop ${args[0]} ended with ${done.code}:\n${done.stdout}\n${done.stderr}`)
  return done.stdout
}

/** Sends `records` with Java's producer; returns their partitions and offsets. */
export async function javaProduce(
  bootstrap: readonly string[],
  topic: string,
  records: readonly PlainRecord[],
  properties: readonly string[] = [],
): Promise<{ partition: number; offset: number }[]> {
  const input = records.map((record) => `${toLine(record)}\n`).join('')
  const output = await run(['produce', bootstrap.join(','), topic, ...properties], input)
  return output
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [partition, offset] = line.split(' ').map(Number)
      return { partition: partition ?? -1, offset: offset ?? -1 }
    })
}

/** Reads a topic from its beginning with Java's consumer. */
export async function javaConsume(bootstrap: readonly string[], topic: string, count: number): Promise<StoredRecord[]> {
  const output = await run(['consume', bootstrap.join(','), topic, String(count)])
  return output
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { partition, offset, timestamp, key, value, headers } = JSON.parse(line)
      const pairs = headers.map(([name, header]: [string, string | null]) => [decoded(name), decoded(header)])
      return { partition, offset, timestamp, key: decoded(key), value: decoded(value), headers: pairs }
    })
}

/** A Java consumer that is a member of a group until `leave`. */
export class JavaMember {
  readonly #process: ChildProcess
  /** The records that it read. */
  readonly records: { partition: number; offset: number; value: string }[] = []
  /** The assigned partitions after each rebalance. */
  readonly assignments: number[][] = []
  #stderr = ''

  private constructor(process: ChildProcess) {
    this.#process = process
    process.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text
    })
    if (process.stdout) createInterface({ input: process.stdout }).on('line', (line) => this.#read(line))
  }

  static async join(
    bootstrap: readonly string[],
    topic: string,
    group: string,
    properties: readonly string[],
  ): Promise<JavaMember> {
    const java = await distribution()
    return new JavaMember(spawnJava(java, [source, 'group', bootstrap.join(','), topic, group, ...properties]))
  }

  #read(line: string): void {
    const [verb, ...rest] = line.split(' ')
    if (verb === 'assigned') this.assignments.push(rest.join('').split(',').filter(Boolean).map(Number))
    if (verb !== 'record') return
    const [partition, offset, value = ''] = rest
    this.records.push({ partition: Number(partition), offset: Number(offset), value })
  }

  get assigned(): readonly number[] {
    return this.assignments.at(-1) ?? []
  }

  async has(count: number): Promise<readonly number[]> {
    await until(`Java's member has ${count} partitions`, () => {
      if (this.#process.exitCode !== null) throw new Error(`Java's member ended:\n${this.#stderr}`)
      return this.assigned.length === count
    })
    return this.assigned
  }

  async leave(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.stdin?.write('\n')
    await within("Java's member leaves", 20_000, gone)
  }

  /** Simulates a crash: the group detects it by the session timeout. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }
}
