import { gunzipSync } from 'node:zlib'

/** A record as a log has it, with the numbers of its producer. */
export interface StoredRecord {
  readonly offset: number
  readonly key: string | undefined
  readonly value: string
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
  readonly isTransactional: boolean
}

const attributesAt = 21
const producerIdAt = 43
const epochAt = 51
const sequenceAt = 53
const countAt = 57
const headerBytes = 61
const compressionMask = 7
const transactionalBit = 16
const controlBit = 32
const gzip = 1
const markerKeyBytes = 4
const commitType = 1

/** The end of a transaction, in the log of each of its partitions. */
export interface StoredMarker {
  readonly producerId: bigint
  readonly committed: boolean
}

/** The integers of a record, one after the other. */
class Varints {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  next(): number {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) throw new RangeError('A record ends within an integer')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n))
    }
  }

  text(): string | undefined {
    const length = this.next()
    if (length < 0) return undefined
    const end = this.at + length
    if (end > this.#bytes.length) throw new RangeError('A record ends within a text')
    const text = Buffer.from(this.#bytes.subarray(this.at, end)).toString()
    this.at = end
    return text
  }
}

/** The marker that a control batch is; undefined for all others. */
export function storedMarker(bytes: Uint8Array): StoredMarker | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if ((view.getInt16(attributesAt) & controlBit) === 0) return undefined
  const varints = new Varints(bytes.subarray(headerBytes))
  varints.next()
  varints.at += 1
  varints.next()
  varints.next()
  // The key: a version and a type, both of two bytes.
  const keyBytes = varints.next()
  const type = keyBytes < markerKeyBytes ? -1 : view.getInt16(headerBytes + varints.at + 2)
  return { producerId: view.getBigInt64(producerIdAt), committed: type === commitType }
}

/**
 * The records of one stored batch, all of them, read without the codec under test. Control batches have none.
 * https://kafka.apache.org/documentation/#recordbatch
 */
export function storedRecords(bytes: Uint8Array, baseOffset: number): StoredRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const attributes = view.getInt16(attributesAt)
  const count = view.getInt32(countAt)
  if ((attributes & controlBit) !== 0 || count === 0) return []
  const compression = attributes & compressionMask
  if (compression > gzip) throw new RangeError(`The oracle does not read compression ${compression}`)
  const payload = bytes.subarray(headerBytes)
  const varints = new Varints(compression === gzip ? gunzipSync(payload) : payload)
  const producerId = view.getBigInt64(producerIdAt)
  const epoch = view.getInt16(epochAt)
  const baseSequence = view.getInt32(sequenceAt)
  const isTransactional = (attributes & transactionalBit) !== 0
  return Array.from({ length: count }, () => {
    const length = varints.next()
    const end = varints.at + length
    varints.at += 1
    varints.next()
    const delta = varints.next()
    const key = varints.text()
    const value = varints.text() ?? ''
    varints.at = end
    const sequence = baseSequence < 0 ? -1 : (baseSequence + delta) & 0x7fff_ffff
    return { offset: baseOffset + delta, key, value, producerId, epoch, sequence, isTransactional }
  })
}
