import type { Runtime } from '@ottla/runtime'
import type { TopicPartition } from '../cluster/topology.ts'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { describePartition, KafkaError } from '../errors.ts'
import { onAbort, waitAtMost, within, withSignal } from '../runtime/wait.ts'
import type { RebalanceHook, ResolvedConsumerOptions } from './options.ts'
import { AssignedPartition } from './partition/assigned-partition.ts'
import type { BufferHost } from './partition/partition-buffer.ts'
import { PartitionMap } from './partition/partition-map.ts'
import type { Deliveries } from './reading/delivery.ts'

export interface AssignmentHost {
  readonly runtime: Runtime
  readonly options: ResolvedConsumerOptions
  readonly deliveries: Deliveries
  readonly buffers: BufferHost<AssignedPartition>
  /** Aborts when the consumer failed or is closed: no hook is waited for any more. */
  readonly ended: AbortSignal
  /** The set of partitions changed. */
  changed(): void
  watch(topics: readonly string[]): void
  /** Looks up where to read these partitions. */
  resolve(partitions: readonly AssignedPartition[]): void
  /** Commits what is processed of these partitions. */
  commit(partitions: readonly AssignedPartition[], timeoutMs: number): Promise<void>
  /** They no longer belong to this consumer. */
  released(partitions: readonly AssignedPartition[]): void
  /** May be delivered again. */
  ready(partition: AssignedPartition): void
  onHookFailed(error: KafkaError): void
  onCommitFailed(error: unknown): void
}

/** A turn of the event loop handles at most this number of partitions: ten thousand would delay heartbeats. */
const partitionsPerTurn = 1_000

/** The partitions of this consumer: adds and releases them, in an order that loses nothing and redelivers little. */
export class Assignment {
  readonly #host: AssignmentHost
  readonly #partitions = new PartitionMap<AssignedPartition>()
  /** Released, while the application still processes items of them: their successors wait. */
  readonly #lingering = new PartitionMap<AssignedPartition>()
  /** Paused by the application, by place: the pause outlives a revocation. */
  readonly #paused = new PartitionMap<TopicPartition>()
  #isClosed = false

  constructor(host: AssignmentHost) {
    this.#host = host
  }

  get partitions(): PartitionMap<AssignedPartition> {
    return this.#partitions
  }

  /** Creates the partitions without a hook: those of the option `assign`. */
  create(place: TopicPartition, start?: AssignedPartition['start']): AssignedPartition {
    const { topic, partition: index } = place
    const partition = new AssignedPartition(topic, index, this.#host.buffers, start)
    if (this.#paused.get(place) !== undefined) partition.pause(true)
    const before = this.#lingering.get(place)
    if (before !== undefined) {
      partition.block(true)
      before.hands.onIdle(() => this.#unblock(before))
    }
    this.#partitions.set(partition)
    return partition
  }

  async add(places: readonly TopicPartition[], signal?: AbortSignal): Promise<void> {
    const fresh: AssignedPartition[] = []
    for (const slice of slices(places)) {
      for (const place of slice) if (this.#partitions.get(place) === undefined) fresh.push(this.create(place))
      await this.#rest(slice)
      // They were lost meanwhile.
      if (signal?.aborted || this.#isClosed) return
    }
    await this.begin(fresh, signal)
  }

  /** Calls the hook before the positions are looked up, so that it can seek. */
  async begin(partitions: readonly AssignedPartition[], signal?: AbortSignal): Promise<void> {
    this.#host.watch([...new Set(partitions.map(({ topic }) => topic))])
    await this.#hook('onAssigned', this.#host.options.onAssigned, partitions, signal)
    this.#host.changed()
    for (const slice of slices(partitions)) {
      if (this.#isClosed) return
      this.#host.resolve(slice.filter(({ owned }) => owned))
      await this.#rest(slice)
    }
  }

  /** Stops delivery, waits for running handlers, calls the hook, commits, and then aborts what still runs. */
  async revoke(places: readonly TopicPartition[], graceMs: number, signal?: AbortSignal): Promise<void> {
    const { runtime, options, deliveries } = this.#host
    const partitions = this.#find(places)
    for (const partition of partitions) partition.beginRevoking()
    await waitAtMost(
      runtime,
      graceMs,
      withSignal(deliveries.idle(partitions), signal).catch(() => {}),
    )
    await this.#hook('onRevoked', options.onRevoked, partitions, signal)
    const owned = partitions.filter((partition) => partition.owned)
    if (options.commit.automatic && owned.length > 0 && !signal?.aborted) {
      const timeoutMs = Math.min(options.rebalanceTimeoutMs, options.sessionTimeoutMs)
      const commit = withSignal(this.#host.commit(owned, timeoutMs), signal)
      await commit.catch((error: unknown) => this.#host.onCommitFailed(error))
    }
    this.#release(
      partitions.filter((partition) => partition.owned),
      false,
    )
  }

  /** Other members may have the partitions: delivery stops now, and nothing is committed. */
  lose(places: readonly TopicPartition[]): void {
    this.#release(this.#find(places), true)
  }

  /** The awaited hook after a loss. */
  async lost(places: readonly TopicPartition[], signal?: AbortSignal): Promise<void> {
    await this.#hook('onLost', this.#host.options.onLost, places, signal)
  }

  /** The consumer is closed: whatever is left. */
  releaseAll(reason: KafkaError): void {
    this.#isClosed = true
    const all = [...this.#partitions.all]
    for (const partition of all) {
      this.#partitions.delete(partition)
      partition.release(() => reason)
    }
    this.#host.released(all)
  }

  // ---- pause

  pause(place: TopicPartition, isPaused: boolean): void {
    if (isPaused) this.#paused.set({ topic: place.topic, partition: place.partition })
    else this.#paused.delete(place)
    this.#partitions.get(place)?.pause(isPaused)
  }

  // ---- inside

  /** Lets timers and sockets run between two slices. */
  #rest(slice: readonly unknown[]): Promise<void> | undefined {
    if (slice.length < partitionsPerTurn) return undefined
    return new Promise((resolve) => this.#host.runtime.defer(resolve))
  }

  #find(places: readonly TopicPartition[]): AssignedPartition[] {
    return places.map((place) => this.#partitions.get(place)).filter((partition) => partition !== undefined)
  }

  #release(partitions: readonly AssignedPartition[], wasLost: boolean): void {
    const why = wasLost ? 'The partition was lost' : 'The partition was revoked'
    for (const partition of partitions) {
      const { topic, partition: index } = partition
      this.#partitions.delete(partition)
      if (partition.hands.count > 0) this.#linger(partition)
      partition.release(() => {
        const place = { topic, partition: index }
        return new KafkaError('ABORTED', `${why}: ${describePartition(place)}`, place)
      })
    }
    this.#host.released(partitions)
    this.#host.changed()
  }

  #linger(partition: AssignedPartition): void {
    this.#lingering.set(partition)
    partition.hands.onIdle(() => {
      if (this.#lingering.get(partition) === partition) this.#lingering.delete(partition)
    })
  }

  /** The last handler of an earlier assignment has ended. */
  #unblock(before: AssignedPartition): void {
    const partition = this.#partitions.get(before)
    if (partition === undefined || this.#lingering.get(before) !== undefined) return
    partition.block(false)
    this.#host.ready(partition)
  }

  /**
   * The membership limits the hooks of its members, aborts their signal, and does not wait for ever for one that ignores it: it is not
   * cut off here. A hook that a loss superseded has not failed.
   */
  async #hook(
    name: string,
    hook: RebalanceHook | undefined,
    places: readonly TopicPartition[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (hook === undefined || places.length === 0 || signal?.aborted) return
    const list = places.map(({ topic, partition }) => ({ topic, partition }))
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
      await hook(list, { signal })
    } catch (cause) {
      if (!signal.aborted) failed(cause)
    } finally {
      release()
    }
  }

  async #limited(name: string, hook: RebalanceHook, list: readonly TopicPartition[]): Promise<void> {
    const { runtime, options, ended } = this.#host
    const timeoutMs = options.rebalanceTimeoutMs
    const timedOut = () => new Error(`it did not end within ${timeoutMs} ms`)
    const limits = { operation: `The hook ${name}`, timeoutMs, timedOut, signals: [ended] }
    await within(runtime, limits, async (signal) => withSignal(Promise.resolve(hook(list, { signal })), signal))
  }
}

function* slices<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += partitionsPerTurn) yield list.slice(at, at + partitionsPerTurn)
}
