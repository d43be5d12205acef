import { describe, expect, test } from 'vitest'
import { Fetch, type FetchRequest } from '../api/01-fetch.ts'
import { ListOffsets, type ListOffsetsRequest } from '../api/02-list-offsets.ts'
import { Metadata } from '../api/03-metadata.ts'
import { ConsumerProtocolAssignment } from '../data/consumer-protocol-assignment.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { decodeMessage, encodeMessage } from './codec.ts'

const partition = { partitionIndex: 3, timestamp: -1n }
const listOffsets: ListOffsetsRequest = {
  replicaId: -1,
  isolationLevel: 0,
  topics: [{ name: 'orders', partitions: [partition] }],
}

function encoded(version: number, value: ListOffsetsRequest): Buffer {
  return encodeMessage(ListOffsets.request, version, value)
}

describe('encoding', () => {
  test('a field with a default may be omitted', () => {
    const decoded = decodeMessage(ListOffsets.request, 4, encoded(4, listOffsets))
    expect(decoded.topics[0]!.partitions[0]!.currentLeaderEpoch).toBe(-1)
  })

  test('a field without a default is required in the versions that have it', () => {
    const { isolationLevel: _, ...rest } = listOffsets
    expect(encoded(1, rest).length).toBe(4 + 4 + 8 + 4 + 4 + 8)
    expect(() => encoded(2, rest)).toThrow('ListOffsetsRequest v2: isolationLevel: is missing')
  })

  test('a value that the version lacks is dropped if ignorable, else rejected unless it is the default', () => {
    expect(encoded(5, { ...listOffsets, timeoutMs: 5 })).toEqual(encoded(5, listOffsets))
    expect(encoded(1, { ...listOffsets, isolationLevel: 0 })).toEqual(encoded(1, listOffsets))
    expect(() => encoded(1, { ...listOffsets, isolationLevel: 1 })).toThrow(
      'isolationLevel: cannot be sent in version 1',
    )
  })

  test.each([2 ** 31, 1.5, Number.NaN, '1', null, undefined])('%s is no int32, and the error says where', (value) => {
    const partitions = [partition, { ...partition, partitionIndex: value as number }]
    const request = { ...listOffsets, topics: [{ name: 'a', partitions }] }
    expect(() => encoded(7, request)).toThrow(/^ListOffsetsRequest v7: topics\[0\]\.partitions\[1\]\.partitionIndex: /)
  })

  test('tagged structs at their defaults are not sent', () => {
    const request: FetchRequest = { maxWaitMs: 1, minBytes: 1, topics: [], forgottenTopicsData: [] }
    const withDefaults = { ...request, replicaState: { replicaId: -1, replicaEpoch: -1n } }
    const bytes = encodeMessage(Fetch.request, 17, request)
    expect(encodeMessage(Fetch.request, 17, withDefaults)).toEqual(bytes)
    const withState = { ...request, replicaState: { replicaId: 1, replicaEpoch: -1n } }
    expect(encodeMessage(Fetch.request, 17, withState).length).toBeGreaterThan(bytes.length)
  })

  test('rejects a version that the message lacks', () => {
    expect(() => encoded(99, listOffsets)).toThrow(new RangeError('ListOffsetsRequest has no version 99'))
    expect(() => decodeMessage(ListOffsets.request, 0, Buffer.alloc(8))).toThrow(RangeError)
  })
})

describe('decoding', () => {
  test('unknown tags change nothing else and are written again', () => {
    const bytes = encoded(11, { ...listOffsets, timeoutMs: 1 })
    const tags = Buffer.from([2, 7, 3, 1, 2, 3, 200, 1, 1, 9])
    const tagged = Buffer.concat([bytes.subarray(0, -1), tags])
    const decoded = decodeMessage(ListOffsets.request, 11, tagged)
    expect(Object.entries(decoded)).toEqual(Object.entries(decodeMessage(ListOffsets.request, 11, bytes)))
    expect(encodeMessage(ListOffsets.request, 11, decoded)).toEqual(tagged)
  })

  test('rejects a tag whose size differs from its value', () => {
    const request = { maxWaitMs: 1, minBytes: 1, topics: [], forgottenTopicsData: [], clusterId: 'abc' }
    const bytes = encodeMessage(Fetch.request, 17, request)
    const sizeAt = bytes.lastIndexOf(Buffer.from([4, 4, 97, 98, 99]))
    expect(sizeAt).toBeGreaterThan(0)
    for (const size of [3, 5]) {
      const wrong = Buffer.concat([bytes, Buffer.alloc(2)])
      wrong[sizeAt] = size
      expect(() => decodeMessage(Fetch.request, 17, wrong)).toThrow(`clusterId: does not fill its ${size} bytes`)
    }
  })

  test('rejects a count that exceeds the bytes before it allocates memory', () => {
    const bytes = Buffer.from([0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff])
    expect(() => decodeMessage(Metadata.response, 3, bytes)).toThrow('2147483647 elements claimed')
    // 1000 brokers of version 3 take at least ten bytes each.
    const many = Buffer.alloc(8 + 9000)
    many.writeInt32BE(1000, 4)
    expect(() => decodeMessage(Metadata.response, 3, many)).toThrow('1000 elements claimed')
  })

  test('errors name message, version, path and position', () => {
    const topics = ['first', 'second'].map((name) => ({ name, partitions: [partition, partition] }))
    const bytes = encoded(5, { ...listOffsets, topics })
    const lengthAt = bytes.indexOf('second') - 2
    bytes.writeInt16BE(0x7000, lengthAt)
    const read = () => decodeMessage(ListOffsets.request, 5, bytes)
    expect(read).toThrow(
      /^ListOffsetsRequest v5: topics\[1\]\.name: 28672 bytes wanted, but only \d+ are left \(at byte \d+\)$/,
    )
    const details = { what: 'ListOffsetsRequest', version: 5, path: 'topics[1].name', offset: lengthAt + 2 }
    expect(read).toThrow(expect.objectContaining(details))
    expect(read).toThrow(DecodeError)
  })

  test('rejects null and negative lengths of required values', () => {
    expect(() => decodeMessage(ListOffsets.request, 1, Buffer.from('ffffffff' + 'ffffffff', 'hex'))).toThrow(
      'topics: length -1 where an array must be',
    )
    expect(() => decodeMessage(ListOffsets.request, 1, Buffer.from('ffffffff' + 'fffffffe', 'hex'))).toThrow(
      DecodeError,
    )
    expect(() =>
      decodeMessage(ListOffsets.request, 1, Buffer.from('ffffffff' + '00000001' + 'ffff0000', 'hex')),
    ).toThrow(DecodeError)
  })

  test('ignores bytes after a message, as data of a later version may have', () => {
    const bytes = encodeMessage(ConsumerProtocolAssignment, 0, { assignedPartitions: [], userData: null })
    const later = Buffer.concat([bytes, Buffer.from('more')])
    expect(decodeMessage(ConsumerProtocolAssignment, 0, later)).toEqual({ assignedPartitions: [], userData: null })
  })

  test('bytes are views without a copy', () => {
    const userData = Buffer.alloc(5000, 1)
    const bytes = encodeMessage(ConsumerProtocolAssignment, 0, { assignedPartitions: [], userData })
    const decoded = decodeMessage(ConsumerProtocolAssignment, 0, bytes)
    bytes.fill(9)
    expect(decoded.userData!.every((byte) => byte === 9)).toBe(true)
  })

  test('names from the wire never reach a prototype', () => {
    const topics = [{ name: '__proto__', partitions: [partition] }]
    const decoded = decodeMessage(ListOffsets.request, 1, encoded(1, { ...listOffsets, topics }))
    expect(decoded.topics[0]!.name).toBe('__proto__')
  })
})
