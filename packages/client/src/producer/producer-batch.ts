import type { BatchWriter, SealFields } from '@ottla/codec/records'
import type { ProduceStarted } from '../diagnostics.ts'
import type { KafkaError, Outcome } from '../errors.ts'
import type { Call, CallBatch } from './calls.ts'
import type { Compression } from './compression.ts'
import type { Generation } from './flush-barrier.ts'
import type { Identity } from './identity.ts'
import { BatchResult, Receipt } from './receipt.ts'

/** The partition of a batch, for those that send the batch or report its result. */
export interface BatchPartition {
  readonly topic: {
    readonly name: string
    readonly topicId: string | undefined
    /** Undefined: its batches are not compressed. */
    readonly compression: Compression | undefined
  }
  readonly index: number
  /** The batch that takes the next record. */
  readonly open: ProducerBatch | undefined
  /** Bytes were accepted; negative: settled. */
  addLoad(bytes: number): void
  /** Why nothing of it is sent or acknowledged at the moment, as far as the partition shows it. */
  delay(nowMs: number): string | undefined
  /** Whether the leader is another broker now, in a newer epoch than the batches in flight were sent in. */
  hasMovedFrom(brokerId: number): boolean
  /** Reports that there may be something to send. */
  schedule(): void
  /** No more records join the open batch. */
  closeOpen(): void
  /** Ends the open batch's wait for more records. */
  endLinger(): void
  /** The batch was compressed, or compressing it failed. */
  compressed(batch: ProducerBatch, cause: unknown): void
  /** The broker has the batch. */
  complete(batch: ProducerBatch): void
  /** The broker rejected the batch, and no retry helps. `written`: the broker may nevertheless have it. */
  fail(batch: ProducerBatch, error: KafkaError, written: boolean): void
  /** The batch has to be sent again. `written`: the broker may have it. */
  requeue(batch: ProducerBatch, error: KafkaError, written: boolean): void
  /** The broker rejected the batch because of its producer id. */
  refuseIdentity(batch: ProducerBatch): void
  /** Takes records of a call out of a batch that was never sent, and settles them; the others keep their places. */
  withdraw(batch: ProducerBatch, call: Call, errors: ReadonlyMap<number, KafkaError>): void
  /** Settles the batch with an error before the broker has responded. */
  drop(batch: ProducerBatch, errorOf: (outcome: Outcome) => KafkaError): void
}

/** Records of one partition: encoded once, frozen at the first write, resent without change. */
export class ProducerBatch implements CallBatch {
  readonly partition: BatchPartition
  readonly result: BatchResult
  /** On `monoNow`; parts of a split batch have that of the whole. */
  readonly createdMs: number
  readonly writer: BatchWriter
  /** Its position among the batches of its partition. Parts of a split batch come between it and the next batch. */
  readonly ordinal: number
  /** The range of ordinals that it may divide among its parts when it is split. */
  readonly span: number
  readonly generation: Generation

  /** The sealed batch, once it is closed. From the first attempt on it is never changed, only replaced. */
  bytes: Uint8Array | undefined
  /** It waits to be compressed, or is being compressed. */
  sealing = false
  /** The identity and sequence are in `bytes`. */
  stamped = false
  identity: Identity | undefined
  /** -1: not assigned yet. */
  baseSequence = -1
  /** Requests that contained it. */
  attempts = 0
  /** After some attempt it is unknown whether the broker has it. */
  maybeWritten = false
  /** The topic's id when it was taken for the last attempt: a topic that is created again meanwhile does not receive that one. */
  topicId: string | undefined
  /** The last attempt names the topic by this id. */
  sentById = false
  /** An attempt named the topic, as before version 13 of Produce: another topic of that name may have received it. */
  sentByName = false
  /** It is a part of a batch of which that is unknown. */
  wholeMaybeWritten = false
  /** The response to the last attempt was OUT_OF_ORDER_SEQUENCE_NUMBER or UNKNOWN_PRODUCER_ID. */
  outOfOrder = false
  /** Requests with it whose response could not be read. */
  unreadable = 0
  /** The broker rejected it as too large. */
  tooLarge = false
  /** The broker rejected it because of these records, by their index in the batch (KIP-467). */
  rejected: ReadonlyMap<number, KafkaError> | undefined
  lastError: KafkaError | undefined
  /** The batch that has its records, after some of them were withdrawn. */
  movedTo: ProducerBatch | undefined
  settled = false
  /** Since its first request, while a subscriber of the diagnostics channels waits for its end. */
  published: ProduceStarted | undefined
  /** Some of its records have neither a promise nor a callback. */
  unreported = false
  /** A record in it names the partition. */
  explicit = false
  /** Its share of `maxBufferedBytes`: of its data, and of the objects around it. */
  chargedBytes = 0
  overheadBytes = 0
  /** It no longer waits for more records. */
  lingered = false
  readonly calls: Call[] = []

  constructor(
    partition: BatchPartition,
    writer: BatchWriter,
    createdMs: number,
    generation: Generation,
    ordinal: number,
    span = 1,
  ) {
    this.partition = partition
    this.writer = writer
    this.createdMs = createdMs
    this.generation = generation
    this.ordinal = ordinal
    this.span = span
    this.result = new BatchResult(partition.topic.name, partition.index)
  }

  get count(): number {
    return this.writer.count
  }

  /** Its size in a request. */
  get byteLength(): number {
    return this.bytes === undefined ? this.writer.byteLength : this.bytes.length
  }

  /** For another attempt. */
  taken(): void {
    this.attempts++
    this.outOfOrder = false
    this.topicId = this.partition.topic.topicId
    this.sentById = false
  }

  /** The last appended record belongs to `call`, at `position`; its timestamp is this much later than that of the first record. */
  attach(call: Call | undefined, position: number, deltaMs: number): void {
    if (call === undefined) {
      this.unreported = true
      return
    }
    const { result, calls } = this
    call.accepted(new Receipt(result, this.writer.count - 1, deltaMs), position)
    if (calls.length > 0 && calls[calls.length - 1] === call) return
    call.pending++
    calls.push(call)
    call.batches?.push(this)
  }

  withdraw(call: Call, errors: ReadonlyMap<number, KafkaError>): void {
    this.partition.withdraw(this, call, errors)
  }

  /** Each of its calls has its result. */
  settleCalls(): void {
    for (const call of this.calls) call.settled(this.result)
    this.calls.length = 0
  }
}

/** Of a batch without a sequence number. */
export const noIdentity: SealFields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

/** What its header has of the producer, when it is sealed. */
export function sealFieldsOf({ identity, baseSequence }: ProducerBatch): SealFields {
  if (identity === undefined) return noIdentity
  const { producerId, epoch: producerEpoch, transactional } = identity
  return { producerId, producerEpoch, baseSequence, transactional }
}
