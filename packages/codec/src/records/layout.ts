import { crc32c } from '../wire/crc32c.ts'

/** The offsets of the fields of a record batch of magic 2 (KIP-98). All numbers are big-endian. */
export const at = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

/** Bytes before the records. */
export const batchHeaderBytes: number = at.records

/** Bytes that `batchLength` excludes: base offset and the length itself. */
export const logOverheadBytes: number = at.partitionLeaderEpoch

export const magic = 2

export type Magic = 0 | 1 | 2

export const attribute = {
  compression: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const

/** The checksum covers everything from the attributes to the end. */
export function checksumOf(batch: Uint8Array): number {
  return crc32c(batch, 0, at.attributes)
}

/** An int64 as a number: exact up to 2^53, beyond that the nearest. */
export function readTimestamp(bytes: Buffer, offset: number): number {
  return bytes.readInt32BE(offset) * 0x1_0000_0000 + bytes.readUInt32BE(offset + 4)
}

export function writeTimestamp(bytes: Buffer, offset: number, timestampMs: number | bigint): void {
  bytes.writeBigInt64BE(BigInt(timestampMs), offset)
}
