import { DeleteGroups, DescribeGroups, OffsetFetch } from '@ottla/codec'
import { conformance } from '../case.ts'
import { ConsumerScript, disableAssignmentDelay, elsewhere, groupBed, ready, stableAlone } from '../groups.ts'
import { commit, fetchBody } from '../offsets.ts'

export const deleteGroups = conformance(DeleteGroups, {
  async valid(stage) {
    const bed = await groupBed(stage)
    await commit(stage, bed)
    await stage.ask('deletes', { groupsNames: [bed.group] }, { on: bed.on })
    const asked = { groups: [bed.group], includeAuthorizedOperations: false }
    await stage.note('is gone', DescribeGroups, 6, asked, { on: bed.on })
    await stage.note('its offsets too', OffsetFetch, 9, fetchBody(bed, 9), { on: bed.on })
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await group.leave(undefined, 'm')
    await stage.ask('deletes an empty consumer group', { groupsNames: [bed.group] }, { on: bed.on })
    await group.describe('it is gone')
    await group.join('begins again', 'm')
  },

  async invalid(stage) {
    const bed = await groupBed(stage)
    await commit(stage, bed)
    await stage.ask('nothing', { groupsNames: [] }, { on: bed.on })
    await stage.ask('no id', { groupsNames: [''] }, { on: await ready(stage, '') })
    await stage.ask('twice', { groupsNames: [bed.group, bed.group] }, { on: bed.on })
  },

  async wrongState(stage) {
    const bed = await groupBed(stage)
    await stage.ask('elsewhere', { groupsNames: [bed.group] }, { on: await elsewhere(stage, bed.group) })
    await stage.ask('not there', { groupsNames: [bed.group] }, { on: bed.on })
    await stableAlone(stage, bed)
    await stage.ask('has a member', { groupsNames: [bed.group] }, { on: bed.on })
    const other = await groupBed(stage, 'c')
    const group = new ConsumerScript(stage, other)
    await group.join(undefined, 'm')
    await stage.ask('a consumer is in it', { groupsNames: [other.group] }, { on: other.on })
  },
})
