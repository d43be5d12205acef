import { apiOf } from '../api/registry.ts'
import { RequestHeader } from '../data/request-header.ts'
import type { Api, MessageTable } from '../schema/api.ts'
import { decoderOf } from '../schema/compile-decoder.ts'
import { encoderOf } from '../schema/compile-encoder.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { headerVersions } from './headers.ts'

export interface RequestMeta {
  readonly correlationId: number
  readonly clientId: string | null
}

export interface DecodedRequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Where the body starts in the frame. */
  readonly bodyOffset: number
}

/**
 * A request preceded by its length, as chunks to write in order. `records` and `bytes` of 4 KiB or more are chunks of
 * their own, without a copy. Throws TypeError for a body that the version cannot carry.
 */
export function encodeRequest<Q, S>(
  api: Api<Q, S>,
  version: number,
  { correlationId, clientId }: RequestMeta,
  body: Encodable<MessageTable<Q>>,
): Uint8Array[] {
  const writer = new Writer()
  writer.int32(0)
  const header = { requestApiKey: api.key, requestApiVersion: version, correlationId, clientId }
  encoderOf(RequestHeader, headerVersions(api, version).request)(writer, header)
  encoderOf(api.request, version)(writer, body)
  writer.patchInt32(0, writer.byteLength - 4)
  return writer.chunks()
}

/**
 * The header of a request; `frame` excludes the length. For an unknown API only the part that all header versions share
 * is read. Throws DecodeError.
 */
export function decodeRequestHeader(frame: Uint8Array): DecodedRequestHeader {
  const reader = new Reader(frame)
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  reader.offset = 0
  const api = apiOf(apiKey)
  const headerVersion = api === undefined ? RequestHeader.versions.min : headerVersions(api, apiVersion).request
  const { correlationId, clientId } = decoderOf(RequestHeader, headerVersion)(reader)
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.offset }
}

export interface DecodeRequestOptions {
  /** Ignores bytes after the body, as Kafka's brokers do: librdkafka sends some. Default: DecodeError. */
  readonly ignoreLeftOver?: boolean
}

/** The body of a request, which must fill the frame. Throws DecodeError. */
export function decodeRequest<Q, S>(
  api: Api<Q, S>,
  version: number,
  frame: Uint8Array,
  bodyOffset: number,
  { ignoreLeftOver = false }: DecodeRequestOptions = {},
): Decoded<MessageTable<Q>> {
  const reader = new Reader(frame, bodyOffset)
  const body = decoderOf(api.request, version)(reader)
  if (reader.remaining > 0 && !ignoreLeftOver) {
    const what = api.request.name
    throw new DecodeError(`${reader.remaining} bytes are left over`, { what, version, offset: reader.offset })
  }
  return body
}
