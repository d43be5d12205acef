import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import type { MessageTable } from './api.ts'
import { decoderOf } from './compile-decoder.ts'
import { encoderOf } from './compile-encoder.ts'
import type { Decoded, Encodable } from './infer.ts'

/** The bytes of a message without header and length. Throws TypeError for a value that does not match the table. */
export function encodeMessage<F>(message: MessageTable<F>, version: number, value: Encodable<MessageTable<F>>): Buffer {
  const writer = new Writer()
  encoderOf(message, version)(writer, value)
  return writer.finish()
}

/**
 * Reads a message from the start of `bytes`; what follows it is ignored, as Kafka does with data of a later version.
 * Fields of type bytes and records are views into `bytes`. Throws DecodeError.
 */
export function decodeMessage<F>(
  message: MessageTable<F>,
  version: number,
  bytes: Uint8Array,
): Decoded<MessageTable<F>> {
  return decoderOf(message, version)(new Reader(bytes))
}
