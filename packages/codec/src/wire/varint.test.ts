import { expect, test } from 'vitest'
import { seeded } from '../../test/samples.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

/** Zigzag and seven bits a byte, by BigInt. */
function plainVarint(value: number): number[] {
  let bits = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  while (bits > 0x7fn) {
    bytes.push(Number(bits & 0x7fn) | 0x80)
    bits >>= 7n
  }
  return [...bytes, Number(bits)]
}

const random = seeded(1)
const edges = Array.from({ length: 53 }, (_, i) => 2 ** i).flatMap((n) => [n - 1, n, n + 1, -n, -n - 1, 1 - n])
const longs = [0, ...edges, ...Array.from({ length: 500 }, () => random(2 ** 32) * random(2 ** 20) - random(2 ** 32))]
const ints = longs.filter((n) => (n | 0) === n)

test.each([
  ['int32', ints, writeVarint, varintSize],
  ['int64', [...longs, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER], writeVarlong, varlongSize],
] as const)('%s: bytes and sizes', (_, values, write, sizeOf) => {
  for (const value of values) {
    const bytes = new Uint8Array(12)
    const expected = plainVarint(value)
    expect(write(bytes, 1, value), `${value}`).toBe(1 + expected.length)
    expect([...bytes.subarray(1, 1 + expected.length)], `${value}`).toEqual(expected)
    expect(sizeOf(value), `${value}`).toBe(expected.length)
  }
})
