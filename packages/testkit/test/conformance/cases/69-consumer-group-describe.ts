import { ConsumerGroupDescribe } from '@ottla/codec'
import { conformance } from '../case.ts'
import { ConsumerScript, disableAssignmentDelay, elsewhere, groupBed, stableAlone } from '../groups.ts'

export const describes = conformance(ConsumerGroupDescribe, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'a', { rackId: 'r', serverAssignor: 'range' })
    await group.describe('assigned')
    await group.join(undefined, 'b', { instanceId: 'i' })
    await group.describe('in between')
    await group.settle(3)
    await group.describe('settled')
    if (version >= 1) {
      await group.join(undefined, 'c', { subscribedTopicNames: null, subscribedTopicRegex: `${bed.topic}$` })
      await group.settle(4)
      await group.describe('with an expression')
    }
    const includeAuthorizedOperations = true
    await stage.ask('with what is allowed', { groupIds: [bed.group], includeAuthorizedOperations }, { on: bed.on })
    await group.leave(undefined, 'a')
    await group.leave(undefined, 'b')
    if (version >= 1) await group.leave(undefined, 'c')
    await group.describe('empty')
  },

  async invalid(stage) {
    const includeAuthorizedOperations = false
    const { on, group } = await groupBed(stage)
    await stage.ask('no group', { groupIds: [], includeAuthorizedOperations }, { on })
    await stage.ask('an empty id', { groupIds: [''], includeAuthorizedOperations }, { on })
    await stage.ask('twice', { groupIds: [group, group], includeAuthorizedOperations }, { on })
  },

  async wrongState(stage) {
    const includeAuthorizedOperations = true
    const bed = await groupBed(stage)
    const of = (groupId: string) => ({ groupIds: [groupId], includeAuthorizedOperations })
    await stage.ask('not there', of(bed.group), { on: bed.on })
    await stage.ask('elsewhere', of(bed.group), { on: await elsewhere(stage, bed.group) })
    await stableAlone(stage, bed)
    await stage.ask('a classic group', of(bed.group), { on: bed.on })
  },
})
