import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { KafkaError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { waitAtMost, withSignal } from '../runtime/wait.ts'

/** A call of the listener that is awaited. It ends early when its signal aborts. */
export type Hook = (signal: AbortSignal) => Promise<void>

export interface HookQueueOptions {
  /** Limit of one hook; then its signal aborts. */
  readonly timeoutMs: number
  /** How long the queue waits for a hook whose signal has aborted. */
  readonly graceMs: number
}

/**
 * Runs the hooks of one membership, never two at a time, in the order of the calls. A hook that ignores its signal for `graceMs`
 * is abandoned, because the group does not wait longer for this member.
 */
export class HookQueue {
  readonly #runtime: Runtime
  readonly #logger: Pick<Logger, 'warn'>
  readonly #options: HookQueueOptions
  readonly #closing = new AbortController()
  #last: Promise<void> = Promise.resolve()
  #running: AbortController | undefined
  /** Hooks that were queued before the last `supersede` do not start. */
  #epoch = 0
  #graceMs: number

  constructor(runtime: Runtime, logger: Pick<Logger, 'warn'>, options: HookQueueOptions) {
    this.#runtime = runtime
    this.#logger = logger
    this.#options = options
    this.#graceMs = options.graceMs
  }

  /**
   * Runs a hook after all earlier ones. Resolves when it has ended, was abandoned, or was superseded before it began. Rejects with
   * its error, unless its signal aborted before.
   */
  run(name: string, hook: Hook): Promise<void> {
    const epoch = this.#epoch
    const ended = this.#last.then(() => (epoch === this.#epoch ? this.#call(name, hook) : undefined))
    this.#last = ended.catch(() => {})
    return ended
  }

  /** Aborts the signal of the hook that runs; hooks that have not begun do not begin. */
  supersede(reason: KafkaError, graceMs = this.#options.graceMs): void {
    this.#epoch++
    this.#graceMs = graceMs
    this.#running?.abort(reason)
  }

  /** Resolves when no hook runs or waits. */
  async idle(): Promise<void> {
    for (let last: Promise<void> | undefined; last !== this.#last; ) {
      last = this.#last
      await last
    }
  }

  /** Supersedes everything without any grace. No timer is left. */
  close(reason: KafkaError): void {
    this.supersede(reason, 0)
    this.#closing.abort(reason)
  }

  async #call(name: string, hook: Hook): Promise<void> {
    const running = new AbortController()
    const { signal } = running
    const { timeoutMs, graceMs } = this.#options
    this.#running = running
    this.#graceMs = graceMs
    const expire = () => {
      this.#logger.warn('a rebalance hook took too long', { hook: name, timeoutMs })
      running.abort(new KafkaError('TIMED_OUT', `${name} did not end within ${timeoutMs} ms`, { retriable: true }))
    }
    const timer = this.#runtime.setTimer(expire, timeoutMs)
    const ended = startOf(hook, signal)
    try {
      await withSignal(ended, signal)
    } catch (error) {
      if (!signal.aborted) throw error
      await this.#endOf(name, ended)
    } finally {
      this.#runtime.clearTimer(timer)
      this.#running = undefined
    }
  }

  /** The end of a hook whose signal has aborted: its failure is a consequence. */
  async #endOf(name: string, hook: Promise<void>): Promise<void> {
    const ended = hook.catch((error: unknown) => {
      this.#logger.warn('a rebalance hook failed after it was aborted', { hook: name, error: textOf(error) })
    })
    const bounded = withSignal(ended, this.#closing.signal).then(
      () => true,
      () => false,
    )
    const inTime = await waitAtMost(this.#runtime, this.#graceMs, bounded)
    if (!inTime) this.#logger.warn('a rebalance hook was abandoned', { hook: name, graceMs: this.#graceMs })
  }
}

/** A hook that throws instead of rejecting rejects. */
async function startOf(hook: Hook, signal: AbortSignal): Promise<void> {
  await hook(signal)
}
