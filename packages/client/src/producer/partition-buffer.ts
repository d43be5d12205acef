import { patchBatch, type RecordHeader } from '@ottla/codec/records'
import { textOf } from '../error-data.ts'
import { describePartition, KafkaError, type Outcome } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { Call } from './calls.ts'
import type { Generation } from './flush-barrier.ts'
import { ProducerBatch } from './producer-batch.ts'
import type { ProducerParts } from './producer-parts.ts'
import { Sequences } from './sequences.ts'
import type { Sink } from './sink.ts'
import { splitBatch } from './split-batch.ts'
import type { TopicBuffer } from './topic-buffer.ts'

/** A record as it goes into a batch. */
export interface PartitionRecord {
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly RecordHeader[]
  readonly timestampMs: number
  /** At most so many bytes in the batch. */
  readonly sizeBound: number
}

const noIdentity = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

/**
 * The batches of one partition in order: those that wait, the last of which may be open for more records, and those in flight.
 * When one comes back to be tried again, nothing more is sent until all in flight have come back; then they go again in their
 * order, before any later batch.
 */
export class PartitionBuffer {
  readonly topic: TopicBuffer
  readonly index: number
  readonly #parts: ProducerParts
  readonly #waiting = new Queue<ProducerBatch>()
  readonly #sequences: Sequences | undefined
  #open: ProducerBatch | undefined
  #inFlight: ProducerBatch[] = []
  #returned: ProducerBatch[] = []
  #nextOrdinal = 0
  #expectedBytes = 0
  #sink: Sink | undefined
  /** Where the batches in flight went. */
  #sentTo: Sink | undefined
  #retryAtMs = 0
  #failures = 0
  /** Bytes accepted and not settled. */
  loadBytes = 0
  /** Whether it stands in the line of its sink, and with a batch that takes no more records. */
  listed: 'no' | 'partial' | 'complete' = 'no'

  constructor(topic: TopicBuffer, index: number, parts: ProducerParts) {
    this.topic = topic
    this.index = index
    this.#parts = parts
    this.#sequences = parts.identities === undefined ? undefined : new Sequences(parts.identities)
  }

  /** The batch that takes the next record, if it has room. */
  get open(): ProducerBatch | undefined {
    return this.#open
  }

  get sink(): Sink | undefined {
    return this.#sink
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** What the first waiting batch takes in a request. */
  get firstBytes(): number {
    return this.#waiting.peek()?.byteLength ?? 0
  }

  /** Whether a record surely fits into the open batch; a new one is begun for it otherwise. */
  fits(sizeBound: number): boolean {
    const open = this.#open
    return open !== undefined && open.writer.byteLength + sizeBound <= this.topic.maxBatchBytes
  }

  /** Encodes a record into the open batch. */
  append(record: PartitionRecord, call: Call | undefined, position: number, generation: Generation): void {
    let batch = this.#open
    if (batch === undefined || !this.fits(record.sizeBound)) batch = this.#begin(record, generation)
    const { writer, result } = batch
    const before = writer.byteLength
    writer.append(record.timestampMs, record.key, record.value, record.headers)
    const added = writer.byteLength - before
    batch.chargedBytes += added
    this.loadBytes += added
    this.#parts.charge(added)
    if (writer.count === 1) result.baseTimestampMs = record.timestampMs
    if (call !== undefined) batch.attach(call, position, record.timestampMs)
  }

  #begin(record: PartitionRecord, generation: Generation): ProducerBatch {
    this.#close()
    const { pool, runtime, options } = this.#parts
    const writer = pool.take(Math.max(this.#expectedBytes, Math.min(record.sizeBound, options.maxBatchBytes)))
    const batch = new ProducerBatch(this, writer, runtime.monoNow(), generation, this.#nextOrdinal++)
    this.#open = batch
    this.#waiting.push(batch)
    this.#parts.began(batch)
    if (options.lingerMs === 0 || this.#parts.isFlushing) this.touch()
    return batch
  }

  /** No more records join the open batch. */
  #close(): void {
    const batch = this.#open
    if (batch === undefined) return
    this.#open = undefined
    this.#expectedBytes = batch.writer.byteLength
    if (this.#parts.options.compression !== 'none') this.#compress(batch)
    this.touch()
  }

  /** Ends the open batch's time to wait for company. */
  endLinger(): void {
    if (this.#open === undefined || this.#open.lingered) return
    this.#open.lingered = true
    this.touch()
  }

  /** Where the partition's leader is now. */
  lead(sink: Sink | undefined): void {
    if (this.#sink === sink) return
    this.#sink?.forget(this)
    this.#sink = sink
    this.#sequences?.doubt()
    // A new leader deserves an attempt at once.
    this.#retryAtMs = 0
    this.touch()
  }

  /** Says that there may be something to send. */
  touch(): void {
    const first = this.#waiting.peek()
    if (first === undefined) return
    if (this.#sink === undefined) this.#parts.leaderMissing(this)
    else this.#sink.offer(this, first !== this.#open)
  }

  /** After how many attempts in vain the partition is. */
  get failures(): number {
    return this.#failures
  }

  retryLater(atMs: number): void {
    this.#retryAtMs = atMs
    this.#failures++
    this.#parts.wakeLater(this, atMs)
  }

  /** The next batch to send, frozen and counted as in flight; undefined when there is none that may go. */
  take(nowMs: number): ProducerBatch | undefined {
    const first = this.#waiting.peek()
    if (first === undefined || !this.#maySend(first, nowMs)) return undefined
    if (first === this.#open) {
      this.#open = undefined
      this.#expectedBytes = first.writer.byteLength
    }
    if (first.bytes === undefined && this.#parts.options.compression !== 'none') {
      this.#compress(first)
      return undefined
    }
    this.#stamp(first)
    this.#waiting.shift()
    this.#inFlight.push(first)
    this.#sentTo = this.#sink
    first.attempts++
    first.outOfOrder = false
    return first
  }

  #maySend(first: ProducerBatch, nowMs: number): boolean {
    const { options } = this.#parts
    if (nowMs < this.#retryAtMs) return false
    if (first === this.#open && options.lingerMs > 0 && !first.lingered && !this.#parts.isFlushing) return false
    if (this.#inFlight.length === 0) return this.#sequences === undefined || this.#sequences.begin(this.#waiting)
    if (this.#returned.length > 0) return false
    if (this.#sequences !== undefined && (this.#sequences.holds || this.#mustGoAlone(first))) return false
    // What is under way to an old leader is waited for, else its retries would come after this.
    return this.#inFlight.length < options.maxInFlight && this.#sentTo === this.#sink
  }

  /**
   * A broker knows a duplicate among the last five batches only: while one is tried again that it may have, nothing else may
   * follow.
   */
  #mustGoAlone(first: ProducerBatch): boolean {
    return first.maybeWritten || this.#inFlight.some(({ maybeWritten }) => maybeWritten)
  }

  #stamp(batch: ProducerBatch): void {
    if (batch.stamped) return
    this.#sequences?.number(batch)
    const { identity } = batch
    const fields =
      identity === undefined
        ? noIdentity
        : { producerId: identity.producerId, producerEpoch: identity.epoch, baseSequence: batch.baseSequence }
    if (batch.bytes === undefined) batch.bytes = batch.writer.seal(fields)
    else if (identity !== undefined) patchBatch(batch.bytes, fields)
    batch.stamped = true
  }

  #compress(batch: ProducerBatch): void {
    if (batch.sealing || batch.bytes !== undefined) return
    batch.sealing = true
    const { runtime, options, codecs } = this.#parts
    const codec = codecs.of(options.compression)
    const done = runtime.work(() => batch.writer.sealCompressed(noIdentity, codec, options.compressionLevel))
    done.then(
      (bytes) => {
        batch.sealing = false
        batch.bytes = bytes
        if (!batch.settled) this.touch()
      },
      (cause) => {
        batch.sealing = false
        if (batch.settled) return
        const place = describePartition({ topic: this.topic.name, partition: this.index })
        const message = `Compressing a batch with ${codec.name} failed (${place}): ${textOf(cause)}`
        this.drop(batch, (outcome) => new KafkaError('SERIALIZE_FAILED', message, { cause, outcome }))
      },
    )
  }

  /** The broker has the batch. */
  delivered(batch: ProducerBatch): void {
    if (!this.#inFlight.includes(batch)) return
    this.#failures = 0
    this.#sequences?.delivered(batch)
    this.#landed(batch)
    this.#parts.settle(batch, undefined)
  }

  /** The broker refused the batch for good; `written` when it may have it all the same. */
  rejected(batch: ProducerBatch, error: KafkaError, written: boolean): void {
    if (!this.#inFlight.includes(batch)) return
    this.#renounce(batch, written || batch.maybeWritten)
    this.#landed(batch)
    this.#parts.settle(batch, error)
  }

  /** The batch comes back to be tried again. `written`: the broker may have it. */
  requeue(batch: ProducerBatch, error: KafkaError, written: boolean): void {
    if (!this.#inFlight.includes(batch)) return
    if (written) batch.maybeWritten = true
    batch.lastError = error
    if (batch.settled) this.#renounce(batch, batch.maybeWritten)
    else this.#returned.push(batch)
    this.#landed(batch)
  }

  /** The broker refuses the batch for its producer id. */
  refuseIdentity(batch: ProducerBatch): void {
    this.#sequences?.break(batch.ordinal, true)
  }

  /** The topic was deleted and created again: no number of the old one counts. */
  startOver(): void {
    this.#sequences?.break(-1)
    this.touch()
  }

  /** Settles a batch with an error before the broker has answered for it. */
  drop(batch: ProducerBatch, errorOf: (outcome: Outcome) => KafkaError): void {
    const flying = this.#inFlight.includes(batch)
    if (!flying) {
      if (batch === this.#open) this.#open = undefined
      if (!this.#waiting.remove(batch)) this.#returned = this.#returned.filter((other) => other !== batch)
      this.#renounce(batch, batch.maybeWritten)
    }
    this.#parts.settle(batch, errorOf(flying || batch.maybeWritten ? 'unknown' : 'not-written'))
    this.touch()
  }

  /** Drops everything that is not in flight. */
  dropWaiting(errorOf: (outcome: Outcome) => KafkaError): void {
    for (const batch of [...this.#returned, ...this.#waiting]) this.drop(batch, errorOf)
  }

  /** A batch is given up: its number will be missing, certainly or perhaps. */
  #renounce(batch: ProducerBatch, written: boolean): void {
    if (batch.baseSequence < 0) return
    if (written) this.#sequences?.lost(batch)
    else this.#sequences?.break(batch.ordinal)
  }

  #landed(batch: ProducerBatch): void {
    this.#inFlight.splice(this.#inFlight.indexOf(batch), 1)
    if (this.#inFlight.length === 0 && this.#returned.length > 0) this.#requeue()
    this.touch()
  }

  /** All in flight have come back: puts those to be tried again before the others. */
  #requeue(): void {
    const returned = this.#returned.sort((a, b) => a.ordinal - b.ordinal)
    this.#returned = []
    const first = returned[0]!
    this.#sequences?.doubt()
    // Those after a batch that failed fail for that reason alone; the first one has really lost its predecessor.
    if (first.outOfOrder) this.#sequences?.break(first.ordinal)
    this.#waiting.unshift(returned.flatMap((batch) => (batch.tooLarge ? this.#split(batch) : batch)))
    if (first.tooLarge) return
    // A leader that moved meanwhile is tried at once, and so is the first new beginning.
    if (this.#sink !== this.#sentTo || (first.outOfOrder && this.#failures === 0)) this.#failures++
    else this.retryLater(this.#parts.runtime.monoNow() + this.#parts.backoffMs(this.#failures))
  }

  #split(batch: ProducerBatch): ProducerBatch[] {
    const { pool } = this.#parts
    const parts = splitBatch(batch, (bytes) => pool.take(bytes))
    this.topic.learnTooLarge(batch.writer.byteLength)
    this.#parts.splitInto(batch, parts)
    return parts
  }
}
