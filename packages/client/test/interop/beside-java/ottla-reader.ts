import {
  type Consumer,
  type ConsumerOptions,
  Kafka,
  type Message,
  nodeRuntime,
  silentLogger,
  type TopicPartition,
} from '../../../src/index.ts'
import { crashable } from '../../support/crash.ts'
import { GroupTap } from './group-tap.ts'
import { OwnedSpans, type SpanEnd } from './owned-spans.ts'
import type { Commit, Handled, Reader } from './reader.ts'

/** How the application reads. */
export type Mode = 'run' | 'iterate' | 'batches' | 'poll'

/** Called before each record is handled. */
export type Pause = () => Promise<unknown> | undefined

/** A member of a group that reads with ottla, in one of its ways. */
export class OttlaReader implements Reader {
  readonly label: Mode
  readonly groupId: string
  readonly handled: Handled[] = []
  readonly resets: string[] = []
  readonly tap: GroupTap
  readonly spans: OwnedSpans
  readonly consumer: Consumer
  failure: string | undefined
  holding = false
  readonly #kafka: Kafka
  readonly #process = crashable(nodeRuntime)
  readonly #pause: Pause
  #held = ''
  #release: () => void = () => {}
  #closing = false
  #crashed = false

  constructor(
    bootstrap: readonly string[],
    label: Mode,
    options: ConsumerOptions & { readonly groupId: string },
    pause: Pause = () => undefined,
  ) {
    this.label = label
    this.groupId = options.groupId
    this.#pause = pause
    this.tap = new GroupTap(this.#process.runtime)
    this.#kafka = new Kafka({ brokers: bootstrap, runtime: this.tap.runtime, logger: silentLogger })
    this.spans = new OwnedSpans(label)
    this.consumer = this.#kafka.consumer({
      offsetReset: 'earliest',
      onAssigned: (gained) => this.spans.gained(placesOf(gained), Date.now()),
      onRevoked: (revoked) => this.#ended(revoked, 'revoked'),
      onLost: (lost) => this.#ended(lost, 'lost'),
      ...options,
    })
    this.consumer.on('positionReset', ({ topic, partition, from, to, reason }) => {
      if (reason !== 'no-committed-offset') this.resets.push(`${topic}-${partition} ${from} → ${to}: ${reason}`)
    })
    this.#read().catch((error: unknown) => {
      if (!this.#closing) this.failure = String(error)
    })
  }

  get commits(): readonly Commit[] {
    return this.tap.commits
  }

  get fetches(): number {
    return this.tap.fetchCount
  }

  get assigned(): readonly string[] {
    return this.consumer.assignment().map(({ topic, partition }) => `${topic}-${partition}`)
  }

  async hold(value: string): Promise<void> {
    this.#held = value
  }

  release(): void {
    this.#held = ''
    this.holding = false
    this.#release()
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.consumer.close()
    await this.#kafka.close()
  }

  /** Ends without leaving the group, as a killed process does. What it still reads counts for nothing. */
  async crash(): Promise<void> {
    this.#crashed = true
    this.spans.crashed(Date.now())
    this.tap.stop()
    this.#process.crash()
    await this.close()
  }

  #ended(places: readonly TopicPartition[], end: SpanEnd): void {
    this.spans.ended(placesOf(places), Date.now(), end)
  }

  async #read(): Promise<void> {
    const each = (message: Message) => this.#handle(message)
    if (this.label === 'run') return this.consumer.run({ each })
    if (this.label === 'iterate') for await (const message of this.consumer) await each(message)
    if (this.label === 'batches') {
      for await (const batch of this.consumer.batches()) for (const message of batch) await each(message)
    }
    while (this.label === 'poll') {
      for (const message of await this.consumer.poll({ timeoutMs: 200 })) await each(message)
    }
  }

  async #handle({ topic, partition, offset, value: bytes }: Message): Promise<void> {
    const value = String(bytes)
    if (value === this.#held) {
      this.holding = true
      await new Promise<void>((resolve) => {
        this.#release = resolve
      })
    }
    await this.#pause()
    if (!this.#crashed) this.handled.push({ topic, partition, offset: Number(offset), value, atMs: Date.now() })
  }
}

function placesOf(partitions: readonly TopicPartition[]): string[] {
  return partitions.map(({ topic, partition }) => `${topic}-${partition}`)
}
