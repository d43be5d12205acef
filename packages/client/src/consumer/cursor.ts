import type { RecordBatchReader } from '@ottla/codec/records'
import type { Broker } from '../cluster/broker.ts'
import type { KafkaError } from '../errors.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import type { AbortedTransactions } from './isolation.ts'
import type { StartOffset } from './options.ts'

/** Record batches of one fetch response, not yet parsed. */
export interface Chunk {
  readonly reader: RecordBatchReader
  readonly aborted: AbortedTransactions | undefined
  readonly bytes: number
}

/** The progress of a partition: what to fetch next, what to deliver next, what is processed, what is committed. */
export class Cursor {
  readonly topic: string
  readonly partition: number
  /** Increases when earlier fetched and delivered records become invalid: by seek, revocation or loss. */
  assignmentEpoch = 0
  /** False once the partition was revoked or lost. */
  owned = true

  // Offsets are numbers: Kafka would need centuries to reach 2^53, and a bigint costs 60 ns.
  /** The next offset to deliver; -1 until it is known. */
  position = -1
  /** The leader epoch of the record before `position`; -1 if unknown. */
  positionEpoch = -1
  /** The next offset to fetch. */
  fetchOffset = -1
  /** The offset after the last delivered record. */
  handedEnd = -1
  /** The offset to commit: everything before it is processed. */
  done = -1
  doneEpoch = -1
  committed = -1
  highWatermark = -1
  lastStableOffset = -1
  logStartOffset = -1
  /** Where to start, if not at the committed offset. */
  start: StartOffset | undefined

  leader: Broker | undefined
  leaderEpoch = -1
  topicId: string | undefined
  /** The follower that the leader prefers for this rack (KIP-392). */
  preferred: Broker | undefined
  /** When it was chosen; the choice expires after `metadataMaxAgeMs`. */
  preferredSinceMs = 0

  paused = false
  revoking = false
  /** Deliver nothing: paused, being revoked, or no longer owned. Updated by `refresh`. */
  halted = false
  /** The leader epoch in which the position was validated; in a newer one the log may have been truncated. */
  validatedEpoch = -1
  /** The position is being looked up or validated. */
  resolving = false
  /** A fetch failed, and the backoff has not passed. */
  backingOff = false
  failures = 0
  /** The partition cannot be read until a seek. */
  failed: KafkaError | undefined

  readonly chunks: Chunk[] = []
  bufferedBytes = 0
  /** The next batch, decompressed. */
  ready: FetchedBatch<Cursor> | undefined
  /** Returned by a reader; delivered before `ready`. */
  returned: FetchedBatch<Cursor> | undefined
  /** The batch that a reader has. */
  out: FetchedBatch<Cursor> | undefined
  inflating = false
  queued = false
  /** The end of the batches without deliverable records that were skipped after the batch that a reader has. */
  skippedTo = -1
  /** The end of the batches parsed so far. */
  parsedTo = -1
  /** The batch after the ready ones cannot be read. */
  broken: KafkaError | undefined

  /** Number of items that the application is processing. */
  inHand = 0
  #idle: (() => void)[] = []
  #abort: AbortController | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** Aborts when the partition is revoked, when processing exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  abort(reason: unknown): void {
    this.#abort ??= new AbortController()
    this.#abort.abort(reason)
  }

  refresh(): void {
    this.halted = this.paused || this.revoking || !this.owned
  }

  /** Whether a fetch may include the partition. */
  get fetchable(): boolean {
    return this.fetchOffset >= 0 && !this.halted && !this.resolving && !this.backingOff && this.failed === undefined
  }

  /** Drops everything fetched and continues at `offset`. */
  moveTo(offset: number, epoch: number): void {
    this.assignmentEpoch++
    this.position = offset
    this.positionEpoch = epoch
    this.fetchOffset = offset
    this.handedEnd = offset
    this.done = offset
    this.doneEpoch = epoch
    this.skippedTo = -1
    this.failed = undefined
  }

  /** Marks everything before `next` as processed, including what was skipped after the last item. */
  markDone(next: number, epoch: number): void {
    const done = next >= this.handedEnd ? Math.max(next, this.position) : next
    if (done <= this.done) return
    this.done = done
    this.doneEpoch = epoch
  }

  /**
   * Moves the position over offsets without deliverable records. `done` moves with it if everything before is
   * processed.
   */
  skip(to: number): void {
    if (to <= this.position) return
    if (this.done === this.position) this.done = to
    this.position = to
  }

  release(count: number): void {
    this.inHand -= count
    if (this.inHand > 0) return
    // The next item gets a new signal after one that took too long.
    if (this.owned && this.#abort?.signal.aborted === true) this.#abort = undefined
    if (this.#idle.length === 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resume of idle) resume()
  }

  /** Calls `resume` when the application processes no item. */
  onIdle(resume: () => void): void {
    if (this.inHand <= 0) resume()
    else this.#idle.push(resume)
  }
}

/** The partitions of a consumer, without composed keys. */
export class CursorMap {
  readonly #byTopic = new Map<string, (Cursor | undefined)[]>()
  readonly all = new Set<Cursor>()

  get(topic: string, partition: number): Cursor | undefined {
    return this.#byTopic.get(topic)?.[partition]
  }

  add(cursor: Cursor): void {
    let list = this.#byTopic.get(cursor.topic)
    if (list === undefined) {
      list = []
      this.#byTopic.set(cursor.topic, list)
    }
    list[cursor.partition] = cursor
    this.all.add(cursor)
  }

  delete(cursor: Cursor): void {
    this.all.delete(cursor)
    const list = this.#byTopic.get(cursor.topic)
    if (list?.[cursor.partition] !== cursor) return
    list[cursor.partition] = undefined
    if (list.every((other) => other === undefined)) this.#byTopic.delete(cursor.topic)
  }
}
