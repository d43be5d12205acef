// Ways to corrupt bytes. Each returns new bytes and leaves its input unchanged.
import { bytesOf, type Random } from '../samples.ts'

/** Wrong lengths to write as int8, int16, int32 or varint. */
const wrongLengths = [-(2 ** 31), -2, -1, 0, 1, 127, 128, 255, 32767, 32768, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 32 - 1]

type Mutation = (bytes: Buffer, random: Random, from: number) => Buffer

const mutations: readonly Mutation[] = [flip, flip, truncate, lie, lie, lie, overwrite, insert, remove, repeat]

/** One to three changes, all of them behind the first `from` bytes. */
export function mutate(bytes: Buffer, random: Random, from = 0): Buffer {
  let mutated: Buffer = Buffer.from(bytes)
  for (let left = 1 + random(3); left > 0 && mutated.length > from; left--) {
    mutated = mutations[random(mutations.length)]!(mutated, random, from)
  }
  return mutated
}

function placeIn(bytes: Buffer, random: Random, from: number): number {
  return from + random(bytes.length - from)
}

function flip(bytes: Buffer, random: Random, from: number): Buffer {
  for (let left = 1 + random(4); left > 0; left--) bytes[placeIn(bytes, random, from)]! ^= 1 << random(8)
  return bytes
}

function truncate(bytes: Buffer, random: Random, from: number): Buffer {
  return bytes.subarray(0, placeIn(bytes, random, from))
}

function lie(bytes: Buffer, random: Random, from: number): Buffer {
  const at = placeIn(bytes, random, from)
  const claim = random(3) === 0 ? random(300) : wrongLengths[random(wrongLengths.length)]!
  const left = bytes.length - at
  const width = random(4)
  if (width === 0) bytes[at] = claim
  else if (width === 1 && left >= 2) bytes.writeInt16BE((claim << 16) >> 16, at)
  else if (width === 2 && left >= 4) bytes.writeInt32BE(claim | 0, at)
  else varintOf(claim).copy(bytes, at)
  return bytes
}

function varintOf(value: number): Buffer {
  const bytes: number[] = []
  let rest = value >>> 0
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

function overwrite(bytes: Buffer, random: Random, from: number): Buffer {
  bytesOf(random(12), random).copy(bytes, placeIn(bytes, random, from))
  return bytes
}

function insert(bytes: Buffer, random: Random, from: number): Buffer {
  const at = placeIn(bytes, random, from)
  return Buffer.concat([bytes.subarray(0, at), bytesOf(random(12), random), bytes.subarray(at)])
}

function remove(bytes: Buffer, random: Random, from: number): Buffer {
  const at = placeIn(bytes, random, from)
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(12))])
}

function repeat(bytes: Buffer, random: Random, from: number): Buffer {
  const at = placeIn(bytes, random, from)
  const piece = bytes.subarray(at, at + 1 + random(40))
  return Buffer.concat([bytes.subarray(0, at), ...Array.from({ length: random(20) }, () => piece), bytes.subarray(at)])
}
