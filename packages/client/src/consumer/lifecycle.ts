import { closedError, type KafkaError } from '../errors.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'

export type ConsumerState = 'idle' | 'running' | 'closing' | 'closed'

/** Whether the consumer runs, and why it ended. The parts read it; only `close` and `fail` of the consumer move it. */
export class Lifecycle {
  readonly #begun = new AbortController()
  readonly #closing = new AbortController()
  readonly #ended = new AbortController()
  #started: Deferred<void> = newStarted()
  #isAssigned = false
  #state: ConsumerState = 'idle'
  #fatal: KafkaError | undefined
  /** Milliseconds for closing; before that there is no limit. */
  #closeTimeoutMs = Number.POSITIVE_INFINITY

  get state(): ConsumerState {
    return this.#state
  }

  get fatal(): KafkaError | undefined {
    return this.#fatal
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** Aborts as soon as the consumer begins to close, or has failed: what is in hand should come to its end. */
  get closeBegun(): AbortSignal {
    return this.#begun.signal
  }

  /** Aborts when the consumer is closed, or when it failed: look-ups and commits end. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Aborts when no handler is waited for any more. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Resolves with an assignment whose positions are known. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** The assignment is complete: none of its partitions is being given up or taken over. */
  get isAssigned(): boolean {
    return this.#isAssigned
  }

  get closeTimeoutMs(): number {
    return this.#closeTimeoutMs
  }

  /** Returns whether it was idle. Throws when the consumer failed or is closed. */
  run(): boolean {
    if (this.#fatal !== undefined) throw this.#fatal
    if (this.#state === 'closing' || this.#state === 'closed') throw closedError('consumer')
    const wasIdle = this.#state === 'idle'
    this.#state = 'running'
    return wasIdle
  }

  assigned(): void {
    this.#isAssigned = true
    this.#started.resolve()
  }

  /** Partitions are given up: another assignment follows. */
  reassigning(): void {
    this.#isAssigned = false
  }

  /** The member left its group: `started` waits for the next assignment. */
  unassigned(): void {
    this.#isAssigned = false
    this.#started.resolve()
    this.#started = newStarted()
  }

  /** Returns whether this is the first failure of an open consumer. */
  fail(error: KafkaError): boolean {
    if (this.#fatal !== undefined || this.#state === 'closing' || this.#state === 'closed') return false
    this.#fatal = error
    this.#started.reject(error)
    this.#begun.abort(error)
    this.#ended.abort(error)
    return true
  }

  /** Returns the state before. */
  close(timeoutMs: number): ConsumerState {
    const before = this.#state
    this.#state = 'closing'
    this.#closeTimeoutMs = timeoutMs
    this.#begun.abort(closedError('consumer'))
    return before
  }

  stopRequests(): void {
    const error = closedError('consumer')
    this.#started.reject(error)
    this.#closing.abort(error)
  }

  closed(): void {
    this.#state = 'closed'
    this.#ended.abort(closedError('consumer'))
  }
}

/** It may reject before anything waits for it. */
function newStarted(): Deferred<void> {
  const started = deferred<void>()
  handled(started.promise)
  return started
}
