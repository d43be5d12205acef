import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { abortedError, KafkaError } from '../../errors.ts'
import { sleep, withSignal } from '../../runtime/wait.ts'
import type { Consumer } from '../consumer.ts'
import type { Message } from '../message.ts'
import type { ConsumerOptions } from '../options.ts'
import { isFailureHeader, ownNames } from './failure-headers.ts'
import { unsentError } from './failure-sender.ts'
import { isInternalName, isTopicName, readOriginal } from './original.ts'
import type { OwnSender, RecordSender } from './record-sender.ts'
import {
  type DeadLetter,
  type RedriveOptions,
  type RedriveReport,
  type ResolvedRedrive,
  resolveRedrive,
} from './redrive-options.ts'

export interface RedriveHost {
  readonly runtime: Runtime
  createConsumer(options: ConsumerOptions): Consumer
  createProducer(): OwnSender
  /** The end of each partition. */
  ends(topic: string, signal: AbortSignal | undefined): Promise<ReadonlyMap<number, bigint>>
}

const pollMs = 500
const mostRecords = 100
/** The letters of one poll are in hand until they are moved. */
const longestPollMs = 10_000

/**
 * Moves the letters that a dead letter topic holds at the start back to where they come from, without the headers that describe their
 * failure. At least once: a letter is committed after its record is acknowledged, so that a second call continues where one ended.
 */
export async function redrive(host: RedriveHost, options: RedriveOptions): Promise<RedriveReport> {
  const resolved = resolveRedrive(options)
  const { from, groupId, signal } = resolved
  if (signal?.aborted === true) throw abortedError('Redriving', signal)
  const ends = await host.ends(from, signal)
  const own = resolved.producer === undefined && !resolved.dryRun ? host.createProducer() : undefined
  const start = { groupId, topics: [from], offsetReset: 'earliest', commit: 'manual', commitStart: false } as const
  const consumer = host.createConsumer(start)
  try {
    await consumer.ready({ signal })
    return await new Redrive(host.runtime, resolved, consumer, ends, resolved.producer ?? own).run()
  } finally {
    await consumer.close()
    await own?.close()
  }
}

class Redrive {
  readonly #runtime: Runtime
  readonly #options: ResolvedRedrive
  readonly #consumer: Consumer
  readonly #ends: ReadonlyMap<number, bigint>
  /** Undefined in a dry run. */
  readonly #sender: RecordSender | undefined
  readonly #movedByTopic = new Map<string, number>()
  /** Includes those that are being sent. */
  #taken = 0
  #moved = 0
  #skipped = 0
  #unroutable = 0
  /** When the next letter may be sent, on `monoNow`. */
  #nextMs = 0

  constructor(
    runtime: Runtime,
    options: ResolvedRedrive,
    consumer: Consumer,
    ends: ReadonlyMap<number, bigint>,
    sender: RecordSender | undefined,
  ) {
    this.#runtime = runtime
    this.#options = options
    this.#consumer = consumer
    this.#ends = ends
    this.#sender = sender
  }

  async run(): Promise<RedriveReport> {
    const { limit, ratePerSecond, signal, dryRun } = this.#options
    const perPoll = ratePerSecond === undefined ? mostRecords : Math.floor((ratePerSecond * longestPollMs) / 1_000)
    const maxRecords = Math.max(1, Math.min(mostRecords, perPoll, limit))
    while (this.#taken < limit && !(await this.#isAtEnd())) {
      const messages = await this.#consumer.poll({ maxRecords, timeoutMs: pollMs, signal })
      if (messages.length > 0) await this.#process(messages.filter((message) => this.#isInside(message)))
    }
    // The markers of transactions behind the last letter.
    if (!dryRun) await this.#consumer.commit(undefined, { signal })
    return {
      moved: this.#moved,
      skipped: this.#skipped,
      unroutable: this.#unroutable,
      movedByTopic: this.#movedByTopic,
      isComplete: !dryRun && (await this.#isComplete()),
    }
  }

  /** Letters that arrive meanwhile, among them those that failed again, are for the next call. */
  #isInside({ partition, offset }: Message): boolean {
    return offset < (this.#ends.get(partition) ?? 0n)
  }

  /** Without partitions, during a rebalance or beside another call, it waits until the group is done, or has some for this member. */
  async #isAtEnd(): Promise<boolean> {
    const partitions = this.#consumer.partitions()
    if (partitions.length === 0) return this.#options.dryRun || (await this.#isComplete())
    return partitions.every(
      ({ partition, position }) => position !== undefined && position >= (this.#ends.get(partition) ?? 0n),
    )
  }

  /** Of its own partitions the consumer knows more than is committed: one without any letter has nothing to commit. */
  async #isComplete(): Promise<boolean> {
    const { from, signal } = this.#options
    const own = new Map(this.#consumer.partitions().map(({ partition, done }) => [partition, done]))
    const others = [...this.#ends.keys()].filter((partition) => !own.has(partition))
    const places = others.map((partition) => ({ topic: from, partition }))
    const committed = places.length === 0 ? [] : await this.#consumer.committed(places, { signal })
    const handled = new Map([...own, ...committed.map(({ partition, offset }) => [partition, offset] as const)])
    return [...this.#ends].every(([partition, end]) => (handled.get(partition) ?? 0n) >= end)
  }

  /** Sends the letters side by side, in their order, and commits those that are stored, also when another one fails. */
  async #process(messages: readonly Message[]): Promise<void> {
    const sending: Promise<void>[] = []
    let failed: { readonly error: unknown } | undefined
    const note = (error: unknown) => {
      failed ??= { error }
    }
    try {
      for (const message of messages) {
        if (this.#taken >= this.#options.limit || failed !== undefined) break
        const topic = await this.#targetOf(message)
        if (topic === undefined) this.#done(message)
        else {
          this.#taken++
          await this.#pace()
          sending.push(this.#move(message, topic).catch(note))
        }
      }
    } catch (error) {
      note(error)
    }
    await Promise.all(sending)
    if (!this.#options.dryRun) await this.#consumer.commit().catch(note)
    if (failed !== undefined) throw failed.error
  }

  /** Where a letter is moved; undefined: nowhere, and it is counted. */
  async #targetOf(message: Message): Promise<string | undefined> {
    const { to, topics, filter } = this.#options
    const letter: DeadLetter = { message, original: readOriginal(message) }
    // The description of a batch that could not be read is no record of any topic.
    if (message.header(ownNames.unreadable) !== undefined) {
      this.#unroutable++
      return undefined
    }
    if (filter !== undefined && !(await this.#called('filter', () => filter(letter)))) {
      this.#skipped++
      return undefined
    }
    if (typeof to === 'function') {
      const chosen = await this.#called('to', () => to(letter))
      if (chosen === undefined) {
        this.#skipped++
        return undefined
      }
      return this.#checked(chosen)
    }
    if (to !== undefined) return to
    const topic = letter.original?.topic ?? ''
    return this.#checked((topics?.includes(topic) ?? !isInternalName(topic)) ? topic : undefined)
  }

  #checked(topic: string | undefined): string | undefined {
    if (isTopicName(topic) && topic !== this.#options.from) return topic
    this.#unroutable++
    return undefined
  }

  async #called<T>(option: string, call: () => T | Promise<T>): Promise<T> {
    const { signal } = this.#options
    try {
      return await withSignal(Promise.resolve(call()), signal)
    } catch (cause) {
      if (signal?.aborted === true) throw abortedError('Redriving', signal)
      throw new KafkaError('HANDLER_FAILED', `Option '${option}' of kafka.redrive() failed: ${textOf(cause)}`, {
        cause,
      })
    }
  }

  async #move(message: Message, topic: string): Promise<void> {
    const { key, value } = message
    const headers = message.headers.filter((header) => !isFailureHeader(header.key))
    try {
      await this.#sender?.send({ topic, key, value, headers })
    } catch (error) {
      throw unsentError(`letter at offset ${message.offset}`, topic, error)
    }
    this.#moved++
    this.#movedByTopic.set(topic, (this.#movedByTopic.get(topic) ?? 0) + 1)
    this.#done(message)
  }

  #done(message: Message): void {
    if (this.#options.dryRun) return
    try {
      this.#consumer.done(message)
    } catch {
      // Its partition was given up: the member that has it now moves the letter once more.
    }
  }

  async #pace(): Promise<void> {
    const { ratePerSecond, signal, dryRun } = this.#options
    if (ratePerSecond === undefined || dryRun) return
    const nowMs = this.#runtime.monoNow()
    const pauseMs = this.#nextMs - nowMs
    this.#nextMs = Math.max(nowMs, this.#nextMs) + 1_000 / ratePerSecond
    if (pauseMs <= 0) return
    await sleep(this.#runtime, pauseMs, signal).catch(() => {
      throw abortedError('Redriving', signal!)
    })
  }
}
