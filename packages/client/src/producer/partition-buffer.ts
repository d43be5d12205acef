import { type BatchWriter, patchBatch } from '@ottla/codec/records'
import { textOf } from '../error-data.ts'
import { describePartition, KafkaError, type Outcome } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { Call } from './calls.ts'
import type { Generation } from './flush-barrier.ts'
import { encode, isOlder, type PartitionRecord } from './partition-record.ts'
import type { PartitionTopic, Removal } from './partition-topic.ts'
import { type BatchPartition, ProducerBatch, sealFieldsOf } from './producer-batch.ts'
import type { ProducerParts } from './producer-parts.ts'
import { Sequences } from './sequences.ts'
import type { QueuedPartition, Sink } from './sink.ts'
import { separate, splitBatch } from './split-batch.ts'
import { isWithdrawable, placeNow, withdrawRecords } from './withdraw-records.ts'

/**
 * The batches of one partition in order: those that wait, the last of which may be open for more records, and those in flight.
 * When one has to be sent again, nothing else is sent until none is in flight; then the requeued batches are sent in their
 * order, before any later batch.
 */
export class PartitionBuffer implements BatchPartition, QueuedPartition {
  readonly topic: PartitionTopic
  readonly index: number
  readonly #parts: ProducerParts
  readonly #waiting = new Queue<ProducerBatch>()
  readonly #sequences: Sequences | undefined
  #open: ProducerBatch | undefined
  #inFlight: ProducerBatch[] = []
  /** To be sent again, once none is in flight. */
  #requeued: ProducerBatch[] = []
  #nextOrdinal = 0
  #expectedBytes = 0
  #sink: Sink | undefined
  /** The sink of the batches in flight. */
  #sentTo: Sink | undefined
  #leaderEpoch = -1
  /** That of the batches in flight. */
  #sentEpoch = -1
  #retryAtMs = 0
  #failures = 0
  #removal: Removal | undefined
  /** Bytes accepted and not settled. */
  #loadBytes = 0
  /** Whether it is in the queue of its sink, and whether its first batch takes more records. */
  queued: 'no' | 'partial' | 'complete' = 'no'

  constructor(topic: PartitionTopic, index: number, parts: ProducerParts) {
    this.topic = topic
    this.index = index
    this.#parts = parts
    this.#sequences = parts.identities === undefined ? undefined : new Sequences(parts.identities, topic.name, index)
  }

  get open(): ProducerBatch | undefined {
    return this.#open
  }

  get sink(): Sink | undefined {
    return this.#sink
  }

  /** Whether no batch waits or is in flight. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#inFlight.length === 0 && this.#requeued.length === 0
  }

  /** The size of the first waiting batch in a request. */
  get firstBytes(): number {
    return this.#waiting.peek()?.byteLength ?? 0
  }

  /** Whether a record certainly fits into the open batch; otherwise it starts a new one. */
  fits(sizeBound: number): boolean {
    const open = this.#open
    return open !== undefined && open.writer.byteLength + sizeBound <= this.topic.maxBatchBytes
  }

  /**
   * Encodes a record into the open batch, or into a new one, which exists only once the record was written. Throws
   * SERIALIZE_FAILED, without a change.
   */
  append(record: PartitionRecord, call: Call | undefined, position: number, generation: Generation): void {
    const open = this.#open
    let batch = open !== undefined && this.fits(record.sizeBound) && !isOlder(record, open) ? open : undefined
    const writer = batch?.writer ?? this.#newWriter(record)
    const before = writer.byteLength
    const deltaMs = batch === undefined ? 0 : record.timestampMs - batch.result.baseTimestampMs
    try {
      encode(record, writer, deltaMs)
    } catch (cause) {
      if (batch === undefined) this.#parts.pool.give(writer)
      throw this.#unwritable(cause)
    }
    batch ??= this.#begin(writer, record, generation)
    this.#parts.budget.add(batch, writer.byteLength - before)
    if (writer.count === 1) batch.result.baseTimestampMs = record.timestampMs
    batch.attach(call, position, deltaMs)
    if (call !== undefined) this.#parts.budget.addCall(batch, call)
  }

  #newWriter({ sizeBound }: PartitionRecord): BatchWriter {
    const { pool, options } = this.#parts
    const expectedBytes = this.#open?.writer.byteLength ?? this.#expectedBytes
    return pool.take(Math.max(expectedBytes, Math.min(sizeBound, options.maxBatchBytes)))
  }

  /** A batch with its first record. */
  #begin(writer: BatchWriter, { acceptedMs }: PartitionRecord, generation: Generation): ProducerBatch {
    this.closeOpen()
    const { runtime, options } = this.#parts
    const nowMs = runtime.monoNow()
    this.topic.batchBegins(nowMs)
    const batch = new ProducerBatch(this, writer, acceptedMs ?? nowMs, generation, this.#nextOrdinal++)
    this.#open = batch
    this.#waiting.push(batch)
    this.#parts.start(batch)
    if (options.lingerMs === 0 || this.#parts.isFlushing) this.schedule()
    return batch
  }

  #unwritable(cause: unknown): KafkaError {
    const place = { topic: this.topic.name, partition: this.index }
    const message = `Writing a record failed (${describePartition(place)}): ${textOf(cause)}`
    return new KafkaError('SERIALIZE_FAILED', message, { ...place, cause, outcome: 'not-written' })
  }

  /** No more records join the open batch. */
  closeOpen(): void {
    const batch = this.#open
    if (batch === undefined) return
    this.#open = undefined
    this.#expectedBytes = batch.writer.byteLength
    if (this.topic.compression !== undefined) this.#parts.compressor.prepare(batch)
    this.schedule()
  }

  /** Ends the open batch's wait for more records. */
  endLinger(): void {
    if (this.#open === undefined || this.#open.lingered) return
    this.#open.lingered = true
    this.schedule()
  }

  /** Sets the sink of the partition's leader; undefined: no leader at the moment. */
  setLeader(sink: Sink | undefined, epoch = -1): void {
    this.#leaderEpoch = epoch
    if (this.#sink === sink) return
    this.#sink?.remove(this, this.#loadBytes)
    this.#sink = sink
    sink?.add(this.#loadBytes)
    this.#sequences?.unconfirm()
    // The pause was for the old leader.
    this.#retryAtMs = 0
    this.schedule()
  }

  addLoad(bytes: number): void {
    this.#loadBytes += bytes
    if (this.#sink !== undefined) this.#sink.loadBytes += bytes
  }

  delay(nowMs: number): string | undefined {
    if (this.#sink === undefined) return 'the partition has no leader'
    return this.#parts.identities?.delay ?? this.#sink.delay(nowMs)
  }

  hasMovedFrom(brokerId: number): boolean {
    const { brokerId: leader } = this.#sink ?? {}
    return leader !== undefined && leader !== brokerId && this.#leaderEpoch > this.#sentEpoch
  }

  schedule(): void {
    const first = this.#waiting.peek()
    if (first === undefined) return
    if (this.#sink === undefined) this.#parts.leaderMissing(this)
    else this.#sink.enqueue(this, first !== this.#open)
  }

  /** How many attempts in a row have failed. */
  get failures(): number {
    return this.#failures
  }

  retryAt(atMs: number): void {
    this.#retryAtMs = atMs
    this.#failures++
    this.#parts.scheduleAt(this, atMs)
  }

  /** The next batch to send, frozen and counted as in flight; undefined when none may be sent. */
  take(nowMs: number): ProducerBatch | undefined {
    const first = this.#waiting.peek()
    if (first === undefined || !this.#maySend(first, nowMs)) return undefined
    if (first === this.#open) {
      this.#open = undefined
      this.#expectedBytes = first.writer.byteLength
    }
    if (this.topic.compression !== undefined && !this.#compress(first)) return undefined
    this.#stamp(first)
    this.#waiting.shift()
    this.#inFlight.push(first)
    this.#sentTo = this.#sink
    this.#sentEpoch = this.#leaderEpoch
    first.taken()
    return first
  }

  #maySend(first: ProducerBatch, nowMs: number): boolean {
    const { options } = this.#parts
    if (nowMs < this.#retryAtMs) return false
    if (first === this.#open && options.lingerMs > 0 && !first.lingered && !this.#parts.isFlushing) return false
    if (this.#inFlight.length === 0) return this.#sequences === undefined || this.#sequences.prepare(this.#waiting)
    if (this.#requeued.length > 0) return false
    if (this.#sequences !== undefined && (this.#sequences.oneAtATime || this.#mustGoAlone(first))) return false
    // Batches in flight to an old leader come first: their retries must not follow this one.
    return this.#inFlight.length < options.maxInFlight && this.#sentTo === this.#sink
  }

  /**
   * A broker recognises a duplicate only among the last five batches: while one that it may have is sent again, nothing else may
   * be in flight.
   */
  #mustGoAlone(first: ProducerBatch): boolean {
    return first.maybeWritten || this.#inFlight.some(({ maybeWritten }) => maybeWritten)
  }

  #stamp(batch: ProducerBatch): void {
    if (batch.stamped) return
    this.#sequences?.assign(batch)
    const { identity } = batch
    const fields = sealFieldsOf(batch)
    if (batch.bytes === undefined) batch.bytes = batch.writer.seal(fields)
    else if (identity !== undefined) patchBatch(batch.bytes, fields)
    batch.stamped = true
  }

  #compress(batch: ProducerBatch): boolean {
    if (batch.bytes !== undefined) return true
    if (!this.#parts.compressor.compress(batch)) return false
    this.#parts.budget.add(batch, batch.byteLength)
    return true
  }

  compressed(batch: ProducerBatch, cause: unknown): void {
    if (batch.bytes !== undefined) {
      this.#parts.budget.add(batch, batch.byteLength)
      this.schedule()
      return
    }
    const place = { topic: this.topic.name, partition: this.index }
    const message = `Compressing a batch with ${this.topic.compression?.codec.name} failed (${describePartition(place)}): ${textOf(cause)}`
    this.drop(batch, (outcome) => new KafkaError('SERIALIZE_FAILED', message, { ...place, cause, outcome }))
  }

  complete(batch: ProducerBatch): void {
    if (!this.#inFlight.includes(batch)) return
    this.#failures = 0
    this.#sequences?.acknowledge(batch)
    this.#removeInFlight(batch)
    this.#parts.settle(batch, undefined)
  }

  /** The broker rejected the batch, and no retry helps. `written`: the broker may nevertheless have it. */
  fail(batch: ProducerBatch, error: KafkaError, written: boolean): void {
    if (!this.#inFlight.includes(batch)) return
    this.#giveUp(batch, written || batch.maybeWritten)
    this.#removeInFlight(batch)
    this.#parts.settle(batch, error)
  }

  /** The batch has to be sent again. `written`: the broker may have it. */
  requeue(batch: ProducerBatch, error: KafkaError, written: boolean): void {
    if (!this.#inFlight.includes(batch)) return
    if (written) batch.maybeWritten = true
    batch.lastError = error
    if (this.#removal !== undefined) {
      this.#inFlight.splice(this.#inFlight.indexOf(batch), 1)
      this.#moveOrDrop(batch, this.#removal)
      return
    }
    if (batch.settled) this.#giveUp(batch, batch.maybeWritten)
    else this.#requeued.push(batch)
    this.#removeInFlight(batch)
  }

  /** The broker rejected the batch because of its producer id. */
  refuseIdentity(batch: ProducerBatch): void {
    this.#sequences?.markMissing(batch.ordinal, true)
  }

  /** The topic was deleted and created again. */
  startOver(): void {
    this.#sequences?.startOver(this.#inFlight, [...this.#requeued, ...this.#waiting])
    this.schedule()
  }

  withdraw(batch: ProducerBatch, call: Call, errors: ReadonlyMap<number, KafkaError>): void {
    const { at, found } = placeNow(batch, errors)
    const [error] = found.values()
    if (error === undefined || this.#inFlight.includes(at) || !isWithdrawable(at)) return
    if (found.size === at.count) {
      this.drop(at, () => error)
      return
    }
    if (at === this.#open) this.#open = undefined
    if (at.baseSequence >= 0) this.#sequences?.markMissing(at.ordinal)
    const others = withdrawRecords(batch, at, call, found, this.#parts)
    if (!this.#waiting.replace(at, others)) this.#requeued = this.#requeued.map((one) => (one === at ? others : one))
    this.schedule()
  }

  /** Settles a batch with an error before the broker has responded. */
  drop(batch: ProducerBatch, errorOf: (outcome: Outcome) => KafkaError): void {
    const inFlight = this.#inFlight.includes(batch)
    if (!inFlight) {
      if (batch === this.#open) this.#open = undefined
      if (!this.#waiting.remove(batch)) this.#requeued = this.#requeued.filter((other) => other !== batch)
      this.#giveUp(batch, batch.maybeWritten)
    }
    this.#parts.settle(batch, errorOf(inFlight || batch.maybeWritten ? 'unknown' : 'not-written'))
    this.schedule()
  }

  /** The topic no longer has this partition: nothing is sent any more. */
  remove(removal: Removal): void {
    this.#removal = removal
    this.#open = undefined
    const batches = [...this.#requeued, ...this.#waiting.drain()]
    this.#requeued = []
    for (const batch of batches) this.#moveOrDrop(batch, removal)
    this.setLeader(undefined)
  }

  #moveOrDrop(batch: ProducerBatch, { mayMove, move, errorOf }: Removal): void {
    if (batch.settled) return
    if (mayMove(batch)) move(batch)
    else this.#parts.settle(batch, errorOf(batch.maybeWritten ? 'unknown' : 'not-written'))
  }

  /** Drops everything that is not in flight. */
  dropWaiting(errorOf: (outcome: Outcome) => KafkaError): void {
    for (const batch of [...this.#requeued, ...this.#waiting]) this.drop(batch, errorOf)
  }

  /** A batch will not be sent again: the broker lacks its sequence number, or may lack it. */
  #giveUp(batch: ProducerBatch, written: boolean): void {
    if (batch.baseSequence < 0) return
    if (written) this.#sequences?.abandon(batch)
    else this.#sequences?.markMissing(batch.ordinal)
  }

  #removeInFlight(batch: ProducerBatch): void {
    this.#inFlight.splice(this.#inFlight.indexOf(batch), 1)
    if (this.#inFlight.length === 0 && this.#requeued.length > 0) this.#resend()
    this.schedule()
  }

  /** None is in flight any more: puts the batches to be sent again before the others. */
  #resend(): void {
    const requeued = this.#requeued.sort((a, b) => a.ordinal - b.ordinal)
    this.#requeued = []
    const first = requeued[0]!
    this.#sequences?.unconfirm()
    // After a failed batch all others are out of order. If the first one is, the batch before it is missing at the broker.
    if (first.outOfOrder) this.#sequences?.markMissing(first.ordinal)
    this.#waiting.unshift(requeued.flatMap((batch) => this.#divide(batch)))
    if (first.tooLarge || first.rejected !== undefined) return
    // No pause after a change of the leader, nor before the first attempt with new sequence numbers.
    if (this.#sink !== this.#sentTo || (first.outOfOrder && this.#failures === 0)) this.#failures++
    else this.retryAt(this.#parts.runtime.monoNow() + this.#parts.backoffMs(this.#failures, first.lastError))
  }

  /** What is sent in place of a batch. */
  #divide(batch: ProducerBatch): readonly ProducerBatch[] {
    const { tooLarge, rejected, ordinal } = batch
    if (!tooLarge && rejected === undefined) return [batch]
    const newWriter = (bytes: number) => this.#parts.pool.take(bytes)
    const division = rejected === undefined ? splitBatch(batch, newWriter) : separate(batch, rejected, newWriter)
    if (tooLarge) this.topic.limitBatchBytes(batch.writer.byteLength)
    // Fewer records: the numbers of those after it do not follow any more.
    else this.#sequences?.markMissing(ordinal)
    this.#parts.divide(batch, division)
    return division.batches
  }
}
