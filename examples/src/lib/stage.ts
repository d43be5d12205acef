import { createCluster, type TestCluster } from '@ottla/testkit'
import { type Admin, Kafka, KafkaError, nodeRuntime, silentLogger } from 'ottla'
import { crashable } from './crashable.ts'
import { Ledger } from './ledger.ts'
import type { ExampleOptions } from './options.ts'

/** A broker's metadata may not have a new topic yet; other errors are failures. */
function unlessRetriable(error: unknown): never[] {
  if (KafkaError.is(error) && error.retriable) return []
  throw error
}

/** One application of an example: its own client, which can be killed. */
export interface App {
  readonly name: string
  readonly kafka: Kafka
  /** Reports that reading failed, unless the application was killed. */
  readonly onFailure: (error: unknown) => void
  /** Dies as a killed process does: it commits nothing and sends no request. */
  crash(): Promise<void>
}

export interface Topic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor?: number
}

/** Where an example plays: an embedded cluster or a real one, its applications, and the ledger of what went through. */
export class Stage {
  /** The embedded cluster, whose brokers can be killed; undefined on a real Kafka. */
  readonly embedded: TestCluster | undefined
  readonly bootstrap: readonly string[]
  readonly ledger: Ledger
  options: ExampleOptions
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** Prints a line of the story; the demo draws its board below it. */
  say: (line: string) => void = (line) => console.log(line)
  /** Printed when everything is closed, so that it is the last line. */
  finale: string | undefined
  readonly #apps = new Set<Kafka>()
  readonly #created: string[] = []
  readonly admin: Admin
  #suffix = ''

  static async open(options: ExampleOptions, signal: AbortSignal): Promise<Stage> {
    const embedded = options.brokers === undefined ? await createCluster({ brokers: 3 }) : undefined
    return new Stage(options, signal, embedded, embedded?.bootstrap ?? options.brokers ?? [])
  }

  private constructor(
    options: ExampleOptions,
    signal: AbortSignal,
    embedded: TestCluster | undefined,
    bootstrap: readonly string[],
  ) {
    this.options = options
    this.signal = signal
    this.embedded = embedded
    this.bootstrap = bootstrap
    this.ledger = new Ledger(options.ledger)
    this.admin = this.app('setup').kafka.admin()
  }

  app(name: string): App {
    const { runtime, crash } = crashable(this.embedded?.runtime ?? nodeRuntime)
    // Silent: an application that is killed on purpose would log warnings.
    const kafka = new Kafka({ clientId: name, brokers: this.bootstrap, runtime, logger: silentLogger })
    this.#apps.add(kafka)
    let killed = false
    return {
      name,
      kafka,
      onFailure: (error) => {
        if (!killed) this.say(`  ${name} has failed: ${error instanceof Error ? error.message : error}`)
      },
      crash: async () => {
        killed = true
        crash()
        this.#apps.delete(kafka)
        await kafka.close({ timeoutMs: 0 })
      },
    }
  }

  /** Topics and groups of an example may exist on a real Kafka: then all names of this run get a suffix. */
  named(name: string): string {
    return name + this.#suffix
  }

  /** Creates the topics and waits until every partition has its leader. */
  async createTopics(topics: readonly Topic[]): Promise<void> {
    const admin = this.admin
    const existing = new Set((await admin.listTopics()).map((topic) => topic.name))
    if (topics.some((topic) => existing.has(this.named(topic.name)))) this.#suffix = `-${Date.now().toString(36)}`
    const brokers = (await admin.describeCluster()).brokers.length
    const wanted = topics.map(({ name, partitions, replicationFactor = 3 }) => ({
      name: this.named(name),
      partitions,
      replicationFactor: Math.min(replicationFactor, brokers),
    }))
    await admin.createTopics(wanted)
    this.#created.push(...wanted.map((topic) => topic.name))
    const names = wanted.map((topic) => topic.name)
    await this.until(`topics ${names} have leaders`, async () => {
      const described = await admin.describeTopics(names).catch(unlessRetriable)
      const partitions = described.flatMap((topic) => topic.partitions)
      return described.length === names.length && partitions.every((partition) => partition.leader >= 0)
    })
  }

  /** Waits, unless Ctrl-C ends it. */
  async pause(ms: number): Promise<void> {
    this.signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        reject(this.signal.reason)
      }
      const timer = setTimeout(() => {
        this.signal.removeEventListener('abort', stop)
        resolve()
      }, ms)
      this.signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** Waits until the condition holds; rejects after a limit, so that an example never hangs. */
  async until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
    const end = Date.now() + limitMs
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`${what}: not so after ${limitMs / 1000} s`)
      await this.pause(20)
    }
  }

  /** Closes all applications, deletes the topics it made on a real Kafka, and stops the embedded cluster. */
  async close(): Promise<void> {
    try {
      if (this.embedded === undefined && this.#created.length > 0) {
        await this.admin.deleteTopics(this.#created, { timeoutMs: 5_000 })
      }
    } finally {
      await Promise.all([...this.#apps].map((kafka) => kafka.close({ timeoutMs: 2_000 })))
      await this.embedded?.close()
      await this.ledger.close()
    }
  }
}
