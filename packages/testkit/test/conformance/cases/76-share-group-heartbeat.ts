import { DeleteGroups, DeleteTopics, ListGroups, ShareGroupDescribe, ShareGroupHeartbeat, zeroUuid } from '@ottla/codec'
import { conformance } from '../case.ts'
import { join, leave, memberIdOf } from '../share-setup.ts'

const first = { memberId: memberIdOf(1), memberEpoch: 0, rackId: null, subscribedTopicNames: null }

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
    await stage.do(DeleteTopics, 6, { topics: [{ name, topicId: zeroUuid }], topicNames: [], timeoutMs: 5_000 })
  },
})
