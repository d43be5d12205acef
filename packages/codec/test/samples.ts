// Seeded random messages.
import type { MessageTable } from '../src/schema/api.ts'
import type { Fields, FieldTable } from '../src/schema/fields.ts'
import { defaultOf, planFields, type StructValue, type Version } from '../src/schema/plan.ts'
import { includes } from '../src/schema/versions.ts'

/** An integer from 0 to below the argument. */
export type Random = (below: number) => number

/** The same numbers for the same seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** Size of a message's parts: small ones suit files, mixed ones also exercise size limits. */
export type Size = 'small' | 'mixed'

export function versionOf(message: MessageTable, version: number): Version {
  return { version, flexible: includes(message.flexible, version) }
}

/** A complete message as the decoder returns it: fields that the version lacks have their default. */
export function sample(message: MessageTable, version: number, random: Random, size: Size = 'mixed'): StructValue {
  return sampleStruct(message.fields, versionOf(message, version), random, size)
}

function sampleStruct(fields: Fields, version: Version, random: Random, size: Size): StructValue {
  const struct: StructValue = {}
  for (const { name, table, place, nullable } of planFields(fields, version)) {
    const standard = place === 'absent' || (place === 'tagged' && random(2) === 0)
    if (standard) struct[name] = defaultOf(table)()
    else if (nullable && random(4) === 0) struct[name] = null
    else struct[name] = sampleValue(table, version, random, size)
  }
  return struct
}

export function sampleValue(table: FieldTable, version: Version, random: Random, size: Size): unknown {
  const rarely = (oneIn: number) => size === 'mixed' && random(oneIn) === 0
  switch (table.type) {
    case 'bool':
      return random(2) === 0
    case 'int8':
      return integer(8, random)
    case 'int16':
      return integer(16, random)
    case 'uint16':
      return random(65536)
    case 'int32':
      return integer(32, random)
    case 'int64':
      return BigInt.asIntN(64, (BigInt(random(2 ** 32)) << BigInt(random(40))) - BigInt(random(100)))
    case 'float64':
      return random(1e9) / 1000 - 1e5
    case 'string': {
      const character = ['a', 'é', '語', '𝄞', 'Z'][random(5)]!
      return character.repeat(rarely(20) ? random(400) : random(12))
    }
    case 'uuid':
      return bytesOf(16, random).toString('base64url')
    case 'bytes':
    case 'records':
      return bytesOf(rarely(10) ? 300 : random(size === 'small' ? 4 : 20), random)
    case 'struct':
      return sampleStruct(table.fields!, version, random, size)
    case 'array': {
      const length = rarely(40) ? 140 : random(size === 'small' ? 3 : 4)
      return Array.from({ length }, () => sampleValue(table.element!, version, random, size))
    }
  }
}

function integer(bits: number, random: Random): number {
  const edges = [0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))]
  return random(3) === 0 ? edges[random(edges.length)]! : random(2 ** (bits - 1))
}

export function bytesOf(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)))
}
