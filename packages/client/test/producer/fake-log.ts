import { errorCode } from '@ottla/codec'
import { codecOf, RecordBatch } from '@ottla/codec/records'

interface ProducerState {
  epoch: number
  /** The last five batches: [first sequence, last sequence, base offset]. */
  batches: [number, number, bigint][]
}

/** One partition's log, refusing batches and recognising duplicates as a broker does. */
export class FakeLog {
  readonly values: string[] = []
  readonly keys: (string | null)[] = []
  readonly batches: Buffer[] = []
  readonly producers = new Map<bigint, ProducerState>()
  maxBatchBytes = 1 << 20

  append(bytes: Uint8Array): { errorCode: number; baseOffset: bigint } {
    const batch = new RecordBatch(Buffer.from(bytes))
    if (!batch.verifyCrc()) return { errorCode: errorCode('CORRUPT_MESSAGE'), baseOffset: -1n }
    if (bytes.length > this.maxBatchBytes) return { errorCode: errorCode('MESSAGE_TOO_LARGE'), baseOffset: -1n }
    const last = (batch.baseSequence + batch.recordCount - 1) & 0x7fffffff
    if (batch.producerId >= 0n) {
      const refused = this.#check(batch, last)
      if (refused !== undefined) return refused
    }
    const baseOffset = BigInt(this.values.length)
    const codec = codecOf(batch.compression)
    const payload = codec.id === 0 ? undefined : (codec.decompress(batch.payload, this.maxBatchBytes) as Uint8Array)
    const cursor = batch.records(payload)
    while (cursor.next()) {
      const { bytes, keyStart, keyLength, valueStart, valueLength } = cursor
      const text = (start: number, length: number) => Buffer.from(bytes.subarray(start, start + length)).toString()
      this.keys.push(keyLength < 0 ? null : text(keyStart, keyLength))
      this.values.push(valueLength < 0 ? '' : text(valueStart, valueLength))
    }
    this.batches.push(batch.bytes)
    if (batch.producerId >= 0n) {
      const state = this.producers.get(batch.producerId)!
      state.epoch = batch.producerEpoch
      state.batches = [...state.batches.slice(-4), [batch.baseSequence, last, baseOffset]]
    }
    return { errorCode: 0, baseOffset }
  }

  /** Whether a batch is there under its sequence numbers, among the last five. */
  knows(bytes: Uint8Array): boolean {
    const { producerId, producerEpoch, baseSequence } = new RecordBatch(bytes)
    const state = this.producers.get(producerId)
    return state?.epoch === producerEpoch && state.batches.some(([first]) => first === baseSequence)
  }

  #check(batch: RecordBatch, last: number): { errorCode: number; baseOffset: bigint } | undefined {
    const state = this.producers.get(batch.producerId)
    if (state === undefined) {
      this.producers.set(batch.producerId, { epoch: batch.producerEpoch, batches: [] })
      return undefined
    }
    if (batch.producerEpoch < state.epoch) return { errorCode: errorCode('INVALID_PRODUCER_EPOCH'), baseOffset: -1n }
    if (batch.producerEpoch > state.epoch) {
      if (batch.baseSequence !== 0) return { errorCode: errorCode('OUT_OF_ORDER_SEQUENCE_NUMBER'), baseOffset: -1n }
      state.batches = []
      return undefined
    }
    const twin = state.batches.find(([first, end]) => first === batch.baseSequence && end === last)
    if (twin !== undefined) return { errorCode: 0, baseOffset: twin[2] }
    const previous = state.batches.at(-1)
    if (previous !== undefined && batch.baseSequence !== ((previous[1] + 1) & 0x7fffffff)) {
      return { errorCode: errorCode('OUT_OF_ORDER_SEQUENCE_NUMBER'), baseOffset: -1n }
    }
    return undefined
  }
}
