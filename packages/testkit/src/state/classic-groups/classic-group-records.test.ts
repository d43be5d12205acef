import { describe, expect, test } from 'vitest'
import { GroupBed, text } from '../../../test/support/group-bed.ts'
import { offsetRecord } from '../offsets/offset-records.ts'
import { assignmentsOf } from './classic-group-join.ts'
import { groupRecord } from './classic-group-records.ts'

// Records of Apache Kafka 4.3.1's __consumer_offsets.
const golden = {
  emptyGroup: ['0002000972756e323332372d63', '0003000000000000ffffffff000001a1fdb8f00c00000000'],
  leftGroup: ['0002000972756e323332372d63', '00030008636f6e73756d657200000002ffffffff000001a1fdb8f03600000000'],
  staticMember: [
    '0002000972756e323332372d63',
    '00030008636f6e73756d657200000001000572616e676500286f6e652d37336463386533612d303334352d343031332d393266302d663764' +
      '373935386236653235000001a1fdb8f00e0000000100286f6e652d37336463386533612d303334352d343031332d393266302d66376437' +
      '393538623665323500036f6e65000477697265000a2f3132372e302e302e31000027100000271000000018000000000001000c64696666' +
      '6572656e7469616c00000000000000046d696e65',
  ],
  offset: [
    '0001000972756e323332372d61000c646966666572656e7469616c00000000',
    '0004000000000000000a00000000056d657461000001a1fdb8ef6601001054a398c6d8764d8292c199bbde8c4a0d',
  ],
  expiringOffset: [
    '0001000b6b656570732d612d646179000c646966666572656e7469616c00000001',
    '0001000000000000002a00016d000001a1fdbf1e03000001a202e57a03',
  ],
} as const

function replayed(...names: (keyof typeof golden)[]): GroupBed {
  const bed = new GroupBed()
  for (const name of names) {
    const [key, value] = golden[name]
    bed.shard.replayRecord({ key: Buffer.from(key, 'hex'), value: Buffer.from(value, 'hex') })
  }
  return bed
}

const hex = (record: { key: Uint8Array; value: Uint8Array | null }) => [
  Buffer.from(record.key).toString('hex'),
  Buffer.from(record.value ?? []).toString('hex'),
]

describe("Kafka's records", () => {
  test('of a group are read and written unchanged', () => {
    const bed = replayed('emptyGroup', 'staticMember')
    const group = bed.group('run2327-c')
    expect(group).toMatchObject({ state: 'Stable', generationId: 1, protocolType: 'consumer', protocolName: 'range' })
    expect(group.leaderId).toBe('one-73dc8e3a-0345-4013-92f0-f7d7958b6e25')
    const member = group.members.get(group.leaderId ?? '')
    expect(member).toMatchObject({ groupInstanceId: 'one', clientId: 'wire', clientHost: '/127.0.0.1' })
    expect(member).toMatchObject({ sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 })
    expect(text(member?.assignment)).toBe('mine')
    expect(group.subscribedTopics).toEqual(new Set(['differential']))
    expect(hex(groupRecord(group, assignmentsOf(group)))).toEqual(golden.staticMember)
  })

  test('of an empty group are read and written unchanged', () => {
    for (const name of ['emptyGroup', 'leftGroup'] as const) {
      const group = replayed(name).group('run2327-c')
      expect(group.state).toBe('Empty')
      expect(hex(groupRecord(group, new Map()))).toEqual(golden[name])
    }
  })

  test('of offsets are read and written unchanged', () => {
    const { offsets } = replayed('offset', 'expiringOffset').shard
    const offset = offsets.committed.get('run2327-a', 'differential', 0)
    expect(offset).toEqual({
      offset: 10n,
      leaderEpoch: 0,
      metadata: 'meta',
      commitTimestampMs: 0x1a1fdb8ef66,
      expireTimestampMs: undefined,
      topicId: 'VKOYxth2TYKSwZm73oxKDQ',
    })
    const expiring = offsets.committed.get('keeps-a-day', 'differential', 1)
    expect(expiring).toMatchObject({ offset: 42n, leaderEpoch: -1, topicId: null })
    expect((expiring?.expireTimestampMs ?? 0) - (expiring?.commitTimestampMs ?? 0)).toBe(86_400_000)
    if (!offset || !expiring) return
    expect(hex(offsetRecord('run2327-a', 'differential', 0, offset))).toEqual(golden.offset)
    expect(hex(offsetRecord('keeps-a-day', 'differential', 1, expiring))).toEqual(golden.expiringOffset)
  })

  test('of unknown types are ignored, and tombstones delete groups and offsets', () => {
    const bed = replayed('staticMember', 'offset')
    bed.shard.replayRecord({ key: Buffer.from('0063000141', 'hex'), value: Buffer.from('0000', 'hex') })
    expect(bed.shard.classicGroups.size).toBe(2)
    for (const name of ['staticMember', 'offset'] as const) {
      bed.shard.replayRecord({ key: Buffer.from(golden[name][0], 'hex'), value: null })
    }
    expect([...bed.shard.classicGroups.keys()]).toEqual(['run2327-a'])
    expect(bed.shard.offsets.committed.topics('run2327-a').size).toBe(0)
  })
})
