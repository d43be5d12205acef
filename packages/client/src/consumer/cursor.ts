import type { RecordBatchReader } from '@ottla/codec/records'
import type { Broker } from '../cluster/broker.ts'
import type { KafkaError } from '../errors.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import type { AbortedTransactions } from './isolation.ts'
import type { StartOffset } from './options.ts'

/** Record batches of one fetch answer, not yet parsed. */
export interface Chunk {
  readonly reader: RecordBatchReader
  readonly aborted: AbortedTransactions | undefined
  readonly bytes: number
}

/** Where a partition stands: what to fetch next, what to hand out next, what is done, what is committed. */
export class Cursor {
  readonly topic: string
  readonly partition: number
  /** Grows when what was fetched or handed out before becomes void: seek, revoke, loss. */
  assignmentEpoch = 0
  /** False once the partition is no longer this consumer's. */
  owned = true

  // Offsets are numbers: Kafka would need centuries to reach 2^53, and bigints cost 60 ns each.
  /** The next offset to hand out; -1 until it is known. */
  position = -1
  /** The leader epoch of the record before `position`; -1 unknown. */
  positionEpoch = -1
  /** The next offset to ask a broker for. */
  fetchOffset = -1
  /** One beyond the last record handed out. */
  handedEnd = -1
  /** The offset to commit: everything before it is done. */
  done = -1
  doneEpoch = -1
  committed = -1
  highWatermark = -1
  lastStableOffset = -1
  logStartOffset = -1
  /** Where to start when this is not the committed offset. */
  start: StartOffset | undefined

  leader: Broker | undefined
  leaderEpoch = -1
  topicId: string | undefined
  /** A follower that the leader named for this rack (KIP-392). */
  preferred: Broker | undefined
  /** The choice is asked for again from time to time. */
  preferredSinceMs = 0

  paused = false
  revoking = false
  /** Hand out nothing: paused, being revoked, or no longer owned. Kept up to date by `refresh`. */
  halted = false
  /** Epoch of the leader under which the position was checked; a newer one means that the log may have been cut. */
  validatedEpoch = -1
  /** The position is being looked up or checked. */
  resolving = false
  /** A fetch failed: not before the pause is over. */
  backingOff = false
  failures = 0
  /** Nothing more can be read until a seek. */
  failed: KafkaError | undefined

  readonly chunks: Chunk[] = []
  bufferedBytes = 0
  /** The next batch, inflated. */
  ready: FetchedBatch<Cursor> | undefined
  /** Handed back; comes before `ready`. */
  returned: FetchedBatch<Cursor> | undefined
  /** With a reader. */
  out: FetchedBatch<Cursor> | undefined
  inflating = false
  queued = false
  /** Where batches without anything to deliver, skipped behind the batch that is out, end. */
  skippedTo = -1
  /** Where the batches that were looked at so far end. */
  parsedTo = -1
  /** What comes after the batches that are ready cannot be read. */
  broken: KafkaError | undefined

  /** Items with the application. */
  inHand = 0
  #idle: (() => void)[] = []
  #abort: AbortController | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** Aborts when the partition is taken away, when an item takes too long, and on close. */
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

  /** Whether a fetch may ask for it. */
  get fetchable(): boolean {
    return this.fetchOffset >= 0 && !this.halted && !this.resolving && !this.backingOff && this.failed === undefined
  }

  /** Drops everything fetched and begins at `offset`. */
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

  /** Everything before `next` is done. What was skipped behind the last item is done with it. */
  markDone(next: number, epoch: number): void {
    const done = next >= this.handedEnd ? Math.max(next, this.position) : next
    if (done <= this.done) return
    this.done = done
    this.doneEpoch = epoch
  }

  /** The position moves over what holds nothing to deliver; what is done moves along if nothing is left undone before it. */
  skip(to: number): void {
    if (to <= this.position) return
    if (this.done === this.position) this.done = to
    this.position = to
  }

  release(count: number): void {
    this.inHand -= count
    if (this.inHand > 0) return
    // What comes next is not to blame for what took too long.
    if (this.owned && this.#abort?.signal.aborted === true) this.#abort = undefined
    if (this.#idle.length === 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resume of idle) resume()
  }

  /** Called when nothing is with the application any more. */
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
