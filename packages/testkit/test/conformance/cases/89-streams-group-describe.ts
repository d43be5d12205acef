import { StreamsGroupDescribe } from '@ottla/codec'
import { conformance } from '../case.ts'
import { elsewhere, groupBed, stableAlone } from '../groups.ts'
import { StreamsScript } from '../streams.ts'

export const streamsDescribes = conformance(StreamsGroupDescribe, {
  async valid(stage) {
    const group = await StreamsScript.open(stage, 'g')
    await group.join(undefined, 'm', { rackId: 'r', userEndpoint: { host: 'h', port: 5 } })
    await group.describe('joined')
    await group.join(undefined, 'n')
    await group.describe('in between')
    await group.settle(3, ['m', 'n'])
    await group.describe('settled')
    const body = { groupIds: [group.bed.group], includeAuthorizedOperations: true }
    await stage.ask('with what is allowed', body, { on: group.bed.on })
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
