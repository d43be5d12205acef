import { expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { Produce } from '../api/00-produce.ts'
import { Fetch } from '../api/01-fetch.ts'
import { ListOffsets } from '../api/02-list-offsets.ts'
import { Metadata } from '../api/03-metadata.ts'
import { JoinGroup } from '../api/11-join-group.ts'
import { ApiVersions } from '../api/18-api-versions.ts'
import { BatchWriter } from '../records/batch-writer.ts'
import { RecordBatchReader } from '../records/record-batch-reader.ts'
import type { Api } from '../schema/api.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { headerVersions } from './headers.ts'
import { decodeRequest, decodeRequestHeader, encodeRequest } from './request.ts'
import { correlationIdOf, decodeResponse, encodeResponse } from './response.ts'

const golden = goldenBytes('frames.tsv')
const meta = { correlationId: 7, clientId: 'me' }
const topicId = 'AQIDBAUGBwgJCgsMDQ4PEA'

function records(): Uint8Array {
  const writer = new BatchWriter()
  writer.append(1_700_000_000_000, 'k', 'v', [])
  return writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1 })
}

function produce(topic: { name: string } | { topicId: string }) {
  return { acks: -1, timeoutMs: 30_000, topicData: [{ ...topic, partitionData: [{ index: 3, records: records() }] }] }
}

const software = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1.0' }
const joinGroup = {
  groupId: 'billing',
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 300_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from([0, 1, 2]) }],
}

test.each([
  ['api-versions-request-0', () => encodeRequest(ApiVersions, 0, meta, software)],
  ['api-versions-request-4', () => encodeRequest(ApiVersions, 4, meta, software)],
  ['produce-request-3', () => encodeRequest(Produce, 3, meta, produce({ name: 'orders' }))],
  ['produce-request-12', () => encodeRequest(Produce, 12, meta, produce({ name: 'orders' }))],
  ['produce-request-13', () => encodeRequest(Produce, 13, meta, produce({ topicId }))],
  ['join-group-request-5', () => encodeRequest(JoinGroup, 5, meta, joinGroup)],
])('%s, as Kafka writes it', (name, encode) => {
  expect(Buffer.concat(encode()).toString('hex')).toBe(golden(name).toString('hex'))
})

test('requests that Kafka wrote', () => {
  const frame = golden('produce-request-13').subarray(4)
  const { bodyOffset, ...header } = decodeRequestHeader(frame)
  expect(header).toEqual({ apiKey: 0, apiVersion: 13, ...meta })
  const [topic] = decodeRequest(Produce, 13, frame, bodyOffset).topicData
  expect(topic).toMatchObject({ topicId, name: '', partitionData: [{ index: 3 }] })
  const batch = new RecordBatchReader(topic!.partitionData[0]!.records!).next()!
  expect(batch.verifyCrc()).toBe(true)
})

test('responses that Kafka wrote', () => {
  const metadata = decodeResponse(Metadata, 12, golden('metadata-response-12').subarray(4))
  expect(metadata.correlationId).toBe(7)
  expect(metadata.body.brokers).toEqual([{ nodeId: 1, host: 'localhost', port: 9092, rack: null }])
  expect(metadata.body.topics[0]).toMatchObject({ name: 'orders', topicId, partitions: [{ leaderEpoch: 9 }] })
  for (const version of [11, 17]) {
    const { body } = decodeResponse(Fetch, version, golden(`fetch-response-${version}`).subarray(4))
    const [partition] = body.responses[0]!.partitions
    expect(partition).toMatchObject({
      highWatermark: 5_000_000_000n,
      lastStableOffset: 4_999_999_999n,
      abortedTransactions: [{ producerId: 4000n, firstOffset: 10n }],
      currentLeader: version === 17 ? { leaderId: 2, leaderEpoch: 8 } : { leaderId: -1, leaderEpoch: -1 },
    })
    expect(Buffer.from(records()).equals(partition!.records!)).toBe(true)
  }
})

test('reads the response to an ApiVersions request of an unsupported version', () => {
  const frame = golden('api-versions-response-unsupported').subarray(4)
  const { body } = decodeResponse(ApiVersions, 4, frame)
  expect(body).toMatchObject({ errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] })
})

test.each(['metadata-response-12', 'fetch-response-11', 'fetch-response-17', 'api-versions-response-4'])(
  '%s: written again it is the same',
  (name) => {
    const version = Number(/\d+$/.exec(name)![0])
    const api: Api = [Metadata, Fetch, ApiVersions].find((api) => name.startsWith(api.name[0]!.toLowerCase()))!
    const { correlationId, body } = decodeResponse(api, version, golden(name).subarray(4))
    const bytes = Buffer.concat(encodeResponse(api, version, correlationId, body as never))
    expect(bytes.toString('hex')).toBe(golden(name).toString('hex'))
  },
)

test('large records become chunks without a copy', () => {
  const large = Buffer.alloc(10_000)
  const request = { acks: 1, timeoutMs: 1, topicData: [{ name: 'a', partitionData: [{ index: 0, records: large }] }] }
  const chunks = encodeRequest(Produce, 9, meta, request)
  expect(chunks.includes(large)).toBe(true)
  const whole = Buffer.concat(chunks)
  expect(whole.readInt32BE(0)).toBe(whole.length - 4)
  const { bodyOffset } = decodeRequestHeader(whole.subarray(4))
  const body = decodeRequest(Produce, 9, whole.subarray(4), bodyOffset)
  expect(body.topicData[0]!.partitionData[0]!.records!.length).toBe(10_000)
})

test('versions of the headers', () => {
  expect(headerVersions(ListOffsets, 5)).toEqual({ request: 1, response: 0 })
  expect(headerVersions(ListOffsets, 6)).toEqual({ request: 2, response: 1 })
  expect(headerVersions(ApiVersions, 3)).toEqual({ request: 2, response: 0 })
})

test('the client id may be null', () => {
  const frame = Buffer.concat(encodeRequest(ApiVersions, 0, { correlationId: 1, clientId: null }, software)).subarray(4)
  expect(decodeRequestHeader(frame)).toEqual({
    apiKey: 18,
    apiVersion: 0,
    correlationId: 1,
    clientId: null,
    bodyOffset: 10,
  })
})

test('reads the header of an unknown API or version', () => {
  const frame = Buffer.from('03e80005' + '00000009' + '00026d65' + 'abcdef', 'hex')
  expect(decodeRequestHeader(frame)).toEqual({
    apiKey: 1000,
    apiVersion: 5,
    correlationId: 9,
    clientId: 'me',
    bodyOffset: 12,
  })
  const later = Buffer.concat(encodeRequest(ApiVersions, 4, meta, software)).subarray(4)
  later.writeInt16BE(99, 2)
  expect(decodeRequestHeader(later)).toMatchObject({ apiKey: 18, apiVersion: 99, correlationId: 7 })
})

test('rejects a request that does not fill its frame', () => {
  const frame = Buffer.concat([...encodeRequest(ApiVersions, 4, meta, software), Buffer.alloc(1)]).subarray(4)
  const { bodyOffset } = decodeRequestHeader(frame)
  expect(() => decodeRequest(ApiVersions, 4, frame, bodyOffset)).toThrow('ApiVersionsRequest v4: 1 bytes are left over')
  expect(decodeRequest(ApiVersions, 4, frame, bodyOffset, { ignoreLeftOver: true }).clientSoftwareName).toBe('ottla')
})

test('rejects frames that are too short', () => {
  for (let length = 0; length < 10; length++) {
    const frame = golden('produce-request-3').subarray(4, 4 + length)
    expect(() => decodeRequestHeader(frame), `${length} bytes`).toThrow(DecodeError)
  }
  expect(() => correlationIdOf(Buffer.alloc(3))).toThrow(DecodeError)
  expect(correlationIdOf(golden('metadata-response-12').subarray(4))).toBe(7)
  expect(() => decodeResponse(ApiVersions, 4, Buffer.alloc(4))).toThrow(DecodeError)
})
