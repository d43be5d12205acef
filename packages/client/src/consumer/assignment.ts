import type { Runtime } from '@ottla/runtime'
import type { TopicPartition } from '../cluster/topology.ts'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { describePartition, KafkaError } from '../errors.ts'
import type { StartOffset } from '../group/offset-input.ts'
import type { OriginGroup } from '../group/origin.ts'
import { onAbort, waitAtMost, within, withSignal } from '../runtime/wait.ts'
import type { RecordDecoder } from './decoding/record-decoder.ts'
import type { RebalanceHook, ResolvedConsumerOptions } from './options.ts'
import { AssignedPartition } from './partition/assigned-partition.ts'
import type { BufferHost } from './partition/buffer-host.ts'
import { PartitionMap } from './partition/partition-map.ts'
import type { Deliveries } from './reading/delivery.ts'
import type { Turns } from './turns.ts'

/** A partition, and where to start if not at the committed offset. */
interface StartPlace extends TopicPartition {
  readonly offset?: StartOffset | undefined
}

export interface AssignmentHost {
  readonly runtime: Runtime
  readonly turns: Turns
  readonly options: ResolvedConsumerOptions
  readonly deliveries: Deliveries
  readonly buffers: BufferHost<AssignedPartition>
  /** Undefined without a groupId. */
  readonly group: OriginGroup | undefined
  /** Undefined for a topic without serdes. */
  decoderOf(place: TopicPartition): RecordDecoder | undefined
  /** Aborts when the consumer failed or is closed: no hook is waited for any more. */
  readonly ended: AbortSignal
  /** New partitions: determines from whom to fetch them. */
  added(partitions: readonly AssignedPartition[]): Promise<void> | undefined
  watch(topics: readonly string[]): void
  /** Looks up where to read these partitions. */
  resolve(partitions: readonly AssignedPartition[]): Promise<void>
  /**
   * They deliver nothing any more: what the application does not have yet should be returned. `commit` follows within `graceMs`, as
   * soon as their handlers have ended.
   */
  revoking(partitions: readonly AssignedPartition[], graceMs: number): void
  /** Commits what is processed of these partitions. */
  commit(partitions: readonly AssignedPartition[], timeoutMs: number): Promise<void>
  /** They no longer belong to this consumer. */
  released(partitions: readonly AssignedPartition[]): void
  /** May be delivered again. */
  ready(partition: AssignedPartition): void
  onHookFailed(error: KafkaError): void
  onCommitFailed(error: unknown): void
}

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
    const { buffers, group } = this.#host
    const partition = new AssignedPartition(topic, index, buffers, start, group, this.#host.decoderOf(place))
    if (this.#paused.get(place) !== undefined) partition.pause(true)
    const before = this.#lingering.get(place)
    if (before !== undefined) {
      partition.block(true)
      before.hands.onIdle(() => this.#unblock(before))
    }
    this.#partitions.set(partition)
    return partition
  }

  /** Those that are assigned already stay as they are. */
  async add(places: readonly StartPlace[], signal?: AbortSignal): Promise<void> {
    const { turns } = this.#host
    await turns.own(places.length)
    const fresh: AssignedPartition[] = []
    const create = (place: StartPlace): void => {
      if (this.#partitions.get(place) === undefined) fresh.push(this.create(place, place.offset))
    }
    const isOver = () => signal?.aborted === true || this.#isClosed
    if (!isOver()) await turns.each(places, create, isOver)
    // Otherwise they were lost meanwhile.
    if (!isOver() && (fresh.length > 0 || signal !== undefined)) await this.begin(fresh, signal)
  }

  /** Calls the hook before the positions are looked up, so that it can seek. */
  async begin(partitions: readonly AssignedPartition[], signal?: AbortSignal): Promise<void> {
    this.#host.watch([...new Set(partitions.map(({ topic }) => topic))])
    await this.#hook('onAssigned', this.#host.options.onAssigned, partitions, signal)
    await this.#host.added(partitions)
    await this.#host.resolve(partitions)
  }

  /** Stops delivery, waits for running handlers, calls the hook, commits, and then aborts what still runs. */
  async revoke(places: readonly TopicPartition[], graceMs: number, signal?: AbortSignal): Promise<void> {
    const { runtime, turns, options, deliveries } = this.#host
    await turns.own(places.length)
    const partitions = this.#find(places)
    for (const partition of partitions) partition.beginRevoking()
    this.#host.revoking(partitions, graceMs)
    await waitAtMost(
      runtime,
      graceMs,
      withSignal(deliveries.idle(partitions), signal).catch(() => {}),
    )
    await this.#hook('onRevoked', options.onRevoked, partitions, signal)
    const committing = partitions.filter(({ commitsAutomatically }) => commitsAutomatically)
    if (options.commit.automatic && committing.length > 0 && !signal?.aborted) {
      const timeoutMs = Math.min(options.rebalanceTimeoutMs, options.sessionTimeoutMs)
      const commit = withSignal(this.#host.commit(committing, timeoutMs), signal)
      await commit.catch((error: unknown) => this.#host.onCommitFailed(error))
    }
    await turns.each(partitions, (partition) => {
      if (partition.owned) this.#release([partition], false)
    })
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
