import {
  AlterShareGroupOffsets,
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  DeleteGroups,
  DeleteShareGroupOffsets,
  DeleteTopics,
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  ShareGroupDescribe,
  ShareGroupHeartbeat,
  zeroUuid,
} from '@ottla/codec'
import { conformance } from '../case.ts'
import { join, leave, memberIdOf } from '../share-setup.ts'
import type { Stage } from '../stage.ts'

const first = { memberId: memberIdOf(1), memberEpoch: 0, rackId: null, subscribedTopicNames: null }

/** Requests of other group types on a share group, and this one on other groups. */
async function otherKinds(stage: Stage<typeof ShareGroupHeartbeat>): Promise<void> {
  const groupId = stage.name('kinds')
  const on = await stage.coordinator(groupId)
  const name = stage.name('kt')
  await stage.createTopic(name)
  const member = await join(stage, groupId, [name])
  const { memberId } = member
  const noInstance = { groupInstanceId: null }
  const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
  const timeouts = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 }
  const joins = { ...timeouts, ...noInstance, memberId: '', protocolType: 'consumer', protocols }
  await stage.note('a classic member joins', JoinGroup, 3, { groupId, ...joins }, { on })
  const beat = { groupId, memberId, generationId: 1, ...noInstance }
  await stage.note('a classic heartbeat', Heartbeat, 4, beat, { on })
  await stage.note(
    'a classic member leaves',
    LeaveGroup,
    4,
    { groupId, members: [{ memberId, ...noInstance }] },
    { on },
  )
  await stage.note(
    'a classic description',
    DescribeGroups,
    6,
    { groups: [groupId], includeAuthorizedOperations: false },
    { on },
  )
  const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: null }]
  const commit = { groupId, memberId: '', generationIdOrMemberEpoch: -1, ...noInstance, topics: [{ name, partitions }] }
  await stage.note('commits', OffsetCommit, 9, commit, { on })
  const fetched = { groupId, topics: [{ name, partitionIndexes: [0] }] }
  await stage.note('fetches offsets', OffsetFetch, 8, { groups: [fetched], requireStable: false }, { on })
  const deleted = { groupId, topics: [{ name, partitions: [{ partitionIndex: 0 }] }] }
  await stage.note('deletes offsets', OffsetDelete, 0, deleted, { on })
  const consumer = { groupId, memberId: memberIdOf(7), memberEpoch: 0, rackId: null, ...noInstance }
  const subscribed = {
    rebalanceTimeoutMs: 5_000,
    subscribedTopicNames: [name],
    serverAssignor: null,
    topicPartitions: [],
  }
  await stage.note('a consumer joins', ConsumerGroupHeartbeat, 0, { ...consumer, ...subscribed }, { on })
  await stage.note(
    'a consumer stays',
    ConsumerGroupHeartbeat,
    0,
    { ...consumer, ...subscribed, memberEpoch: 2 },
    { on },
  )
  const described = { groupIds: [groupId], includeAuthorizedOperations: false }
  await stage.note('a consumer description', ConsumerGroupDescribe, 0, described, { on })
  await leave(stage, member)
  await stage.note('an empty one: a classic member joins', JoinGroup, 3, { groupId, ...joins }, { on })
  await stage.note('an empty one: commits', OffsetCommit, 9, commit, { on })

  const simple = stage.name('simple')
  const coordinator = await stage.coordinator(simple)
  await stage.do(OffsetCommit, 9, { ...commit, groupId: simple }, { on: coordinator })
  const body = { ...first, groupId: simple, subscribedTopicNames: [name] }
  await stage.ask('of a classic group', body, { on: coordinator })
  await stage.ask('leaves a classic group', { ...body, memberEpoch: -1 }, { on: coordinator })
  await stage.note(
    'describes a classic group',
    ShareGroupDescribe,
    1,
    { ...described, groupIds: [simple] },
    { on: coordinator },
  )
  const alter = { groupId: simple, topics: [{ topicName: name, partitions: [{ partitionIndex: 0, startOffset: 0n }] }] }
  await stage.note('alters offsets of a classic group', AlterShareGroupOffsets, 0, alter, { on: coordinator })
  const forget = { groupId: simple, topics: [{ topicName: name }] }
  await stage.note('deletes offsets of a classic group', DeleteShareGroupOffsets, 0, forget, { on: coordinator })
}

export const shareGroupHeartbeat = conformance(ShareGroupHeartbeat, {
  async valid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name, { partitions: 2 })
    const groupId = stage.name('g')
    const on = await stage.coordinator(groupId)
    const body = { ...first, groupId }
    await stage.ask('joins', { ...body, subscribedTopicNames: [name] }, { on })
    const member = await join(stage, groupId, [name], { partitions: 2 })
    await stage.until('epochs are settled', async () => {
      const { groups } = await stage.do(
        ShareGroupDescribe,
        1,
        { groupIds: [groupId], includeAuthorizedOperations: false },
        { on },
      )
      return groups[0]?.assignmentEpoch === groups[0]?.groupEpoch
    })
    await stage.ask('has all partitions', { ...body, memberEpoch: 2, subscribedTopicNames: [name] }, { on })
    await stage.ask('stays', { ...body, memberEpoch: 2 }, { on })
    await stage.ask('with a rack', { ...body, memberEpoch: 2, rackId: 'r' }, { on })
    await stage.ask('joins again', { ...body, subscribedTopicNames: [name] }, { on })
    await stage.ask('an epoch ago', { ...body, memberEpoch: 1 }, { on })
    await stage.note('is listed', ListGroups, 5, { statesFilter: ['stable'], typesFilter: ['nothing'] }, { on })
    await leave(stage, member)
    await stage.ask('a topic that is not there', { ...body, subscribedTopicNames: [stage.name('none')] }, { on })
    await stage.ask('leaves', { ...body, memberEpoch: -1 }, { on })
    await stage.note(
      'is empty',
      ShareGroupDescribe,
      1,
      { groupIds: [groupId], includeAuthorizedOperations: false },
      { on },
    )
    await stage.note('is deleted', DeleteGroups, 2, { groupsNames: [groupId] }, { on })
    await stage.note(
      'is gone',
      ShareGroupDescribe,
      1,
      { groupIds: [groupId], includeAuthorizedOperations: false },
      { on },
    )
  },
  async invalid(stage) {
    const groupId = stage.name('g')
    const on = await stage.coordinator(groupId)
    const body = { ...first, groupId, subscribedTopicNames: [stage.name('t')] }
    await stage.ask('no member', { ...body, memberId: '' }, { on })
    await stage.ask('a long member', { ...body, memberId: 'x'.repeat(37) }, { on })
    await stage.ask('a blank member', { ...body, memberId: ' ' }, { on })
    await stage.ask('no group', { ...body, groupId: '' }, { on })
    await stage.ask('an empty rack', { ...body, rackId: '' }, { on })
    await stage.ask('no topics', { ...body, subscribedTopicNames: [] }, { on })
    await stage.ask('null topics', { ...body, subscribedTopicNames: null }, { on })
    await stage.ask('an epoch below', { ...body, memberEpoch: -2 }, { on })
  },
  async wrongState(stage) {
    const groupId = stage.name('g')
    const on = await stage.coordinator(groupId)
    const id = await stage.coordinatorId(groupId)
    const name = stage.name('t')
    const body = { ...first, groupId, subscribedTopicNames: [name] }
    await stage.ask('unknown group', { ...body, memberEpoch: 1 }, { on })
    await stage.ask('leaves an unknown group', { ...body, memberEpoch: -1 }, { on })
    await stage.createTopic(name)
    const member = await join(stage, groupId, [name])
    await stage.ask('unknown member', { ...body, memberId: memberIdOf(2), memberEpoch: 1 }, { on })
    await stage.ask('an unknown member leaves', { ...body, memberId: memberIdOf(2), memberEpoch: -1 }, { on })
    await stage.ask('ahead', { ...body, memberEpoch: 10 }, { on })
    await stage.ask('subscribes to something else', { ...body, memberEpoch: 2, subscribedTopicNames: ['x'] }, { on })
    await stage.ask('behind', { ...body, memberEpoch: 1 }, { on })
    await stage.ask('elsewhere', { ...body, memberEpoch: 2 }, { on: await stage.open({ broker: (id % 3) + 1 }) })
    await stage.note('not empty', DeleteGroups, 2, { groupsNames: [groupId] }, { on })
    await leave(stage, member)
    await otherKinds(stage)
    await stage.do(DeleteTopics, 6, { topics: [{ name, topicId: zeroUuid }], topicNames: [], timeoutMs: 5_000 })
  },
})
