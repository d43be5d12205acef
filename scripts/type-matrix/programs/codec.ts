import * as everything from '@ottla/codec'
import {
  type Api,
  type Decoded,
  decodeMessage,
  decodeRequest,
  type Encodable,
  encodeRequest,
  encodeResponse,
  errorOf,
  type Fetch,
  type FetchResponse,
  Metadata,
  type MetadataRequest,
  SaslAuthenticate,
  type SaslAuthenticateResponse,
} from '@ottla/codec'
import * as records from '@ottla/codec/records'
import { BatchWriter, codecOf, RecordBatchReader, type RecordCursor } from '@ottla/codec/records'
import * as wire from '@ottla/codec/wire'
import { DecodeError } from '@ottla/codec/wire'
import type { Runtime, Transport } from '@ottla/runtime'
import * as runtime from '@ottla/runtime'
import { assertType, type Equal } from './equal.js'

export { everything, records, runtime, wire }

const request: MetadataRequest = { topics: [{ name: 't' }], allowAutoTopicCreation: false }
export const frame: Uint8Array[] = encodeRequest(Metadata, 12, { correlationId: 1, clientId: 'c' }, request)
export const body = decodeRequest(Metadata, 12, Buffer.concat(frame), 0)
assertType<Equal<(typeof body)['allowAutoTopicCreation'], boolean>>()
assertType<Equal<NonNullable<(typeof body)['topics']>[number]['name'], string | null>>()
// @ts-expect-error A field with the wrong type.
encodeRequest(Metadata, 12, { correlationId: 1, clientId: null }, { topics: [{ name: 7 }] })
// @ts-expect-error An unknown field.
encodeResponse(SaslAuthenticate, 1, 1, { errorCode: 0, errorMessage: null, authBytes: new Uint8Array(1), more: 1 })

type Partition = FetchResponse['responses'][number]['partitions'][number]
assertType<Equal<Partition['highWatermark'], bigint>>()
assertType<Equal<Partition['records'], Uint8Array | null>>()
assertType<Equal<SaslAuthenticateResponse['authBytes'], Uint8Array>>()
assertType<Equal<Decoded<typeof Fetch.response>['sessionId'], number>>()

/** A function over every API keeps the types of the one it is called with. */
export function bodyOf<A extends Api>(_api: A, value: Encodable<A['request']>): Encodable<A['request']> {
  return value
}
export const sasl = bodyOf(SaslAuthenticate, { authBytes: Buffer.from('token') })
assertType<Equal<(typeof sasl)['authBytes'], Uint8Array>>()
export const key = decodeMessage(everything.OffsetCommitKey, 1, Buffer.alloc(0))
assertType<Equal<(typeof key)['partition'], number>>()
export const retriable: boolean = errorOf(6).retriable

export async function roundTrip(): Promise<Uint8Array> {
  const writer = new BatchWriter()
  writer.append(0, 'k', Buffer.from('v'), [])
  const packed = await codecOf('zstd').compress(new Uint8Array(10))
  const batch = new RecordBatchReader(packed).next()
  assertType<Equal<typeof batch, records.RecordBatch | undefined>>()
  return packed
}

export function isDamaged(error: unknown): error is DecodeError {
  return error instanceof DecodeError
}

export function timers(host: Runtime, transport: Transport): void {
  const timer = host.setTimer(() => transport.destroy(), 10)
  host.clearTimer(timer)
  // @ts-expect-error Only a Runtime makes timers.
  host.clearTimer(7)
}
export type Cursor = RecordCursor
