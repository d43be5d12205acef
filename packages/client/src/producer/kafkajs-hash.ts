import { hashOfKey } from './key-bytes.ts'

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/**
 * The hash of KafkaJS' LegacyPartitioner, its default before version 2: murmur2 with floating-point products, which are rounded
 * beyond 2^53, and with the bytes after the last whole word mixed twice. A signed 32-bit number.
 */
export function kafkajsHash(key: string | Uint8Array): number {
  return hashOfKey(key, hashBytes)
}

function hashBytes(bytes: Uint8Array, length: number): number {
  let hash = seed ^ length
  for (let at = 0; at < length; at += 4) {
    const product = wordAt(bytes, at, length) * multiplier
    hash = (hash * multiplier) ^ ((product ^ (product >>> 24)) * multiplier)
  }
  const tail = length & ~3
  if (tail < length) hash = (hash ^ wordAt(bytes, tail, length)) * multiplier
  hash = (hash ^ (hash >>> 13)) * multiplier
  return hash ^ (hash >>> 15)
}

/** Up to four bytes, the lowest first. */
function wordAt(bytes: Uint8Array, at: number, length: number): number {
  let word = bytes[at]!
  if (at + 1 < length) word |= bytes[at + 1]! << 8
  if (at + 2 < length) word |= bytes[at + 2]! << 16
  if (at + 3 < length) word |= bytes[at + 3]! << 24
  return word
}
