import type { Runtime, Timer } from '@ottla/runtime'
import type { TopicSettings } from '../configs/topic-config.ts'
import { type Cleanable, cleanableOf, cleanLog } from './log-cleaner.ts'
import type { ReplicaLog } from './replica-log.ts'

/** The parts of a replica that the cleaner needs. */
export interface CleanedReplica {
  readonly settings: TopicSettings
  readonly lastStableOffset: number
  readonly log: ReplicaLog
}

export interface CleaningOptions {
  readonly runtime: Runtime
  /** log.cleaner.enable */
  readonly isEnabled: boolean
  /** The current value of log.cleaner.backoff.ms. */
  readonly backoffMs: () => number
  readonly replicas: () => Iterable<CleanedReplica>
}

/** Lets time advance even when the backoff is 0. */
const shortestWaitMs = 1
/** After this wait the cleaner checks again: a timer of a runtime is limited to 2^31 ms. */
const longestWaitMs = 86_400_000

interface DirtyLog {
  readonly replica: CleanedReplica
  readonly cleanable: Cleanable
}

/**
 * One broker's log cleaner: compacts logs that are dirty enough. It checks every log.cleaner.backoff.ms, but only while a log
 * may become due; a closed segment or a config change starts it again.
 */
export class CleaningSchedule {
  readonly #options: CleaningOptions
  /** Logs that could not be read; like Kafka, the cleaner skips them from then on. */
  readonly #uncleanable = new WeakSet<CleanedReplica>()
  #timer: Timer | undefined
  #timerAtMs = 0
  #isReviewDue = false
  #isRunning = false
  #isCleaning = false

  constructor(options: CleaningOptions) {
    this.#options = options
  }

  start(): void {
    this.#isRunning = true
    this.#isReviewDue = true
    this.review()
  }

  halt(): void {
    this.#isRunning = false
    if (this.#timer !== undefined) this.#options.runtime.clearTimer(this.#timer)
    this.#timer = undefined
  }

  watch(replica: CleanedReplica): void {
    replica.log.onRolled = () => this.#arm(replica.settings.isCompacted ? 0 : undefined)
  }

  /** Configs changed: the next `review` checks the logs again. */
  rulesChanged(): void {
    this.#isReviewDue = true
  }

  /** Sets the timer again after config changes; without changes it does nothing. */
  review(): void {
    if (!this.#isReviewDue) return
    this.#isReviewDue = false
    let soonestMs: number | undefined
    for (const { cleanable } of this.#dirtyLogs()) {
      const { dueInMs } = cleanable
      if (dueInMs !== undefined && dueInMs < (soonestMs ?? Number.POSITIVE_INFINITY)) soonestMs = dueInMs
    }
    this.#arm(soonestMs)
  }

  /** Compacts every log of a compacted topic, regardless of how dirty it is. */
  async compactAll(): Promise<void> {
    for (const replica of [...this.#options.replicas()]) {
      while (this.#isRunning && !(await this.#clean(replica)));
    }
  }

  #arm(dueInMs: number | undefined): void {
    const { runtime, backoffMs, isEnabled } = this.#options
    if (dueInMs === undefined || this.#isCleaning || !this.#isRunning || !isEnabled) return
    const waitMs = Math.min(Math.max(shortestWaitMs, backoffMs(), dueInMs), longestWaitMs)
    const atMs = runtime.monoNow() + waitMs
    if (this.#timer !== undefined) {
      if (this.#timerAtMs <= atMs) return
      runtime.clearTimer(this.#timer)
    }
    this.#timerAtMs = atMs
    this.#timer = runtime.setTimer(() => {
      this.#timer = undefined
      void this.#work()
    }, waitMs)
  }

  /** Cleans the dirtiest log until none is dirty enough. */
  async #work(): Promise<void> {
    this.#isCleaning = true
    for (let next = this.#dirtiest(); next !== undefined && this.#isRunning; next = this.#dirtiest()) {
      try {
        await this.#clean(next)
      } catch {
        this.#uncleanable.add(next)
      }
    }
    this.#isCleaning = false
    this.#isReviewDue = true
    this.review()
  }

  /** False when the log was truncated during the cleaning; it is then unchanged. */
  async #clean(replica: CleanedReplica): Promise<boolean> {
    const { settings, lastStableOffset, log } = replica
    if (!settings.isCompacted) return true
    const { runtime } = this.#options
    return cleanLog(log, { ...settings, lastStableOffset, nowMs: runtime.wallNow() }, runtime)
  }

  #dirtiest(): CleanedReplica | undefined {
    let dirtiest: DirtyLog | undefined
    for (const dirty of this.#dirtyLogs()) {
      if (dirty.cleanable.isDue && dirty.cleanable.ratio > (dirtiest?.cleanable.ratio ?? -1)) dirtiest = dirty
    }
    return dirtiest?.replica
  }

  *#dirtyLogs(): Generator<DirtyLog> {
    const nowMs = this.#options.runtime.wallNow()
    for (const replica of this.#options.replicas()) {
      const { settings, lastStableOffset, log } = replica
      if (!settings.isCompacted || this.#uncleanable.has(replica)) continue
      yield { replica, cleanable: cleanableOf(log, { ...settings, lastStableOffset, nowMs }) }
    }
  }
}
