import { describe, expect, test } from 'vitest'
import { GroupBed, subscription } from '../../../test/support/group-bed.ts'
import { describeGroup } from '../classic-groups/classic-group-describe.ts'
import { deleteGroup, deleteOffsets, deleteTopicOffsets } from './offset-delete.ts'
import { expireOffsets } from './offset-expiry.ts'
import { fetchOffsets } from './offset-fetch.ts'

const DAY_MS = 86_400_000

function deleted(bed: GroupBed, groupId = 'g'): string | undefined {
  let result: string | undefined = 'held'
  deleteGroup(bed.shard, groupId, (error) => {
    result = error
  })
  return result
}

function offsetsDeleted(bed: GroupBed, topic = 't'): string | readonly number[] {
  let result: string | readonly number[] = 'held'
  deleteOffsets(bed.shard, 'g', [{ name: topic, partitions: [0] }], (response) => {
    result = response
  })
  return result
}

describe('OffsetCommit', () => {
  test('without a generation creates a group, which a member may take over', () => {
    const bed = new GroupBed()
    expect(bed.commitError(7n)).toBe('NONE')
    expect(bed.offset()).toBe(7n)
    expect(bed.group()).toMatchObject({ state: 'Empty', protocolType: null })
    bed.stable(1)
    expect(bed.commitError(8n)).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.offset()).toBe(7n)
  })

  test('checks the generation, and changes nothing when it rejects a commit', () => {
    const bed = new GroupBed()
    const none = { memberId: 'x', generationIdOrMemberEpoch: 1 }
    expect(bed.commitError(1n, none, 9)).toBe('GROUP_ID_NOT_FOUND')
    expect(bed.commitError(1n, none, 8)).toBe('ILLEGAL_GENERATION')
    const { ids, generation } = bed.stable(1)
    const by = (memberId: string, generationIdOrMemberEpoch: number) => ({ memberId, generationIdOrMemberEpoch })
    expect(bed.commitError(1n, by(ids[0] ?? '', generation))).toBe('NONE')
    expect(bed.commitError(2n, by(ids[0] ?? '', generation - 1))).toBe('ILLEGAL_GENERATION')
    expect(bed.commitError(2n, by(ids[0] ?? '', generation + 1))).toBe('ILLEGAL_GENERATION')
    expect(bed.commitError(2n, by('other', generation))).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.commitError(2n, { ...by(ids[0] ?? '', generation), groupInstanceId: 'unknown' })).toBe(
      'UNKNOWN_MEMBER_ID',
    )
    expect(bed.offset()).toBe(1n)
  })

  test('is accepted while members rejoin, but not while the assignment is pending', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    const commit = { memberId: ids[1] ?? '', generationIdOrMemberEpoch: generation }
    bed.join(ids[0] ?? '')
    expect(bed.commitError(4n, commit)).toBe('NONE')
    bed.join(ids[1] ?? '')
    expect(bed.commitError(5n, { ...commit, generationIdOrMemberEpoch: generation + 1 })).toBe('REBALANCE_IN_PROGRESS')
    expect(bed.commitError(5n, commit)).toBe('ILLEGAL_GENERATION')
    expect(bed.offset()).toBe(4n)
  })

  test('is visible once it is replicated, which a fetch of stable offsets waits for', () => {
    const bed = new GroupBed()
    bed.commitError(1n)
    bed.log.isSlow = true
    const response = bed.commit(2n)
    expect(response.value).toBeUndefined()
    expect(bed.offset()).toBe(1n)
    expect(bed.offset(true)).toBeUndefined()
    bed.log.commit()
    expect(response.value).toBeDefined()
    expect(bed.offset(true)).toBe(2n)
  })

  test('fails with COORDINATOR_NOT_AVAILABLE on a timeout', () => {
    const bed = new GroupBed()
    bed.log.isSlow = true
    const response = bed.commit(2n)
    bed.log.fail('REQUEST_TIMED_OUT')
    expect(response.value?.[0]?.partitions[0]?.errorCode).toBe(15)
  })

  test('limits the metadata of each partition', () => {
    const bed = new GroupBed({ offsetMetadataMaxBytes: 4 })
    const partition = (partitionIndex: number, committedMetadata: string) => ({
      partitionIndex,
      committedOffset: 1n,
      committedLeaderEpoch: -1,
      committedMetadata,
    })
    const topics = [
      { name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [partition(0, 'four'), partition(1, 'fives')] },
    ]
    const codes = bed.commit(0n, { topics }).value?.[0]?.partitions.map(({ errorCode }) => errorCode)
    expect(codes).toEqual([0, 12])
  })
})

describe('OffsetFetch', () => {
  test('returns no offset and no error for an unknown group or partition, and all offsets for null', () => {
    const bed = new GroupBed()
    expect(bed.offset()).toBe(-1n)
    bed.commitError(7n)
    fetchOffsets(bed.shard, 'g', null, false, (result) => {
      expect(result).toMatchObject([
        { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7n, committedLeaderEpoch: 3, metadata: 'm' }] },
      ])
    })
    fetchOffsets(bed.shard, 'other', null, false, (result) => expect(result).toEqual([]))
  })

  test('ignores the offset of a deleted topic of the same name', () => {
    const bed = new GroupBed()
    const partition = { partitionIndex: 0, committedOffset: 9n, committedLeaderEpoch: -1, committedMetadata: null }
    bed.commit(0n, { topics: [{ name: 't', topicId: 'BBBBBBBBBBBBBBBBBBBBBA', partitions: [partition] }] })
    const topicsWith = (topicId: string) => [{ name: 't', topicId, partitionIndexes: [0] }]
    const offsets: (bigint | undefined)[] = []
    for (const id of ['BBBBBBBBBBBBBBBBBBBBBA', 'CCCCCCCCCCCCCCCCCCCCCA']) {
      fetchOffsets(bed.shard, 'g', topicsWith(id), false, (result) => {
        offsets.push(typeof result === 'string' ? undefined : result[0]?.partitions[0]?.committedOffset)
      })
    }
    expect(offsets).toEqual([9n, -1n])
  })
})

describe('deletion', () => {
  test('removes an empty group and its offsets, also from the log', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(1)
    bed.commitError(5n, { memberId: ids[0] ?? '', generationIdOrMemberEpoch: generation })
    expect(deleted(bed)).toBe('NON_EMPTY_GROUP')
    bed.leave(ids[0] ?? '')
    expect(deleted(bed)).toBeUndefined()
    expect(bed.offset()).toBe(-1n)
    expect(deleted(bed)).toBe('GROUP_ID_NOT_FOUND')
    const next = bed.reloaded()
    expect(next.shard.classicGroups.size).toBe(0)
    expect(next.offset()).toBe(-1n)
  })

  test('removes offsets unless the group is subscribed to the topic', () => {
    const bed = new GroupBed()
    expect(offsetsDeleted(bed)).toBe('GROUP_ID_NOT_FOUND')
    const { ids, generation } = bed.stable(1)
    bed.commitError(5n, { memberId: ids[0] ?? '', generationIdOrMemberEpoch: generation })
    expect(offsetsDeleted(bed)).toEqual([86])
    expect(offsetsDeleted(bed, 'other')).toEqual([0])
    bed.leave(ids[0] ?? '')
    expect(offsetsDeleted(bed)).toEqual([0])
    expect(bed.offset()).toBe(-1n)
    expect(bed.reloaded().offset()).toBe(-1n)
  })

  test('removes the offsets of a deleted topic in all groups', () => {
    const bed = new GroupBed()
    bed.commitError(5n)
    bed.commitError(6n, { groupId: 'other' })
    deleteTopicOffsets(bed.shard, 't')
    for (const groupId of ['g', 'other']) expect(bed.shard.offsets.committed.topics(groupId).size).toBe(0)
    expect(bed.reloaded().offset()).toBe(-1n)
  })
})

describe('expiry', () => {
  const retention = { offsetsRetentionMs: 7 * DAY_MS }

  test('of offsets without a group counts from the last commit', () => {
    const bed = new GroupBed(retention)
    bed.commitError(5n)
    bed.clock.advance(7 * DAY_MS - 1)
    expireOffsets(bed.shard)
    expect(bed.offset()).toBe(5n)
    bed.clock.advance(1)
    expireOffsets(bed.shard)
    expect(bed.offset()).toBe(-1n)
    expect(bed.shard.classicGroups.size).toBe(0)
  })

  test('of a group counts from when it became empty', () => {
    const bed = new GroupBed(retention)
    const { ids, generation } = bed.stable(1)
    bed.commitError(5n, { memberId: ids[0] ?? '', generationIdOrMemberEpoch: generation })
    for (let day = 0; day < 8; day++) {
      for (let i = 0; i < 10; i++) {
        bed.clock.nowMs += DAY_MS / 10
        bed.heartbeat(ids[0] ?? '', generation)
      }
      expireOffsets(bed.shard)
    }
    expect(bed.offset()).toBe(5n)
    bed.leave(ids[0] ?? '')
    bed.clock.advance(7 * DAY_MS - 1)
    expireOffsets(bed.shard)
    expect(bed.offset()).toBe(5n)
    bed.clock.advance(1)
    expireOffsets(bed.shard)
    expect(bed.offset()).toBe(-1n)
    expect(bed.reloaded().shard.classicGroups.size).toBe(0)
  })

  test('of a topic that a stable group no longer subscribes to counts from the last commit', () => {
    const bed = new GroupBed(retention)
    const { ids, generation } = bed.stable(1)
    bed.commitError(5n, { memberId: ids[0] ?? '', generationIdOrMemberEpoch: generation })
    const otherTopic = { protocols: [{ name: 'range', metadata: subscription('u') }] }
    bed.join(ids[0] ?? '', otherTopic)
    bed.sync(ids[0] ?? '', generation + 1, {})
    bed.clock.nowMs += 7 * DAY_MS
    expireOffsets(bed.shard)
    expect(bed.offset()).toBe(-1n)
    expect(bed.group().state).toBe('Stable')
  })

  test('follows the retention time of the commit (versions 2 to 4)', () => {
    const bed = new GroupBed(retention)
    bed.commitError(5n, { retentionTimeMs: 1_000n }, 4)
    const next = bed.reloaded(retention)
    next.clock.advance(999)
    expireOffsets(next.shard)
    expect(next.offset()).toBe(5n)
    next.clock.advance(1)
    expireOffsets(next.shard)
    expect(next.offset()).toBe(-1n)
  })
})

describe('DescribeGroups', () => {
  test('returns protocol and metadata only of a stable group, and a missing group as Dead, with an error since version 6', () => {
    const bed = new GroupBed()
    expect(describeGroup(bed.shard, 'g', 5)).toMatchObject({ errorCode: 0, groupState: 'Dead' })
    expect(describeGroup(bed.shard, 'g', 6)).toMatchObject({ errorCode: 69, errorMessage: 'Group g not found.' })
    const { ids } = bed.stable(1)
    const member = { memberId: ids[0], clientId: 'app', clientHost: '/127.0.0.1', memberMetadata: subscription('t') }
    expect(describeGroup(bed.shard, 'g', 6)).toMatchObject({
      groupState: 'Stable',
      protocolData: 'range',
      members: [member],
    })
    bed.join(ids[0] ?? '')
    bed.leave(ids[0] ?? '')
    expect(describeGroup(bed.shard, 'g', 6)).toMatchObject({ groupState: 'Empty', protocolData: '', members: [] })
  })
})
