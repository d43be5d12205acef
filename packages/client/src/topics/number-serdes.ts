import { builtIn, type Serde } from './serde.ts'
import { kindOf, unreadable, unwritable } from './serde-errors.ts'

/** Java's readers refuse any other size. */
function checkSize(start: number, end: number, size: number): void {
  if (end - start !== size) throw unreadable(`has ${end - start} bytes, not ${size}`)
}

interface Fixed<In, Out> {
  readonly size: number
  write(bytes: Buffer, value: In): void
  read(bytes: Buffer, at: number): Out
}

function fixed<In, Out>({ size, write, read }: Fixed<In, Out>): Serde<In, Out> {
  return builtIn<In, Out>(
    (value) => {
      const bytes = Buffer.allocUnsafe(size)
      write(bytes, value)
      return bytes
    },
    (bytes, start, end) => {
      checkSize(start, end, size)
      return read(bytes, start)
    },
  )
}

function integer(value: unknown, bits: 16 | 32): number {
  const limit = 2 ** (bits - 1)
  if (typeof value !== 'number') throw unwritable(`must be a number, not ${kindOf(value)}`)
  if (!Number.isInteger(value) || value < -limit || value >= limit) {
    throw unwritable(`must be an integer of ${bits} bits, from ${-limit} to ${limit - 1}`)
  }
  return value
}

function long(value: unknown): bigint {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) {
    const found = typeof value === 'number' ? 'a number that is no safe integer' : kindOf(value)
    throw unwritable(`must be a bigint or a safe integer, not ${found}`)
  }
  const wide = BigInt(value)
  if (BigInt.asIntN(64, wide) !== wide) throw unwritable('must be an integer of 64 bits')
  return wide
}

function float(value: unknown): number {
  if (typeof value !== 'number') throw unwritable(`must be a number, not ${kindOf(value)}`)
  return value
}

const short = fixed<number, number>({
  size: 2,
  write: (bytes, value) => bytes.writeInt16BE(integer(value, 16)),
  read: (bytes, at) => bytes.readInt16BE(at),
})
const int = fixed<number, number>({
  size: 4,
  write: (bytes, value) => bytes.writeInt32BE(integer(value, 32)),
  read: (bytes, at) => bytes.readInt32BE(at),
})
const wide = fixed<bigint | number, bigint>({
  size: 8,
  write: (bytes, value) => bytes.writeBigInt64BE(long(value)),
  read: (bytes, at) => bytes.readBigInt64BE(at),
})
const single = fixed<number, number>({
  size: 4,
  write: (bytes, value) => bytes.writeFloatBE(float(value)),
  read: (bytes, at) => bytes.readFloatBE(at),
})
const double = fixed<number, number>({
  size: 8,
  write: (bytes, value) => bytes.writeDoubleBE(float(value)),
  read: (bytes, at) => bytes.readDoubleBE(at),
})
const flag = fixed<boolean, boolean>({
  size: 1,
  write: (bytes, value) => {
    if (typeof value !== 'boolean') throw unwritable(`must be true or false, not ${kindOf(value)}`)
    bytes[0] = value ? 1 : 0
  },
  read: (bytes, at) => {
    const byte = bytes[at]
    if (byte !== 0 && byte !== 1) throw unreadable('is a byte other than 0 and 1')
    return byte === 1
  },
})

/** Java's Short: 2 bytes, big-endian. */
export function int16(): Serde<number> {
  return short
}

/** Java's Integer: 4 bytes, big-endian. */
export function int32(): Serde<number> {
  return int
}

/** Java's Long: 8 bytes, big-endian. Takes a bigint or a safe integer, reads a bigint. */
export function int64(): Serde<bigint | number, bigint> {
  return wide
}

/** Java's Float: 4 bytes, big-endian. A number is rounded to the nearest one of 32 bits. */
export function float32(): Serde<number> {
  return single
}

/** Java's Double: 8 bytes, big-endian. */
export function float64(): Serde<number> {
  return double
}

/** Java's Boolean: a byte, 1 or 0. */
export function boolean(): Serde<boolean> {
  return flag
}
