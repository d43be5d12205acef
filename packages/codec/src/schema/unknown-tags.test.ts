import { describe, expect, test } from 'vitest'
import { Fetch } from '../api/01-fetch.ts'
import { Metadata } from '../api/03-metadata.ts'
import { FindCoordinator } from '../api/10-find-coordinator.ts'
import { ResponseHeader } from '../data/response-header.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import { keepUnknownTag, unknownTagsOf } from './unknown-tags.ts'

const noMetadata = { throttleTimeMs: 0, brokers: [], topics: [] }
const tag = (number: number, text: string) => ({ tag: number, bytes: Buffer.from(text) })

describe('tagged fields of a later Kafka', () => {
  test('are kept as bytes and written again', () => {
    const bytes = Buffer.from([0, 0, 0, 7, 2, 5, 2, 0xaa, 0xbb, 0x81, 0x01, 1, 0xcc])
    const header = decodeMessage(ResponseHeader, 1, bytes)
    expect(unknownTagsOf(header)).toEqual([
      { tag: 5, bytes: Buffer.from([0xaa, 0xbb]) },
      { tag: 129, bytes: Buffer.from([0xcc]) },
    ])
    expect(encodeMessage(ResponseHeader, 1, header)).toEqual(bytes)
    expect(encodeMessage(ResponseHeader, 1, { ...header, correlationId: 8 })).toEqual(
      Buffer.from([0, 0, 0, 8, ...bytes.subarray(4)]),
    )
  })

  test('are written in tag order between the known ones', () => {
    const request = { clusterId: 'c', maxWaitMs: 1, minBytes: 1, topics: [], forgottenTopicsData: [] }
    // Version 12 lacks tag 1, which is a field in version 15.
    keepUnknownTag(request, 1, Buffer.from('one'))
    keepUnknownTag(request, 9, Buffer.from('nine'))
    const bytes = encodeMessage(Fetch.request, 12, request)
    expect(bytes.subarray(-15).toString('latin1')).toBe('\x03\x00\x02\x02c\x01\x03one\x09\x04nine'.slice(-15))
    const again = decodeMessage(Fetch.request, 12, bytes)
    expect(again.clusterId).toBe('c')
    expect(unknownTagsOf(again)).toEqual([tag(1, 'one'), tag(9, 'nine')])
    expect(() => encodeMessage(Fetch.request, 15, again)).toThrow(/tag 1 was kept as unknown/)
  })

  test('are kept in the structs of an array, by generated code and by tables', () => {
    const topic = { name: 't', errorCode: 0, partitions: [], topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }
    keepUnknownTag(topic, 3, Buffer.from('new'))
    const straight = encodeMessage(Metadata.response, 12, { ...noMetadata, topics: [topic] })
    const [read] = decodeMessage(Metadata.response, 12, straight).topics
    expect(unknownTagsOf(read!)).toEqual([tag(3, 'new')])

    const coordinator = { key: 'g', nodeId: 1, host: 'h', port: 9092, errorCode: 0, errorMessage: null }
    keepUnknownTag(coordinator, 0, Buffer.from('x'))
    const byTable = encodeMessage(FindCoordinator.response, 4, { throttleTimeMs: 0, coordinators: [coordinator] })
    expect(unknownTagsOf(decodeMessage(FindCoordinator.response, 4, byTable).coordinators[0]!)).toEqual([tag(0, 'x')])
  })

  test('a message without them has none', () => {
    const bytes = encodeMessage(ResponseHeader, 1, { correlationId: 1 })
    expect(unknownTagsOf(decodeMessage(ResponseHeader, 1, bytes))).toEqual([])
  })

  test('rejects a tag whose size exceeds the bytes', () => {
    expect(() => decodeMessage(ResponseHeader, 1, Buffer.from([0, 0, 0, 1, 1, 5, 9, 0xaa]))).toThrow(/9 bytes/)
  })
})
