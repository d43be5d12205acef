import type { Consumer, HandlerContext, Message, MessageBatch, RunOptions } from '../../src/index.ts'
import { letterOptions, retryTopic } from './chaos-letters.ts'
import type { ChaosFeature, LettersPlan, ReaderKind } from './chaos-plan.ts'
import type { ChaosRandom } from './chaos-random.ts'

/** What a reader sees of its member. */
export interface ReaderHost {
  readonly consumer: Consumer
  readonly random: ChaosRandom
  /** Whether the next read marks the items before as processed. */
  readonly marks: boolean
  /** Handlers of messages work by key. */
  readonly byKey: boolean
  readonly letters: LettersPlan
  /** The group comes to rest: handlers are fast. */
  readonly isCalm: boolean
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Whether it may happen now: no fault or error is injected while the group comes to rest. */
  may(feature: ChaosFeature, probability: number): boolean
  count(dimension: string): void
  handed(message: Message, byKey?: boolean): void
  done(message: Message): void
  /** Processed, as a record of a retry topic. */
  doneLater(message: Message): void
  /** Everything in hand is delivered again. */
  undone(): void
  violation(what: string, message?: Message): void
  /** Runs a call of the application whose failure it expects. */
  attempt(what: string, call: () => unknown): Promise<void>
}

const lifetimeMs = 600_000

class HandlerFailure extends Error {}

/** One reader after the other, as an application reads: with errors, breaks and slow handlers. */
export class ChaosReader {
  readonly #host: ReaderHost
  /** The items of each order whose handler failed: it is called again with them. An order is a partition, or a key of one. */
  readonly #failing = new Map<string, ReadonlySet<bigint>>()
  /** How often each partition was given up: a handler of before that fails later is not retried. */
  readonly #releases = new Map<string, number>()
  readonly #active = new Map<string, number>()
  /** Until when the handler of an order fails, with the same item. */
  readonly #failsUntilMs = new Map<string, number>()
  #hung = 0
  #committing = 0
  /** The retries of this run last longer than a handler may take. */
  #isPatient = false

  constructor(host: ReaderHost) {
    this.#host = host
  }

  /** Whether a handler takes longer than it may, or waits for a commit that may. */
  get isHung(): boolean {
    return this.#hung + this.#committing > 0
  }

  /** Reads in one way until a break, an error or the end of the session. Resolves to false when poll must not follow. */
  async read(kind: ReaderKind): Promise<boolean> {
    const { random } = this.#host
    const session = new AbortController()
    const isRun = kind === 'each' || kind === 'eachBatch'
    this.#isPatient = isRun && this.#host.may('long retries', 0.5)
    const lengthMs = this.#isPatient ? 60_000 : random.between(1_000, 15_000)
    const ended = this.#host.sleep(lengthMs, session.signal).then(() => session.abort())
    this.#host.count(`read by ${kind}`)
    try {
      if (kind === 'poll') return await this.#poll(session.signal)
      if (kind === 'messages') await this.#messages(session.signal)
      else if (kind === 'batches') await this.#batches(session.signal)
      else await this.#run(kind, session.signal)
      return true
    } finally {
      session.abort()
      await ended
    }
  }

  async #messages(signal: AbortSignal): Promise<void> {
    const host = this.#host
    const reader = host.consumer.messages({ signal })
    for (;;) {
      const next = await this.#next(reader, (message) => host.handed(message))
      if (next === undefined || next.done === true) return
      const message = next.value
      try {
        await this.#handle(message.signal)
        await this.#settle([message])
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error
        host.count('loop failed')
        return await this.#leave(reader)
      }
      if (signal.aborted || host.may('break', 0.08)) return await this.#leave(reader)
      if (host.marks) host.done(message)
    }
  }

  async #batches(signal: AbortSignal): Promise<void> {
    const host = this.#host
    const reader = host.consumer.batches({ signal })
    for (;;) {
      const next = await this.#next(reader, (batch) => {
        for (const message of batch) host.handed(message)
      })
      if (next === undefined || next.done === true) return
      const batch = next.value
      const messages = [...batch]
      try {
        await this.#handle(batch.signal, messages)
        await this.#settle(messages, batch)
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error
        host.count('loop failed')
        return await this.#leave(reader)
      }
      if (signal.aborted || host.may('break', 0.1)) return await this.#leave(reader)
      if (host.marks) for (const message of messages) host.done(message)
    }
  }

  async #leave(reader: { return(): Promise<unknown> }): Promise<void> {
    this.#host.count('break')
    await reader.return()
    this.#host.undone()
  }

  /** Undefined when `return()` was called while it waited: then it must own nothing. */
  async #next<T>(
    reader: { next(): Promise<IteratorResult<T, undefined>>; return(): Promise<unknown> },
    handed: (item: T) => void,
  ): Promise<IteratorResult<T, undefined> | undefined> {
    const host = this.#host
    // The item is handed out when the promise settles, not when this loop looks at it.
    const pending = reader.next().then((result) => {
      if (result.done !== true) handed(result.value)
      return result
    })
    if (!host.may('return during next', 0.15)) return pending
    let hasSettled = false
    const settle = () => {
      hasSettled = true
    }
    const settled = pending.then(settle, settle)
    await host.sleep(host.random.pick([1, 20, 300]))
    if (hasSettled) return pending
    host.count('return during next')
    await reader.return()
    const patience = new AbortController()
    await Promise.race([settled, host.sleep(1_000, patience.signal)])
    patience.abort()
    if (!hasSettled) host.violation('next() does not settle after return()')
    else if ((await pending).done !== true) host.violation('next() resolves to an item after return()')
    return undefined
  }

  async #poll(signal: AbortSignal): Promise<boolean> {
    const host = this.#host
    const { consumer, random } = host
    let last: Message[] = []
    for (;;) {
      if (host.marks) for (const message of last) host.done(message)
      last = await consumer.poll({ maxRecords: random.whole(1, 12), timeoutMs: random.whole(0, 1_500), signal })
      for (const message of last) host.handed(message)
      try {
        if (last.length > 0) await this.#handle(last[0]?.signal, last)
        await this.#settle(last)
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error
        host.count('poll failed')
        if (this.#undo()) {
          last = []
          continue
        }
        return false
      }
      if (signal.aborted || host.may('break', 0.05)) break
    }
    // Another reader, or close(), gives back what was not marked.
    if (host.random.withProbability(0.5)) await this.#mark(last)
    host.undone()
    return false
  }

  #undo(): boolean {
    const host = this.#host
    const mayUndo = host.may('undo', 0.7)
    if (mayUndo) {
      host.count('undo')
      host.consumer.undo()
    }
    host.undone()
    return mayUndo
  }

  async #run(kind: 'each' | 'eachBatch', signal: AbortSignal): Promise<void> {
    const host = this.#host
    const { random } = host
    const each = (message: Message, context: HandlerContext) => this.#called([message], context)
    const eachBatch = (batch: MessageBatch, context: HandlerContext) => this.#called([...batch], context, batch)
    const options = {
      ...(kind === 'each' ? { each } : { eachBatch }),
      concurrency: this.#concurrency(kind),
      ...letterOptions(host.letters, kind),
      retry: this.#isPatient
        ? { attempts: 1_000, backoffMs: [200, 5_000] as const }
        : { attempts: random.pick([1, 1, 2, 3]), backoffMs: [50, 2_000] as const },
      signal,
    }
    try {
      await host.consumer.run(options)
    } finally {
      this.#isPatient = false
      this.#failing.clear()
      this.#failsUntilMs.clear()
      host.undone()
    }
  }

  #concurrency(kind: 'each' | 'eachBatch'): NonNullable<RunOptions['concurrency']> {
    const { random, byKey, count } = this.#host
    const limit = random.pick([1, 1, 2, 4])
    if (!byKey || kind === 'eachBatch') return { limit }
    count('work by key')
    return { by: 'key', limit, maxAhead: random.pick([3, 10, 1_000]) }
  }

  /** The partition was given up: its items are not retried by this run. */
  released({ topic, partition }: { readonly topic: string; readonly partition: number }): void {
    const place = `${topic}/${partition}`
    for (const order of [...this.#failing.keys()]) if (`${order}/`.startsWith(`${place}/`)) this.#failing.delete(order)
    this.#releases.set(place, (this.#releases.get(place) ?? 0) + 1)
  }

  /** A handler of `run`. Without a pause it returns synchronously. */
  #called(messages: readonly Message[], { signal }: HandlerContext, batch?: MessageBatch): unknown {
    const host = this.#host
    const [first] = messages
    if (first === undefined) return undefined
    if (first.topic === retryTopic) return this.#calledLater(first, signal)
    const place = `${first.topic}/${first.partition}`
    const byKey = host.byKey && batch === undefined
    const order = byKey ? `${place}/${first.key}` : place
    // A retry repeats what the handler did not mark.
    const isRetry = this.#failing.get(order)?.has(first.offset) === true
    this.#failing.delete(order)
    if (!isRetry) for (const message of messages) host.handed(message, byKey)
    if ((this.#active.get(order) ?? 0) > 0)
      host.violation(`two handlers of one ${byKey ? 'key' : 'partition'} overlap`, first)
    if (batch === undefined && host.marks && host.random.withProbability(0.3)) {
      host.done(first)
      return undefined
    }
    return this.#handled({ place, order }, messages, signal, batch)
  }

  async #calledLater(message: Message, signal: AbortSignal): Promise<void> {
    this.#host.count('read from the retry topic')
    await this.#handle(signal)
    this.#host.doneLater(message)
  }

  async #handled(
    { place, order }: { readonly place: string; readonly order: string },
    messages: readonly Message[],
    signal: AbortSignal,
    batch: MessageBatch | undefined,
  ): Promise<void> {
    this.#active.set(order, (this.#active.get(order) ?? 0) + 1)
    const releases = this.#releases.get(place)
    try {
      await this.#failLong(order)
      await this.#handle(signal, messages)
      await this.#settle(messages, batch)
      if (this.#host.marks) for (const message of messages) this.#host.done(message)
    } catch (error) {
      if (this.#releases.get(place) === releases)
        this.#failing.set(order, new Set(messages.map(({ offset }) => offset)))
      throw error
    } finally {
      this.#active.set(order, (this.#active.get(order) ?? 0) - 1)
    }
  }

  /** The pauses between the calls are no processing time. */
  async #failLong(order: string): Promise<void> {
    const host = this.#host
    if (!this.#isPatient) return
    const untilMs = this.#failsUntilMs.get(order) ?? 0
    if (untilMs === 0 && host.may('long retries', 0.02)) {
      host.count('long retries')
      this.#failsUntilMs.set(order, host.nowMs() + host.random.between(22_000, 40_000))
    }
    if (host.isCalm || (this.#failsUntilMs.get(order) ?? 0) < host.nowMs()) {
      this.#failsUntilMs.delete(order)
      return
    }
    await host.sleep(host.random.between(1, 20))
    throw new HandlerFailure('the handler fails for a long time')
  }

  /** The application's work: it takes time, hangs, or fails, perhaps after it marked a part. */
  async #handle(signal: AbortSignal | undefined, messages: readonly Message[] = []): Promise<void> {
    const host = this.#host
    const { random } = host
    if (host.isCalm) return await host.sleep(random.between(1, 10))
    const roll = random.next()
    if (roll < 0.6) await host.sleep(random.between(1, 60))
    else if (roll < 0.65) await host.sleep(random.between(300, 2_500))
    if (host.may('hung handler', 0.01)) {
      host.count('hung handler')
      this.#hung++
      // Some end only by their signal.
      if (random.withProbability(0.5)) await host.sleep(random.between(22_000, 45_000))
      else await host.sleep(lifetimeMs, signal)
      this.#hung--
    }
    if (!host.may('handler error', 0.08)) return
    if (messages.length > 1 && host.may('partial done', 0.7)) {
      host.count('partial done')
      await this.#mark(messages.slice(0, random.whole(1, messages.length - 1)))
    }
    host.count('handler error')
    throw new HandlerFailure('the handler fails on purpose')
  }

  /** Marks or commits processed items: always in manual mode, sometimes otherwise. */
  async #settle(messages: readonly Message[], batch?: MessageBatch): Promise<void> {
    const host = this.#host
    if (messages.length === 0 || (host.marks && !host.may('explicit commit', 0.08))) return
    if (batch !== undefined && host.random.withProbability(0.4)) {
      for (const message of messages) host.done(message)
      host.count('batch.commit()')
      await this.#commit('batch.commit()', () => batch.commit())
    } else await this.#mark(messages)
  }

  async #mark(messages: readonly Message[]): Promise<void> {
    const host = this.#host
    const { consumer, random } = host
    if (messages.length === 0) return
    for (const message of messages) host.done(message)
    if (random.withProbability(0.6)) {
      host.count('done()')
      await host.attempt('done()', () => consumer.done(messages))
      if (random.withProbability(0.5)) return
    }
    host.count('commit(items)')
    await this.#commit('commit(items)', () => consumer.commit(messages))
  }

  async #commit(what: string, call: () => unknown): Promise<void> {
    this.#committing++
    await this.#host.attempt(what, call)
    this.#committing--
  }
}
