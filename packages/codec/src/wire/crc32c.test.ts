import { describe, expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { choose, crc32c, isRight, type NativeCrc32c, plainCrc32c } from './crc32c.ts'
import { optionalPackage } from './optional-package.ts'

const native = await optionalPackage<NativeCrc32c>('@node-rs/crc32', ['crc32c'])
const ways = [
  ['chosen', (bytes: Uint8Array, seed = 0, start = 0, end = bytes.length) => crc32c(bytes, seed, start, end)],
  ['JavaScript', plainCrc32c],
  ['without WebAssembly', choose(undefined, false)],
  ['WebAssembly', choose(undefined)],
  ['native', choose(native)],
] as const

/** Bit by bit from the polynomial. */
function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
test.each([
  ['nothing', Buffer.alloc(0), 0],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['32 descending', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
])('%s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected)
})

test('every length around steps of sixteen bytes', () => {
  const bytes = bytesOf(70, seeded(1))
  for (let length = 0; length <= bytes.length; length++) {
    expect(crc32c(bytes.subarray(0, length))).toBe(bitwiseCrc32c(bytes.subarray(0, length)))
  }
})

test('continues a checksum from the preceding bytes', () => {
  const bytes = bytesOf(100, seeded(2))
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes))
  }
})

test('a part of the bytes', () => {
  const bytes = bytesOf(100, seeded(3))
  expect(crc32c(bytes, 0, 7, 61)).toBe(crc32c(bytes.subarray(7, 61)))
})

describe.each(ways)('%s', (name, checksum) => {
  test('the native package is installed for this test', () => {
    expect(native).toBeDefined()
    if (name === 'without WebAssembly') expect(checksum).toBe(plainCrc32c)
  })

  // Around the chunk size of WebAssembly and the threshold for using it.
  test.each([0, 1, 15, 16, 17, 191, 192, 193, 1000, 65_535, 114_687, 114_688, 114_689, 300_001])(
    '%i bytes',
    (length) => {
      const bytes = bytesOf(length + 10, seeded(length))
      const expected = bitwiseCrc32c(bytes.subarray(3, 3 + length))
      expect(checksum(bytes, 0, 3, 3 + length)).toBe(expected)
      expect(checksum(bytes.subarray(3, 3 + length), 0, 0, length)).toBe(expected)
      const cut = 3 + (length >> 1)
      expect(checksum(bytes, checksum(bytes, 0, 3, cut), cut, 3 + length)).toBe(expected)
    },
  )
})

test('verifies a native package before it is used', () => {
  expect(isRight(native!)).toBe(true)
  expect(isRight({ crc32c: (bytes) => plainCrc32c(bytes, 0, 0, bytes.length) })).toBe(false)
})
