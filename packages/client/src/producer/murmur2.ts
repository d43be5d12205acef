import { hashOfKey } from './key-bytes.ts'

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** MurmurHash2 as in Java's `Utils.murmur2`, of bytes or of the UTF-8 bytes of a string. A signed 32-bit number. */
export function murmur2(key: string | Uint8Array): number {
  if (typeof key !== 'string') return hashBytes(key, key.length)
  const length = key.length
  let hash = seed ^ length
  let mixed = 0
  const whole = length & ~3
  let at = 0
  for (; at < whole; at += 4) {
    const a = key.charCodeAt(at)
    const b = key.charCodeAt(at + 1)
    const c = key.charCodeAt(at + 2)
    const d = key.charCodeAt(at + 3)
    mixed |= a | b | c | d
    hash = mixWord(hash, a | (b << 8) | (c << 16) | (d << 24))
  }
  let tail = 0
  for (let shift = 0; at < length; at++, shift += 8) {
    const code = key.charCodeAt(at)
    mixed |= code
    tail |= code << shift
  }
  // Beyond ASCII the UTF-8 bytes differ from the characters.
  if (mixed > 0x7f) return hashOfKey(key, hashBytes)
  return finish(hash, tail, length & 3)
}

function hashBytes(bytes: Uint8Array, length: number): number {
  let hash = seed ^ length
  const whole = length & ~3
  let at = 0
  for (; at < whole; at += 4) {
    hash = mixWord(hash, bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
  }
  let tail = 0
  for (let shift = 0; at < length; at++, shift += 8) tail |= bytes[at]! << shift
  return finish(hash, tail, length & 3)
}

function mixWord(hash: number, word: number): number {
  let k = Math.imul(word, multiplier)
  k ^= k >>> 24
  return Math.imul(hash, multiplier) ^ Math.imul(k, multiplier)
}

function finish(hash: number, tail: number, tailLength: number): number {
  let h = tailLength === 0 ? hash : Math.imul(hash ^ tail, multiplier)
  h ^= h >>> 13
  h = Math.imul(h, multiplier)
  return h ^ (h >>> 15)
}

/** The partition of a key, as in Java's default partitioner. */
export function keyPartition(key: string | Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}
