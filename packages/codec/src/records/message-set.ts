import { crc32 } from 'node:zlib'
import type { Codec } from '../compression/codec.ts'
import { withBrokenHeaderChecksum } from '../compression/lz4.ts'
import { attribute } from './layout.ts'
import { keyAt, type LegacyMagic, lastLegacyCompression, messageAt, messageOverheadBytes } from './legacy-message.ts'

/** A record of the formats before Kafka 0.11: no headers. Strings are written as UTF-8. */
export interface MessageFields {
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  /** In ms. Magic 0 has no timestamps. Default -1 (none). */
  readonly timestampMs?: number | bigint | undefined
  /** Default: the previous offset plus one. */
  readonly offset?: bigint | undefined
}

export interface MessageSetOptions {
  readonly magic: LegacyMagic
  /** Wraps all messages, compressed, in one. These formats do not support zstd. Default: no compression. */
  readonly codec?: Codec | undefined
  readonly level?: number | undefined
  /** The offset of the first message. Default 0. */
  readonly baseOffset?: bigint | undefined
  /** In ms, as a broker writes it for a topic with LogAppendTime. Magic 1 only. */
  readonly logAppendTime?: number | bigint | undefined
}

interface Entry {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly attributes: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

const noTimestamp = -1n

/** Encodes messages in the formats before Kafka 0.11. Throws TypeError for what the format cannot represent. */
export async function messageSet(messages: readonly MessageFields[], options: MessageSetOptions): Promise<Buffer> {
  const { magic, codec, level, baseOffset = 0n, logAppendTime } = options
  if (messages.length === 0) throw new TypeError('a message set without messages')
  if (magic === 0 && logAppendTime !== undefined) throw new TypeError('magic 0 has no timestamps')
  const entries = entriesOf(messages, options)
  if (codec === undefined || codec.id === 0) return Buffer.concat(entries.map((entry) => encode(magic, entry)))
  if (codec.id > lastLegacyCompression) throw new TypeError(`magic ${magic} does not support ${codec.name}`)
  const last = entries.at(-1)!
  // Since magic 1 the inner offsets are relative, so that brokers can assign offsets without recompressing.
  const shift = magic === 0 ? 0n : baseOffset
  const inner = entries.map((entry) => encode(magic, { ...entry, offset: entry.offset - shift }))
  const compressed = await codec.compress(Buffer.concat(inner), level)
  let timestamp = noTimestamp
  for (const entry of entries) if (entry.timestamp > timestamp) timestamp = entry.timestamp
  return encode(magic, {
    offset: last.offset,
    timestamp,
    attributes: codec.id | last.attributes,
    key: null,
    value: magic === 0 && codec.name === 'lz4' ? withBrokenHeaderChecksum(compressed) : compressed,
  })
}

function entriesOf(messages: readonly MessageFields[], { baseOffset = 0n, logAppendTime }: MessageSetOptions): Entry[] {
  let offset = baseOffset - 1n
  return messages.map((message) => {
    offset = message.offset ?? offset + 1n
    return {
      offset,
      timestamp: BigInt(logAppendTime ?? message.timestampMs ?? noTimestamp),
      attributes: logAppendTime === undefined ? 0 : attribute.logAppendTime,
      key: bytesOf(message.key),
      value: bytesOf(message.value),
    }
  })
}

function encode(magic: LegacyMagic, { offset, timestamp, attributes, key, value }: Entry): Buffer {
  const keyStart = keyAt(magic) + 4
  const valueStart = keyStart + (key?.length ?? 0) + 4
  const bytes = Buffer.alloc(valueStart + (value?.length ?? 0))
  bytes.writeBigInt64BE(offset, messageAt.offset)
  bytes.writeInt32BE(bytes.length - messageOverheadBytes, messageAt.size)
  bytes[messageAt.magic] = magic
  bytes[messageAt.attributes] = attributes
  if (magic === 1) bytes.writeBigInt64BE(timestamp, messageAt.timestamp)
  bytes.writeInt32BE(key?.length ?? -1, keyStart - 4)
  if (key !== null) bytes.set(key, keyStart)
  bytes.writeInt32BE(value?.length ?? -1, valueStart - 4)
  if (value !== null) bytes.set(value, valueStart)
  bytes.writeUInt32BE(crc32(bytes.subarray(messageAt.magic)), messageAt.crc)
  return bytes
}

function bytesOf(data: string | Uint8Array | null): Uint8Array | null {
  return typeof data === 'string' ? Buffer.from(data) : data
}
