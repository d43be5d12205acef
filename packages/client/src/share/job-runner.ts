import type { AnyMessage, Message } from '../consumer/message.ts'
import { runInside } from '../consumer/reading/run-context.ts'
import { onAbort, withSignal } from '../runtime/wait.ts'
import type { HeldRecord } from './held-record.ts'
import { Job, type JobActions, type JobOf } from './job.ts'
import type { JobReader, Reading } from './reading.ts'
import type { ResolvedJobRun } from './run-options.ts'

export interface JobRunnerHost {
  readonly maxProcessingMs: number
  /** Aborts when the consumer failed, or is closed. */
  readonly ended: AbortSignal
  onFailed(record: HeldRecord, error: unknown): void
}

/** Passes each record to a handler, until the consumer closes or the signal aborts. A handler that throws releases its record. */
export class JobRunner<M extends AnyMessage = Message> implements JobReader {
  readonly concurrency: number
  /** The run ends by itself at its signal, and waits for its handlers: it does not reject. */
  readonly signal = undefined
  readonly #options: ResolvedJobRun
  readonly #reading: Reading
  readonly #actions: JobActions
  readonly #host: JobRunnerHost
  readonly #running = new Set<Promise<void>>()
  #isEnded = false

  constructor(options: ResolvedJobRun, reading: Reading, actions: JobActions, host: JobRunnerHost) {
    this.concurrency = options.concurrency
    this.#options = options
    this.#reading = reading
    this.#actions = actions
    this.#host = host
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Also those that wait: while handlers run long, other members would use up their deliveries. */
  atHalfTime({ handedAtMs }: HeldRecord, nowMs: number): 'renew' | 'release' | 'keep' {
    return handedAtMs !== undefined && nowMs - handedAtMs >= this.#host.maxProcessingMs ? 'keep' : 'renew'
  }

  async run(): Promise<void> {
    this.#reading.acquire(this)
    const release = onAbort(this.#options.signal, () => this.#stop())
    try {
      await runInside(this, () => this.#dispatch())
    } finally {
      release()
      this.#stop()
      // A handler that hangs must not keep `run` from ending.
      await withSignal(Promise.all(this.#running), this.#host.ended).catch(() => {})
      this.#reading.release(this)
    }
  }

  #stop(): void {
    this.#isEnded = true
    this.#reading.wake()
  }

  async #dispatch(): Promise<void> {
    while (!this.#isEnded && this.#reading.isOpen) {
      this.#reading.check()
      const record = this.#running.size < this.concurrency ? this.#reading.take(this) : undefined
      if (record === undefined) {
        await this.#reading.wait()
        continue
      }
      const handling = this.#handle(record).finally(() => {
        this.#running.delete(handling)
        this.#reading.wake()
      })
      this.#running.add(handling)
    }
  }

  async #handle(record: HeldRecord): Promise<void> {
    const job = new Job<M>(record, this.#actions) as JobOf<M>
    const context = {
      get signal() {
        return record.signal
      },
    }
    try {
      await (this.#options.each as (job: JobOf<M>, context: { signal: AbortSignal }) => unknown)(job, context)
      this.#actions.settle(record, 'accept')
    } catch (error) {
      // A handler that ended because of its signal did what it should.
      if (record.lost === undefined || error !== record.lost) this.#host.onFailed(record, error)
      this.#actions.settle(record, 'release')
    }
  }
}
