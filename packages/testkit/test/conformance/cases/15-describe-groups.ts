import { DescribeGroups, JoinGroup } from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  ConsumerScript,
  disableAssignmentDelay,
  elsewhere,
  groupBed,
  joinBody,
  newMemberId,
  ready,
  stableAlone,
} from '../groups.ts'
import { commit } from '../offsets.ts'

export const describeGroups = conformance(DescribeGroups, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    const includeAuthorizedOperations = false
    const describe = (label: string, groups = [bed.group]) =>
      stage.ask(label, { groups, includeAuthorizedOperations }, { on: bed.on })
    await commit(stage, bed)
    await describe('offsets alone')
    const id = await newMemberId(stage, bed)
    await describe('a member is joining')
    await stage.do(JoinGroup, 9, joinBody(bed, id), { on: bed.on })
    await describe('joined')
    if (version >= 3) {
      await stage.ask(
        'with what is allowed',
        { groups: [bed.group], includeAuthorizedOperations: true },
        { on: bed.on },
      )
    }
  },

  async invalid(stage) {
    const { on, group } = await groupBed(stage)
    const includeAuthorizedOperations = false
    await stage.ask('no group', { groups: [], includeAuthorizedOperations }, { on })
    await stage.ask('an empty id', { groups: [''], includeAuthorizedOperations }, { on: await ready(stage, '') })
    await stage.ask('twice', { groups: [group, group], includeAuthorizedOperations }, { on })
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    const body = { groups: [bed.group], includeAuthorizedOperations: version >= 3 }
    await stage.ask('not there', body, { on: bed.on })
    await stage.ask('elsewhere', body, { on: await elsewhere(stage, bed.group) })
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await stage.ask('a consumer group', body, { on: bed.on })
  },
})

export const describeStable = conformance(DescribeGroups, {
  async valid(stage) {
    const bed = await groupBed(stage, 'stable')
    const body = { groups: [bed.group], includeAuthorizedOperations: false }
    await stableAlone(stage, bed)
    await stage.ask('stable', body, { on: bed.on })
    const other = await groupBed(stage, 'static')
    await stableAlone(stage, other, { instanceId: 'i' })
    await stage.ask('a static member', { ...body, groups: [other.group] }, { on: other.on })
  },
})
