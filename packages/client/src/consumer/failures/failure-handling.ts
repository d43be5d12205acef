import type { Runtime } from '@ottla/runtime'
import { optionError } from '../../errors.ts'
import { onAbort } from '../../runtime/wait.ts'
import { topic } from '../../topics/topic.ts'
import type { ConsumerEventMap } from '../events.ts'
import type { ConsumerOptions, ResolvedConsumerOptions, TopicSelector } from '../options.ts'
import type { ResolvedRunOptions } from '../reading/run-options.ts'
import { DueTimes } from './due-times.ts'
import { type FailureOptions, type RetryTopic, targetsOf } from './failure-options.ts'
import type { FailureSender } from './failure-sender.ts'
import { type ForwardedNotice, TopicRecovery } from './recovery.ts'
import { retryHandler } from './retry-handler.ts'
import { isSubscribed } from './subscribed.ts'

/** A consumer of one retry topic: another consumer of the same client. */
export interface RetryConsumer {
  /** Its handler calls, and so must not wait for it. */
  readonly isCalledByHandler: boolean
  runRetries(options: ResolvedRunOptions): Promise<void>
  close(options: { readonly timeoutMs?: number | undefined }): Promise<void>
  on<E extends ForwardedEvent>(event: E, listener: ConsumerEventMap[E]): unknown
}

/** Events of the retry consumers that the consumer itself emits too. */
type ForwardedEvent = (typeof forwardedEvents)[number]
const forwardedEvents = ['retry', 'stalled', 'stuck', 'commitFailed', 'unreadable'] as const

export interface FailureHost {
  readonly runtime: Runtime
  readonly given: ConsumerOptions<TopicSelector>
  readonly options: ResolvedConsumerOptions
  readonly sender: FailureSender
  /** Undefined: the consumer was not created by `kafka.consumer()`. */
  readonly createConsumer: ((options: ConsumerOptions<TopicSelector>) => RetryConsumer) | undefined
  onForwarded(notice: ForwardedNotice): void
  emit<E extends ForwardedEvent>(event: E, ...args: Parameters<ConsumerEventMap[E]>): void
}

type Start = (options: ResolvedRunOptions) => Promise<void>

const owner = 'consumer.run()'

/** Runs a consumer together with the consumers of its retry topics, and sends what fails for good elsewhere. */
export class FailureHandling {
  readonly #host: FailureHost
  readonly #consumers = new Set<RetryConsumer>()

  constructor(host: FailureHost) {
    this.#host = host
  }

  /** Whether a handler of a retry topic calls. */
  get isCalledByHandler(): boolean {
    return [...this.#consumers].some(({ isCalledByHandler }) => isCalledByHandler)
  }

  /** Rejects with the first failure of any of them, when all have ended. */
  async run(given: ResolvedRunOptions, start: Start): Promise<void> {
    const failures = { ...given.failures, deadLetter: given.failures.deadLetter ?? this.#host.options.deadLetter }
    const options = { ...given, failures }
    if (failures.deadLetter === undefined && failures.retryTopics.length === 0) return start(options)
    this.#check(options)
    if (failures.deadLetter?.producer === undefined) this.#host.sender.prepare()
    const main = { ...options, recovery: this.#recovery(failures, -1) }
    if (failures.retryTopics.length === 0) return start(main)
    await this.#runTogether(main, start)
  }

  async close(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close({ timeoutMs })))
  }

  async #runTogether(main: ResolvedRunOptions, start: Start): Promise<void> {
    const stop = new AbortController()
    const release = onAbort(main.signal, () => stop.abort(main.signal?.reason))
    const failed: { readonly error: unknown }[] = []
    // However one of them ends, the others have nothing to do any more.
    const watched = (running: Promise<void>): Promise<void> =>
      running
        .catch((error: unknown) => {
          failed.push({ error })
        })
        .finally(() => stop.abort())
    const children: RetryConsumer[] = []
    try {
      const runs = [watched(start({ ...main, signal: stop.signal }))]
      for (const [stage, topic] of main.failures.retryTopics.entries()) {
        const consumer = this.#create(topic)
        children.push(consumer)
        this.#consumers.add(consumer)
        runs.push(watched(consumer.runRetries(this.#retryOptions(main, stage, topic, stop.signal))))
      }
      await Promise.all(runs)
    } finally {
      release()
      stop.abort()
      await Promise.all(children.map((consumer) => consumer.close({})))
      for (const consumer of children) this.#consumers.delete(consumer)
    }
    const [first] = failed
    if (first !== undefined) throw first.error
  }

  /** The options of the consumer itself, for another topic and another group, which begins with its first record. */
  #create({ topic: name, groupId }: RetryTopic): RetryConsumer {
    const { given, createConsumer, emit } = this.#host
    if (createConsumer === undefined) throw optionError('retryTopics', owner, 'needs a consumer of kafka.consumer()')
    const { topics: _topics, assign: _assign, onAssigned: _on, onRevoked: _off, onLost: _lost, ...rest } = given
    const consumer = createConsumer({
      ...rest,
      topics: [this.#typed(name)],
      groupId: groupId ?? `${given.groupId}-${name}`,
      offsetReset: 'earliest',
    })
    for (const event of forwardedEvents) forward(consumer, event, emit)
    return consumer
  }

  /** The records of a retry topic have the types of the topic that the consumer reads. */
  #typed(retryTopic: string): TopicSelector {
    const [serdes] = this.#host.options.serdes.values()
    return serdes === undefined ? retryTopic : topic(retryTopic, { key: serdes.key, value: serdes.value })
  }

  #retryOptions(
    main: ResolvedRunOptions,
    stage: number,
    { delayMs }: RetryTopic,
    signal: AbortSignal,
  ): ResolvedRunOptions {
    const each =
      main.each === undefined ? undefined : retryHandler(main.each, new DueTimes(this.#host.runtime, delayMs))
    return { ...main, each, signal, recovery: this.#recovery(main.failures, stage) }
  }

  #recovery(failures: FailureOptions, stage: number): TopicRecovery {
    const { runtime, sender, options, onForwarded } = this.#host
    const isRead = (topic: string) =>
      isSubscribed(options, topic) || failures.retryTopics.some((retryTopic) => retryTopic.topic === topic)
    return new TopicRecovery({ runtime, sender, groupId: options.groupId, isRead, onForwarded }, failures, stage)
  }

  #check({ failures, eachBatch }: ResolvedRunOptions): void {
    const { given, options } = this.#host
    for (const { name, topic } of targetsOf(failures)) {
      if (!isSubscribed(options, topic)) continue
      const hint = 'Choose another topic, or a pattern that does not match it: its records would be read as new ones.'
      throw optionError(name, owner, `is a topic that this consumer reads ('${topic}')`, hint)
    }
    const last = failures.deadLetter?.topic
    if (failures.retryTopics.some(({ topic }) => topic === last)) {
      throw optionError('deadLetter.topic', owner, 'is one of the retry topics')
    }
    if (failures.retryTopics.length === 0) return
    if (options.serdes.size > 0 && options.topics.length > 1) {
      const hint = 'Use a consumer of its own for each typed topic.'
      throw optionError('retryTopics', owner, 'needs a consumer of a single topic, where that is typed', hint)
    }
    if (eachBatch !== undefined)
      throw optionError('retryTopics', owner, "needs 'each': it does not work with 'eachBatch'")
    if (given.until !== undefined) {
      const hint = "Leave 'until' out, or use 'retry' and 'deadLetter' alone."
      throw optionError('retryTopics', owner, "excludes 'until' of the consumer: a retry topic has no end", hint)
    }
    if (given.groupId === undefined) throw optionError('retryTopics', owner, 'needs a consumer with a groupId')
    if (options.commit.automatic && options.commit.mark) return
    const hint = "Leave 'commit' out: the handler cannot commit messages that another consumer has read."
    throw optionError(
      'retryTopics',
      owner,
      "needs automatic commits: option 'commit' of the consumer excludes it",
      hint,
    )
  }
}

function forward<E extends ForwardedEvent>(consumer: RetryConsumer, event: E, emit: FailureHost['emit']): void {
  consumer.on(event, ((...args: Parameters<ConsumerEventMap[E]>) => emit(event, ...args)) as ConsumerEventMap[E])
}
