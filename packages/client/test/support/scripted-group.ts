import { errorCode, Heartbeat, JoinGroup, LeaveGroup, OffsetCommit, OffsetFetch, SyncGroup } from '@ottla/codec'
import type { ScriptedBroker } from './scripted-broker.ts'

/** Scripts a group with one member, the leader. Returns the committed offset of each partition of its topic. */
export function scriptSoloGroup(peer: ScriptedBroker): Map<number, bigint> {
  const committed = new Map<number, bigint>()
  let generationId = 0
  peer.on(JoinGroup, ({ body }) => {
    const memberId = body.memberId || 'member-1'
    const [protocol] = body.protocols
    const members = [{ memberId, groupInstanceId: null, metadata: protocol!.metadata }]
    const joined = { errorCode: 0, protocolType: 'consumer', protocolName: protocol!.name, skipAssignment: false }
    return { ...joined, generationId: ++generationId, leader: memberId, memberId, members }
  })
  peer.on(SyncGroup, ({ body }) => ({ errorCode: 0, assignment: body.assignments[0]!.assignment }))
  peer.on(Heartbeat, () => ({ errorCode: 0 }))
  peer.on(LeaveGroup, () => ({ errorCode: 0, members: [] }))
  peer.on(OffsetCommit, ({ body }) => ({
    topics: body.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex, committedOffset }) => {
        const current = body.generationIdOrMemberEpoch === generationId
        if (current) committed.set(partitionIndex, committedOffset)
        return { partitionIndex, errorCode: current ? 0 : errorCode('ILLEGAL_GENERATION') }
      }),
    })),
  }))
  peer.on(OffsetFetch, ({ body }) => ({
    groups: (body.groups ?? []).map(({ groupId, topics }) => ({
      groupId,
      errorCode: 0,
      topics: (topics ?? []).map(({ name, topicId, partitionIndexes }) => ({
        name,
        topicId,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: committed.get(partitionIndex) ?? -1n,
          committedLeaderEpoch: -1,
          metadata: '',
          errorCode: 0,
        })),
      })),
    })),
  }))
  return committed
}
