import type { ErrorName } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { retryBackoffMs } from '../cluster/retry-backoff.ts'
import { noTopicId } from '../cluster/topology.ts'
import { describePartition, kafkaErrorOf } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { BrokerLoop } from './broker-loop.ts'
import type { Chunk, Cursor, CursorMap } from './cursor.ts'
import type { FetchListener } from './fetch-response.ts'
import { corrupt, type Prefetch } from './prefetch.ts'
import type { SourceCluster, SourceOptions } from './source-options.ts'

/** Fetches continuously, with one loop per broker, so that a slow broker does not delay the others. */
export class Source {
  readonly #cluster: SourceCluster
  readonly #options: SourceOptions
  readonly #prefetch: Prefetch
  readonly #cursors: CursorMap
  readonly #loops = new Map<number, BrokerLoop>()
  /** When the backoff of omitted partitions ends. */
  readonly #resumeAtMs = new Map<Cursor, number>()
  readonly #timer: DeadlineTimer
  #closed = false

  constructor(cluster: SourceCluster, options: SourceOptions, prefetch: Prefetch, cursors: CursorMap) {
    this.#cluster = cluster
    this.#options = options
    this.#prefetch = prefetch
    this.#cursors = cursors
    this.#timer = new DeadlineTimer(cluster.runtime, (nowMs) => this.#resume(nowMs))
  }

  /** Looks up the leader of each partition. Called after each change of the metadata and of the assignment. */
  update(): void {
    if (this.#closed) return
    const inUse = new Set<number>()
    for (const cursor of this.#cursors.all) {
      this.#findLeader(cursor)
      const broker = cursor.preferred ?? cursor.leader
      if (broker !== undefined) inUse.add(broker.id)
    }
    for (const [id, loop] of this.#loops) {
      if (inUse.has(id)) continue
      this.#loops.delete(id)
      loop.stop()
    }
    for (const id of inUse) {
      const broker = this.#cluster.broker(id)
      const loop = this.#loops.get(id)
      if (loop !== undefined) loop.wake()
      else if (broker !== undefined) this.#loops.set(id, this.#startLoop(broker))
    }
  }

  /** A partition became fetchable: its position is known, its bytes were delivered, or its backoff is over. */
  wake(cursor?: Cursor): void {
    const broker = cursor?.preferred ?? cursor?.leader
    if (broker !== undefined) {
      const loop = this.#loops.get(broker.id)
      loop?.wake()
      // A loop that waits for buffer space may wait for any partition.
      if (this.#prefetch.bufferedBytes < this.#options.maxBufferedBytes) this.#wakeStarved()
    } else for (const loop of this.#loops.values()) loop.wake()
  }

  /** The position is known or the partition was resumed: its next record may already be in the log. */
  ready(cursor: Cursor): void {
    const broker = cursor.preferred ?? cursor.leader
    if (broker !== undefined) this.#loops.get(broker.id)?.ready(cursor)
    this.wake(cursor)
  }

  close(): void {
    this.#closed = true
    for (const loop of this.#loops.values()) loop.stop()
    this.#loops.clear()
    this.#timer.stop()
    this.#resumeAtMs.clear()
  }

  /** Number of fetches in flight, for health. */
  get inFlight(): number {
    let count = 0
    for (const loop of this.#loops.values()) if (loop.fetching) count++
    return count
  }

  #avoid(follower: Broker): void {
    let any = false
    for (const cursor of this.#cursors.all) {
      if (cursor.preferred !== follower) continue
      cursor.preferred = undefined
      any = true
    }
    if (any) this.update()
  }

  #wakeStarved(): void {
    for (const loop of this.#loops.values()) if (loop.starved) loop.wake()
  }

  #startLoop(broker: Broker): BrokerLoop {
    const loop = new BrokerLoop(broker, this.#cluster, this.#options, this.#prefetch, {
      cursors: this.#cursors.all,
      brokersInUse: () => this.#loops.size,
      unreachable: (follower) => this.#avoid(follower),
      listener: this.#listener,
    })
    void loop.run()
    return loop
  }

  #findLeader(cursor: Cursor): void {
    const info = this.#cluster.partition(cursor.topic, cursor.partition)
    const broker = info === undefined || info.leader < 0 ? undefined : this.#cluster.broker(info.leader)
    if (info === undefined || broker === undefined) {
      // The previous leader is still asked: it reports an error if it is no longer the leader.
      if (cursor.leader === undefined && !cursor.backingOff) {
        this.#backOff(cursor)
        this.#refresh(cursor, 'no leader')
      }
      return
    }
    const stale = this.#cluster.runtime.monoNow() - cursor.preferredSinceMs > this.#cluster.options.metadataMaxAgeMs
    if (broker !== cursor.leader || stale) cursor.preferred = undefined
    cursor.leader = broker
    if (this.#isAnother(cursor, info.topicId)) {
      cursor.leaderEpoch = info.leaderEpoch
      this.#options.onRecreated(cursor)
      return
    }
    if (info.leaderEpoch <= cursor.leaderEpoch) return
    cursor.leaderEpoch = info.leaderEpoch
    this.#options.onNewEpoch(cursor)
  }

  #isAnother(cursor: Cursor, topicId: string): boolean {
    const before = cursor.topicId
    cursor.topicId = topicId
    return before !== undefined && before !== topicId && before !== noTopicId && topicId !== noTopicId
  }

  /** Omits the partition from fetches during a backoff. */
  #backOff(cursor: Cursor): void {
    cursor.failures++
    if (cursor.backingOff || this.#closed) return
    cursor.backingOff = true
    const atMs = this.#cluster.runtime.monoNow() + retryBackoffMs(this.#cluster, cursor.failures)
    this.#resumeAtMs.set(cursor, atMs)
    this.#timer.wakeBy(atMs)
  }

  /** Resumes partitions whose backoff is over; returns when the next one ends. */
  #resume(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const [cursor, atMs] of this.#resumeAtMs) {
      if (atMs > nowMs) {
        nextMs = Math.min(nextMs, atMs)
        continue
      }
      this.#resumeAtMs.delete(cursor)
      cursor.backingOff = false
      if (cursor.leader === undefined) this.update()
      else this.ready(cursor)
    }
    return nextMs
  }

  #refresh(cursor: Cursor, reason: string): void {
    this.#cluster.refreshMetadata(`${reason} for ${describePartition(cursor)}`, [cursor.topic]).then(
      () => this.update(),
      // The next failure refreshes again.
      () => {},
    )
  }

  readonly #listener: FetchListener = {
    chunk: (cursor: Cursor, chunk: Chunk) => this.#prefetch.accept(cursor, chunk),
    moved: (cursor: Cursor, leaderId: number, leaderEpoch: number, code: ErrorName) => {
      cursor.preferred = undefined
      if (leaderId >= 0 && leaderEpoch > cursor.leaderEpoch) {
        this.#cluster.updateLeader(cursor.topic, cursor.partition, leaderId, leaderEpoch)
        this.update()
        if (cursor.leader?.id === leaderId) return
      }
      this.#backOff(cursor)
      this.#refresh(cursor, code)
    },
    pause: (cursor: Cursor, code: ErrorName, refresh: boolean) => {
      cursor.preferred = undefined
      this.#backOff(cursor)
      if (refresh) this.#refresh(cursor, code)
    },
    outOfRange: (cursor: Cursor) => {
      // A follower may lag behind: only the leader decides about the offset.
      if (cursor.preferred !== undefined) {
        cursor.preferred = undefined
        this.update()
      } else if (cursor.position === cursor.fetchOffset) this.#options.onOutOfRange(cursor)
      // Buffered records are delivered first: a reset would drop them.
      else this.#backOff(cursor)
    },
    prefer: (cursor: Cursor, replicaId: number) => {
      const replica = this.#cluster.broker(replicaId)
      if (replica === undefined || replica === cursor.leader) return
      cursor.preferred = replica
      cursor.preferredSinceMs = this.#cluster.runtime.monoNow()
      this.update()
    },
    oversized: (cursor: Cursor, bytes: number) => {
      this.#prefetch.fail(cursor, corrupt(cursor, new Error(`no whole batch in ${bytes} bytes`)))
    },
    refused: (cursor: Cursor, code: number) => {
      const { topic, partition } = cursor
      this.#prefetch.fail(cursor, kafkaErrorOf(code, 'Fetching', { topic, partition, broker: cursor.leader }))
    },
  }
}
