import type { BatchWriter } from '@ottla/codec/records'
import type { KafkaError } from '../errors.ts'
import type { Call } from './calls.ts'
import type { Generation } from './flush-barrier.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import type { Identity } from './producer-id.ts'
import { BatchResult, Receipt } from './receipt.ts'

/** Records of one partition on their way: encoded once, frozen when first written, resent as they are. */
export class ProducerBatch {
  readonly partition: PartitionBuffer
  readonly result: BatchResult
  /** On `monoNow`; parts of a split batch have that of the whole. */
  readonly createdMs: number
  readonly writer: BatchWriter
  /** Its place among the batches of its partition. Parts of a split batch lie between the whole and the next. */
  readonly ordinal: number
  /** How much of the ordinals is its own, to be shared out when it is split. */
  readonly span: number
  readonly generation: Generation

  /** The sealed batch, once it is closed; from the first attempt on never changed, only replaced. */
  bytes: Uint8Array | undefined
  sealing = false
  /** The identity and sequence are in `bytes`. */
  stamped = false
  identity: Identity | undefined
  /** -1: none given yet. */
  baseSequence = -1
  /** Requests that carried it. */
  attempts = 0
  /** An attempt ended in a way that leaves open whether the broker has it. */
  maybeWritten = false
  /** The broker answered the last attempt with OUT_OF_ORDER_SEQUENCE_NUMBER or UNKNOWN_PRODUCER_ID. */
  outOfOrder = false
  /** The broker finds it too large. */
  tooLarge = false
  lastError: KafkaError | undefined
  settled = false
  /** What it counts in the buffer's budget. */
  chargedBytes = 0
  /** Its time to wait for company is over. */
  lingered = false
  readonly calls: Call[] = []

  constructor(
    partition: PartitionBuffer,
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

  /** What it takes in a request. */
  get byteLength(): number {
    return this.bytes === undefined ? this.writer.byteLength : this.bytes.length
  }

  /** The record appended last is that of `call` at `position`. */
  attach(call: Call, position: number, timestampMs: number): void {
    const { result, calls } = this
    call.accepted(new Receipt(result, this.writer.count - 1, timestampMs - result.baseTimestampMs), position)
    if (calls.length > 0 && calls[calls.length - 1] === call) return
    call.pending++
    calls.push(call)
  }
}
