import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { until, within } from '../../support/until.ts'
import { OwnedSpans } from './owned-spans.ts'
import type { Commit, Handled, Reader } from './reader.ts'

/** Starts a Java program with Kafka's jars; `args` are a source file and its arguments. */
export type SpawnJava = (args: readonly string[]) => ChildProcess

/** Java is slow to start on a machine with other work. */
const startMs = 120_000
const closeMs = 60_000

/** One JVM with any number of Java's consumers: `java/Peer.java`. */
export class JavaPeer {
  readonly #process: ChildProcess
  readonly #readers = new Map<string, JavaReader>()
  readonly #printed = new Map<string, string[]>()
  #stderr = ''
  #tasks = 0

  constructor(spawn: SpawnJava, source: string, bootstrap: readonly string[]) {
    this.#process = spawn([source, bootstrap.join(',')])
    this.#process.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4000)
    })
    this.#process.stdin?.on('error', () => {})
    if (this.#process.stdout) createInterface({ input: this.#process.stdout }).on('line', (line) => this.#read(line))
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Joins with `auto.offset.reset=earliest` and automatic commits. `properties` are lines `name=value`. */
  join(groupId: string, topics: readonly string[], properties: readonly string[]): JavaReader {
    const name = `reader-${++this.#tasks}`
    const reader = new JavaReader(name, groupId, this)
    this.#readers.set(name, reader)
    const own = ['auto.offset.reset=earliest', `group.id=${groupId}`, ...properties]
    this.write(['join', name, topics.join(','), ...own])
    return reader
  }

  /** Sends records in a transaction that stays open until the returned function is called. */
  async begin(topic: string, partition: number, values: readonly string[]): Promise<(how: End) => Promise<void>> {
    const name = `transaction-${++this.#tasks}`
    this.write(['begin', name, topic, String(partition), values.join(',')])
    await this.#has(name, 'begun')
    return async (how) => {
      this.write([how, name])
      await this.#has(name, 'ended')
    }
  }

  /** The committed records of a topic, as Java reads them. */
  async read(topic: string): Promise<Omit<Handled, 'atMs'>[]> {
    const name = `log-${++this.#tasks}`
    this.write(['read', name, topic])
    await this.#has(name, 'read')
    const lines = this.#printed.get(name) ?? []
    return lines
      .map((line) => line.split(' '))
      .filter(([verb]) => verb === 'log')
      .map(([, , , partition, offset, value = '']) => {
        return { topic, partition: Number(partition), offset: Number(offset), value }
      })
  }

  /** Sets configs of a group, each as `name=value`. */
  async configure(groupId: string, configs: readonly string[]): Promise<void> {
    const name = `configs-${++this.#tasks}`
    this.write(['configure', name, groupId, configs.join(',')])
    await this.#has(name, 'configured')
  }

  write(words: readonly string[]): void {
    if (!this.running) throw new Error(`the Java program ended: ${this.#stderr}`)
    this.#process.stdin?.write(`${words.join(' ')}\n`)
  }

  /** Ends the program as `kill -9` does. */
  async kill(): Promise<void> {
    if (!this.running) return
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await within('the Java program ends', closeMs, gone)
    for (const { spans } of this.#readers.values()) spans.crashed(Date.now())
  }

  #read(line: string): void {
    const words = line.split(' ')
    const [verb = '', name = ''] = words
    const reader = this.#readers.get(name)
    const printed = this.#printed.get(name)
    if (reader) reader.take(verb, words.slice(2))
    else if (printed) printed.push(line)
    else this.#printed.set(name, [line])
  }

  #has(name: string, verb: string): Promise<true> {
    return until(
      () => `the Java program prints '${verb} ${name}': ${this.#printed.get(name)?.at(-1)}`,
      () => {
        if (!this.running) throw new Error(`the Java program ended: ${this.#stderr}`)
        const printed = this.#printed.get(name) ?? []
        const failed = printed.find((line) => line.startsWith('failed '))
        if (failed !== undefined) throw new Error(`Java's client: ${failed}`)
        return printed.includes(`${verb} ${name}`)
      },
      startMs,
    )
  }
}

export type End = 'commit' | 'abort'

/** One of Java's consumers. */
export class JavaReader implements Reader {
  readonly label = 'java'
  readonly groupId: string
  readonly handled: Handled[] = []
  readonly commits: Commit[] = []
  readonly resets: string[] = []
  readonly spans = new OwnedSpans('java')
  failure: string | undefined
  holding = false
  assigned: readonly string[] = []
  /** Counted at the end only. */
  fetches = 0
  rebalances = 0
  readonly #name: string
  readonly #peer: JavaPeer
  #closed = false
  #held = ''

  constructor(name: string, groupId: string, peer: JavaPeer) {
    this.#name = name
    this.groupId = groupId
    this.#peer = peer
  }

  take(verb: string, words: readonly string[]): void {
    const [topic = '', partition, offset, atMs, ...rest] = words
    const place = { topic, partition: Number(partition), offset: Number(offset), atMs: Number(atMs) }
    if (verb === 'record') this.handled.push({ ...place, value: rest.join(' ') })
    else if (verb === 'committed') this.commits.push(place)
    else if (verb === 'fetches') this.fetches = Number(topic)
    else if (verb === 'held') this.#held = topic
    else if (verb === 'holding') this.holding = true
    else if (verb === 'closed') this.#closed = true
    else if (verb === 'failed') this.failure = words.join(' ')
    else if (verb === 'gained') this.spans.gained(listOf(topic), Number(partition))
    else if (verb === 'gaveup' || verb === 'lost') {
      this.spans.ended(listOf(topic), Number(partition), verb === 'lost' ? 'lost' : 'revoked')
    } else if (verb === 'assigned') {
      this.rebalances++
      this.assigned = listOf(topic)
    }
  }

  async hold(value: string): Promise<void> {
    this.#peer.write(['hold', this.#name, value])
    await until("Java's consumer holds", () => this.#held === value)
  }

  release(): void {
    this.holding = false
    this.#peer.write(['release', this.#name])
  }

  async close(): Promise<void> {
    if (this.#closed || this.failure !== undefined || !this.#peer.running) return
    this.#peer.write(['close', this.#name])
    await until(
      "Java's consumer is closed",
      () => this.#closed || this.failure !== undefined || !this.#peer.running,
      closeMs,
    )
  }
}

function listOf(places: string): string[] {
  return places.split(',').filter(Boolean)
}
