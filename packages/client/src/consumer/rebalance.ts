import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { describePartition, KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/membership.ts'
import { onAbort, waitAtMost, within, withSignal } from '../runtime/wait.ts'
import type { Committer } from './committer.ts'
import { Cursor, type CursorMap } from './cursor.ts'
import type { RebalanceHook, ResolvedConsumerOptions } from './options.ts'
import type { Positions } from './positions.ts'
import type { Prefetch } from './prefetch.ts'

export interface AssignmentHost {
  readonly runtime: Runtime
  readonly options: ResolvedConsumerOptions
  readonly cursors: CursorMap
  readonly prefetch: Prefetch
  readonly committer: Committer
  readonly positions: Positions
  /** The set of partitions changed. */
  changed(): void
  watch(topics: readonly string[]): void
  onHookFailed(error: KafkaError): void
  onCommitFailed(error: unknown): void
}

/** Adds and releases partitions, in an order that loses nothing and redelivers little. */
export class Assignment {
  readonly #host: AssignmentHost

  constructor(host: AssignmentHost) {
    this.#host = host
  }

  async add(partitions: readonly TopicPartition[], signal?: AbortSignal): Promise<void> {
    const { cursors } = this.#host
    const fresh: Cursor[] = []
    for (const { topic, partition } of partitions) {
      if (cursors.get(topic, partition) !== undefined) continue
      const cursor = new Cursor(topic, partition)
      cursors.add(cursor)
      fresh.push(cursor)
    }
    await this.begin(fresh, signal)
  }

  /** Calls the hook before the positions are looked up, so that it can seek. */
  async begin(cursors: readonly Cursor[], signal?: AbortSignal): Promise<void> {
    this.#host.watch([...new Set(cursors.map(({ topic }) => topic))])
    await this.#hook('onAssigned', this.#host.options.onAssigned, cursors, signal)
    this.#host.changed()
    this.#host.positions.resolve(cursors.filter(({ owned }) => owned))
  }

  /** Stops delivery, waits for running handlers, calls the hook, commits, and then aborts what still runs. */
  async revoke(partitions: readonly TopicPartition[], graceMs: number, signal?: AbortSignal): Promise<void> {
    const { committer, options } = this.#host
    const cursors = this.#find(partitions)
    for (const cursor of cursors) {
      cursor.revoking = true
      cursor.refresh()
    }
    await this.#idle(cursors, graceMs, signal)
    if (signal?.aborted !== true) await this.#hook('onRevoked', options.onRevoked, partitions, signal)
    if (signal?.aborted !== true && options.commit.automatic) {
      const offsets = committer.pending(cursors)
      const timeoutMs = Math.min(options.rebalanceTimeoutMs, options.sessionTimeoutMs)
      await committer.commit(offsets, { timeoutMs }).catch((error: unknown) => this.#host.onCommitFailed(error))
    }
    this.#drop(cursors, 'The partition was revoked')
  }

  /** Other members may have the partitions: nothing is awaited or committed. */
  lose(partitions: readonly TopicPartition[]): void {
    this.#drop(this.#find(partitions), 'The partition was lost')
  }

  async afterLoss(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    await this.#hook('onLost', this.#host.options.onLost, partitions, signal)
  }

  #find(partitions: readonly TopicPartition[]): Cursor[] {
    return partitions
      .map(({ topic, partition }) => this.#host.cursors.get(topic, partition))
      .filter((cursor) => cursor !== undefined)
  }

  #drop(cursors: readonly Cursor[], why: string): void {
    for (const cursor of cursors) {
      this.#host.cursors.delete(cursor)
      this.#host.prefetch.clear(cursor)
      cursor.assignmentEpoch++
      cursor.owned = false
      cursor.refresh()
      const { topic, partition } = cursor
      cursor.abort(
        new KafkaError('ABORTED', `${why}: ${describePartition({ topic, partition })}`, { topic, partition }),
      )
    }
    this.#host.changed()
  }

  async #idle(cursors: readonly Cursor[], graceMs: number, signal: AbortSignal | undefined): Promise<void> {
    const busy = cursors.filter((cursor) => cursor.inHand > 0)
    if (busy.length === 0) return
    const idle = busy.map((cursor) => new Promise<void>((resolve) => cursor.onIdle(resolve)))
    const all = withSignal(Promise.all(idle), signal).catch(() => {})
    await waitAtMost(this.#host.runtime, graceMs, all)
  }

  /**
   * A hook that takes longer than the rebalance timeout would end the membership, which limits the hooks of its members and aborts
   * their signal. A hook that a loss superseded has not failed.
   */
  async #hook(
    name: string,
    hook: RebalanceHook | undefined,
    partitions: readonly TopicPartition[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (hook === undefined || partitions.length === 0) return
    const list = partitions.map(({ topic, partition }) => ({ topic, partition }))
    const failed = (cause: unknown) => {
      const message = `The hook ${name} failed: ${textOf(cause)}`
      this.#host.onHookFailed(new KafkaError('HANDLER_FAILED', message, { fatal: true, cause }))
    }
    if (signal === undefined) {
      await this.#limited(name, hook, list).catch(failed)
      return
    }
    const release = onAbort(signal, () => {
      const { reason } = signal
      if (KafkaError.is(reason) && meaningOf(reason.code).ended === 'deadline') failed(reason)
    })
    try {
      await hook(list, signal)
    } catch (cause) {
      if (!signal.aborted) failed(cause)
    } finally {
      release()
    }
  }

  async #limited(name: string, hook: RebalanceHook, list: readonly TopicPartition[]): Promise<void> {
    const { runtime, options } = this.#host
    const timeoutMs = options.rebalanceTimeoutMs
    const timedOut = () => new Error(`it did not end within ${timeoutMs} ms`)
    const limits = { operation: `The hook ${name}`, timeoutMs, timedOut }
    await within(runtime, limits, async (signal) => withSignal(Promise.resolve(hook(list, signal)), signal))
  }
}
