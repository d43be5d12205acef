import { ResponseHeader } from '../data/response-header.ts'
import type { Api, MessageTable } from '../schema/api.ts'
import { decoderOf } from '../schema/compile-decoder.ts'
import { encoderOf } from '../schema/compile-encoder.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { headerVersions } from './headers.ts'

const apiVersionsKey = 18
const unsupportedVersion = 35

export interface DecodedResponse<S> {
  readonly correlationId: number
  readonly body: Decoded<MessageTable<S>>
}

/** A response preceded by its length, as chunks like those of `encodeRequest`. */
export function encodeResponse<Q, S>(
  api: Api<Q, S>,
  version: number,
  correlationId: number,
  body: Encodable<MessageTable<S>>,
): Uint8Array[] {
  const writer = new Writer()
  writer.int32(0)
  encoderOf(ResponseHeader, headerVersions(api, version).response)(writer, { correlationId })
  encoderOf(api.response, version)(writer, body)
  writer.patchInt32(0, writer.byteLength - 4)
  return writer.chunks()
}

/** The correlation id of a response. It identifies the request, and so the API and version to decode the rest with. */
export function correlationIdOf(frame: Uint8Array): number {
  return new Reader(frame).int32()
}

/**
 * Header and body of a response; `frame` excludes the length. Fields of type bytes and records are views into it. A
 * broker that does not support the version of an ApiVersions request responds in version 0, with errorCode
 * UNSUPPORTED_VERSION: that is decoded too (KIP-511). Throws DecodeError.
 */
export function decodeResponse<Q, S>(api: Api<Q, S>, version: number, frame: Uint8Array): DecodedResponse<S> {
  const reader = new Reader(frame)
  const { correlationId } = decoderOf(ResponseHeader, headerVersions(api, version).response)(reader)
  const refused = api.key === apiVersionsKey && reader.remaining >= 2 && errorAhead(reader) === unsupportedVersion
  const body = decoderOf(api.response, refused ? 0 : version)(reader)
  return { correlationId, body }
}

function errorAhead(reader: Reader): number {
  return reader.buffer.readInt16BE(reader.offset)
}
