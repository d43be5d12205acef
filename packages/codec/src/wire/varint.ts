// Signed varints as in Protocol Buffers: zigzag, then seven bits per byte, least significant first.

/** Beyond this a zigzagged number does not fit 32 bits. */
const smallLimit = 0x4000_0000

/** The size of an int32 as a varint, in bytes. */
export function varintSize(value: number): number {
  const bits = (value << 1) ^ (value >> 31)
  if (bits >>> 7 === 0) return 1
  if (bits >>> 14 === 0) return 2
  if (bits >>> 21 === 0) return 3
  return bits >>> 28 === 0 ? 4 : 5
}

/** The size of a safe integer as a varint, in bytes. */
export function varlongSize(value: number): number {
  if (value < smallLimit && value >= -smallLimit) return varintSize(value)
  let size = 1
  for (let left = Math.floor((value < 0 ? -value - 1 : value) / 64); left > 0; left = Math.floor(left / 128)) size++
  return size
}

/** Writes an int32 and returns the next offset. The caller ensures space. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let bits = (value << 1) ^ (value >> 31)
  let at = offset
  while ((bits & ~0x7f) !== 0) {
    bytes[at++] = (bits & 0x7f) | 0x80
    bits >>>= 7
  }
  bytes[at++] = bits
  return at
}

/** Writes a safe integer and returns the next offset. */
export function writeVarlong(bytes: Uint8Array, offset: number, value: number): number {
  if (value < smallLimit && value >= -smallLimit) return writeVarint(bytes, offset, value)
  // The first byte holds the sign and six bits of the number; the others hold seven bits each.
  const magnitude = value < 0 ? -value - 1 : value
  let at = offset
  let low = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0)
  for (let left = Math.floor(magnitude / 64); left > 0; left = Math.floor(left / 128)) {
    bytes[at++] = low | 0x80
    low = left % 128
  }
  bytes[at++] = low
  return at
}

/** The size of an int64 as a varint, in bytes. */
export function wideSize(value: bigint): number {
  let size = 1
  for (let left = zigzag(value) >> 7n; left > 0n; left >>= 7n) size++
  return size
}

/** Writes an int64 and returns the next offset. The caller ensures space for ten bytes. */
export function writeWide(bytes: Uint8Array, offset: number, value: bigint): number {
  let at = offset
  let left = zigzag(value)
  for (; left > 0x7fn; left >>= 7n) bytes[at++] = Number(left & 0x7fn) | 0x80
  bytes[at++] = Number(left)
  return at
}

function zigzag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}
