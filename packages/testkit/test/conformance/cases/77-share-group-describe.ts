import { ShareGroupDescribe } from '@ottla/codec'
import { conformance } from '../case.ts'
import { join, leave, memberIdOf } from '../share-setup.ts'

export const shareGroupDescribe = conformance(ShareGroupDescribe, {
  async valid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name, { partitions: 2 })
    const groupId = stage.name('g')
    const on = await stage.coordinator(groupId)
    const one = await join(stage, groupId, [name], { partitions: 2 })
    await stage.ask('one member', { groupIds: [groupId], includeAuthorizedOperations: false }, { on })
    await stage.ask('with operations', { groupIds: [groupId], includeAuthorizedOperations: true }, { on })
    const two = await join(stage, groupId, [name], { memberId: memberIdOf(2), partitions: 1 })
    await leave(stage, one)
    await join(stage, groupId, [name], { memberId: memberIdOf(2), partitions: 2 })
    await stage.ask('another member', { groupIds: [groupId], includeAuthorizedOperations: false }, { on })
    await leave(stage, two)
    await stage.ask('an empty group', { groupIds: [groupId], includeAuthorizedOperations: false }, { on })
  },
  async invalid(stage) {
    await stage.ask('no group', { groupIds: [], includeAuthorizedOperations: false })
    await stage.ask('a group without a name', { groupIds: [''], includeAuthorizedOperations: false })
  },
  async wrongState(stage) {
    const groupId = stage.name('g')
    const id = await stage.coordinatorId(groupId)
    await stage.ask(
      'unknown',
      { groupIds: [groupId], includeAuthorizedOperations: true },
      { on: await stage.coordinator(groupId) },
    )
    await stage.ask(
      'elsewhere',
      { groupIds: [groupId], includeAuthorizedOperations: false },
      { on: await stage.open({ broker: (id % 3) + 1 }) },
    )
  },
})
