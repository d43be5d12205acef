import { hashOfKey } from './key-bytes.ts'

const polynomial = 0xedb88320

const table = new Int32Array(256)
for (let byte = 0; byte < table.length; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  table[byte] = crc
}

/** CRC-32 as in zlib, of bytes or of the UTF-8 bytes of a string. An unsigned 32-bit number. Unlike that of zlib it allocates nothing. */
export function crc32(key: string | Uint8Array): number {
  return hashOfKey(key, crcOf) >>> 0
}

function crcOf(bytes: Uint8Array, length: number): number {
  let crc = -1
  for (let at = 0; at < length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!
  return ~crc
}
