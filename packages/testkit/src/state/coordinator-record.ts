import { type Encodable, encodeMessage, type Message } from '@ottla/codec'

/** A record in the log of a coordinator; without a value it is a tombstone. */
export interface GroupRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** A message with its version, or a record's type, in the two bytes before it. */
export function prefixed<M extends Message>(
  prefix: number,
  message: M,
  version: number,
  value: Encodable<M>,
): Uint8Array {
  const body = encodeMessage(message, version, value)
  const bytes = new Uint8Array(2 + body.length)
  bytes[0] = prefix >> 8
  bytes[1] = prefix
  bytes.set(body, 2)
  return bytes
}

export function int16(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
}
