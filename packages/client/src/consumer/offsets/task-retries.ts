import type { Cluster } from '../../cluster/cluster.ts'
import { retryBackoffMs } from '../../cluster/retry-backoff.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import { DeadlineTimer } from '../../runtime/deadline-timer.ts'
import type { OffsetTask } from './offset-batch.ts'

/** For errors that only an administrator can end. */
const slowly = { firstMs: 1_000, maxMs: 10_000 }

export interface FailedTask {
  readonly task: OffsetTask
  readonly isSlow: boolean
  /** The metadata has to be refreshed before the next attempt. */
  readonly isStale: boolean
}

interface Group {
  readonly atMs: number
  readonly isStale: boolean
  readonly tasks: OffsetTask[]
}

/** Tasks that wait for their next attempt. Those that failed together are due together, so that one request has all of them. */
export class TaskRetries {
  readonly #cluster: Pick<Cluster, 'runtime' | 'options' | 'refreshMetadata'>
  readonly #closing: AbortSignal
  readonly #resume: (tasks: readonly OffsetTask[]) => void
  readonly #timer: DeadlineTimer
  #groups: Group[] = []

  constructor(
    cluster: Pick<Cluster, 'runtime' | 'options' | 'refreshMetadata'>,
    closing: AbortSignal,
    resume: (tasks: readonly OffsetTask[]) => void,
  ) {
    this.#cluster = cluster
    this.#closing = closing
    this.#resume = resume
    this.#timer = new DeadlineTimer(cluster.runtime, (nowMs) => this.#fire(nowMs))
  }

  add(failed: readonly FailedTask[]): void {
    const groups = new Map<string, Group>()
    for (const { task, isSlow, isStale } of failed) {
      const failures = ++task.failures
      const key = `${failures} ${isSlow} ${isStale}`
      let group = groups.get(key)
      if (group === undefined) {
        group = { atMs: this.#cluster.runtime.monoNow() + this.#pauseMs(failures, isSlow), isStale, tasks: [] }
        groups.set(key, group)
        this.#groups.push(group)
        this.#timer.wakeBy(group.atMs)
      }
      group.tasks.push(task)
    }
  }

  close(): void {
    this.#timer.stop()
    this.#groups = []
  }

  #pauseMs(failures: number, isSlow: boolean): number {
    return isSlow ? backoffMs(this.#cluster.runtime, failures, slowly) : retryBackoffMs(this.#cluster, failures)
  }

  #fire(nowMs: number): number {
    const due = this.#groups.filter(({ atMs }) => atMs <= nowMs)
    this.#groups = this.#groups.filter(({ atMs }) => atMs > nowMs)
    const stale: OffsetTask[] = []
    for (const { isStale, tasks } of due) {
      const open = tasks.filter(({ ended }) => !ended)
      if (!isStale) this.#resume(open)
      else for (const task of open) stale.push(task)
    }
    if (stale.length > 0) void this.#refresh(stale)
    return this.#groups.reduce((earliest, { atMs }) => Math.min(earliest, atMs), Number.POSITIVE_INFINITY)
  }

  /** One refresh for all of them. The other tasks do not wait for it. */
  async #refresh(tasks: readonly OffsetTask[]): Promise<void> {
    const topics = [...new Set(tasks.map(({ topic }) => topic))]
    const limits = { timeoutMs: this.#cluster.options.requestTimeoutMs, signal: this.#closing }
    try {
      await this.#cluster.refreshMetadata('offsets are looked up', topics, limits)
    } catch {
      // The next attempt reports what is wrong.
    }
    if (!this.#closing.aborted) this.#resume(tasks)
  }
}
