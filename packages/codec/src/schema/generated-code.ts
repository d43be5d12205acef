// Helpers of the code in src/generated.
import type { DecodeError } from '../wire/decode-error.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

/** Longer arrays grow while they are read, so memory follows the actual data and not the claimed count. */
const presizedLength = 1024

const none: readonly never[] = []

export function arrayOf<T>(length: number): T[] {
  return length <= presizedLength ? new Array<T>(length) : []
}

/** The error for a negative length of an array that is not nullable. */
export function noArray(reader: Reader, length: number): DecodeError {
  return reader.error(`length ${length} where an array must be`)
}

export function text(reader: Reader, flexible: boolean): string {
  return reader.utf8(flexible ? reader.compactLength() : reader.stringLength())
}

export function nullableText(reader: Reader, flexible: boolean): string | null {
  const length = flexible ? reader.compactLength() : reader.stringLength()
  return length === -1 ? null : reader.utf8(length)
}

export function nullableBytes(reader: Reader, flexible: boolean): Buffer | null {
  const length = flexible ? reader.compactLength() : reader.bytesLength()
  return length === -1 ? null : reader.raw(length)
}

export function int32s(reader: Reader, flexible: boolean): number[] {
  const length = flexible ? reader.compactArrayLength(4) : reader.arrayLength(4)
  if (length < 0) throw noArray(reader, length)
  return reader.int32s(length)
}

/** A value that the version cannot carry. The table's encoder replaces this error with a precise one. */
export function refused(): TypeError {
  return new TypeError('cannot be sent in this version')
}

export function writeText(
  writer: Writer,
  value: string | null | undefined,
  flexible: boolean,
  nullable: boolean,
): void {
  if (value === null) writeNull(writer, flexible, nullable, 'string')
  else if (flexible) writer.compactString(value!)
  else writer.string(value!)
}

export function writeBytes(
  writer: Writer,
  value: Uint8Array | null | undefined,
  flexible: boolean,
  nullable: boolean,
): void {
  if (value === null) writeNull(writer, flexible, nullable, 'bytes')
  else if (flexible) writer.compactBytes(value!)
  else writer.bytes(value!)
}

export function writeInt32s(writer: Writer, value: readonly number[] | undefined, flexible: boolean): void {
  const values = writeCount(writer, value, flexible, false)
  for (let i = 0; i < values.length; i++) writer.int32(values[i]!)
}

/** Writes the length and returns the elements to write after it. */
export function writeCount<T>(
  writer: Writer,
  value: readonly T[] | null | undefined,
  flexible: boolean,
  nullable: boolean,
): readonly T[] {
  if (value === null) {
    writeNull(writer, flexible, nullable, 'array')
    return none
  }
  if (flexible) writer.compactArrayLength(value!)
  else writer.arrayLength(value!)
  return value!
}

function writeNull(writer: Writer, flexible: boolean, nullable: boolean, type: 'string' | 'bytes' | 'array'): void {
  if (!nullable) throw new TypeError('must not be null')
  if (flexible) writer.compactNull()
  else if (type === 'string') writer.nullString()
  else if (type === 'array') writer.nullArray()
  else writer.nullBytes()
}
