import { expect, test } from 'vitest'
import { bytesOf, seeded } from '../../test/samples.ts'
import { crc32c } from './crc32c.ts'

/** Bit by bit, straight from the polynomial. */
function plainCrc32c(bytes: Uint8Array): number {
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

test('every length around the sixteen bytes taken at a time', () => {
  const bytes = bytesOf(70, seeded(1))
  for (let length = 0; length <= bytes.length; length++) {
    expect(crc32c(bytes.subarray(0, length))).toBe(plainCrc32c(bytes.subarray(0, length)))
  }
})

test('a checksum goes on from the one of what came before', () => {
  const bytes = bytesOf(100, seeded(2))
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes))
  }
})

test('a part of the bytes', () => {
  const bytes = bytesOf(100, seeded(3))
  expect(crc32c(bytes, 0, 7, 61)).toBe(crc32c(bytes.subarray(7, 61)))
})
