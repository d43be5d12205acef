import { expect, test } from 'vitest'
import { ConsumerBed } from '../../../test/support/consumer-bed.ts'

function bedOf(partitions: number, config = {}): ConsumerBed {
  const bed = new ConsumerBed({ config })
  bed.topics.set('t', partitions)
  return bed
}

const partitionsOf = (response: ReturnType<ConsumerBed['beat']>): readonly number[] | undefined =>
  response.assignment ? (response.assignment.topicPartitions[0]?.partitions ?? []) : undefined

test('assigns a partition to another member only after its owner has confirmed the revocation', () => {
  const bed = bedOf(2)
  const { assignment, memberEpoch } = bed.join('a')
  const owned = assignment?.topicPartitions ?? []
  expect(owned[0]?.partitions).toEqual([0, 1])
  expect(partitionsOf(bed.join('b'))).toEqual([])
  const kept = bed.beat({ memberId: 'a', memberEpoch, topicPartitions: owned })
  expect(partitionsOf(kept)).toHaveLength(1)
  expect(partitionsOf(bed.beat({ memberId: 'b', memberEpoch: 3, topicPartitions: [] }))).toBeUndefined()
  const remaining = kept.assignment?.topicPartitions ?? []
  expect(bed.beat({ memberId: 'a', memberEpoch: kept.memberEpoch, topicPartitions: remaining }).memberEpoch).toBe(3)
  expect(partitionsOf(bed.beat({ memberId: 'b', memberEpoch: 3, topicPartitions: [] }))).toHaveLength(1)
  expect(bed.group.state).toBe('Stable')
})

test('repeats a lost response to a member that reports no more than it owns', () => {
  const bed = bedOf(2)
  const { memberEpoch } = bed.join('a')
  bed.join('b')
  bed.beat({ memberId: 'a', memberEpoch, topicPartitions: [] })
  const again = bed.beat({ memberId: 'a', memberEpoch, topicPartitions: [] })
  expect(again).toMatchObject({ error: 'NONE', memberEpoch: 3 })
  const topicId = bed.topics.topic('t')?.id ?? ''
  const stale = bed.beat({ memberId: 'a', memberEpoch, topicPartitions: [{ topicId, partitions: [0, 1] }] })
  expect(stale.error).toBe('FENCED_MEMBER_EPOCH')
})

test('fences a member after its session timeout, or after its rebalance timeout when it does not revoke', () => {
  const bed = bedOf(2, { sessionTimeoutMs: 10_000 })
  const { assignment, memberEpoch } = bed.join('a', { rebalanceTimeoutMs: 5_000 })
  const topicPartitions = assignment?.topicPartitions ?? []
  bed.clock.advance(9_000)
  bed.beat({ memberId: 'a', memberEpoch, topicPartitions })
  bed.join('b')
  bed.beat({ memberId: 'a', memberEpoch, topicPartitions })
  bed.clock.advance(4_999)
  expect(bed.group.members.has('a')).toBe(true)
  bed.clock.advance(1)
  expect(bed.group.members.has('a')).toBe(false)
  bed.clock.advance(5_000)
  expect([...bed.group.members.keys()]).toEqual([])
})

test('waits for the assignment interval between two assignments', () => {
  const bed = bedOf(2, { assignmentIntervalMs: 1_000 })
  expect(bed.join('a').memberEpoch).toBe(2)
  expect(bed.join('b').memberEpoch).toBe(2)
  expect(bed.group.state).toBe('Assigning')
  bed.clock.advance(1_000)
  expect(bed.beat({ memberId: 'b', memberEpoch: 2, topicPartitions: [] }).memberEpoch).toBe(3)
})

test('resolves expressions again for new topics, at most every ten seconds', () => {
  const bed = bedOf(1)
  const byRegex = { subscribedTopicNames: null, subscribedTopicRegex: '[tu]' }
  expect(bed.join('a', byRegex).memberEpoch).toBe(1)
  bed.clock.advance(1)
  expect(bed.beat({ memberId: 'a', memberEpoch: 1, topicPartitions: [] }).memberEpoch).toBe(2)
  bed.topics.set('u', 1)
  bed.clock.advance(9_000)
  expect(bed.beat({ memberId: 'a', memberEpoch: 2, topicPartitions: null }).memberEpoch).toBe(2)
  bed.clock.advance(2_000)
  bed.beat({ memberId: 'a', memberEpoch: 2, topicPartitions: null })
  bed.clock.advance(1)
  const response = bed.beat({ memberId: 'a', memberEpoch: 2, topicPartitions: null })
  expect(response.memberEpoch).toBe(3)
  expect(response.assignment?.topicPartitions).toHaveLength(2)
})

test('changes nothing when the log rejects the write, so that the member can retry', () => {
  const bed = bedOf(1)
  bed.log.refusal = 'NOT_ENOUGH_REPLICAS'
  expect(bed.join('a').error).toBe('COORDINATOR_NOT_AVAILABLE')
  expect(bed.shard.consumerGroups.size).toBe(0)
  bed.log.refusal = undefined
  expect(bed.join('a').error).toBe('NONE')
  expect(bed.failover().group.members.get('a')?.memberEpoch).toBe(2)
})
