import { DescribeGroups, LeaveGroup } from '@ottla/codec'
import { conformance } from '../case.ts'
import { ConsumerScript, disableAssignmentDelay, elsewhere, groupBed, newMemberId, stableAlone } from '../groups.ts'

type Leaving = readonly [memberId: string, instanceId?: string]

const body = (groupId: string, version: number, leaving: readonly Leaving[]) => ({
  groupId,
  memberId: version >= 3 ? '' : (leaving[0]?.[0] ?? ''),
  members:
    version < 3
      ? []
      : leaving.map(([memberId, instanceId]) => ({ memberId, groupInstanceId: instanceId ?? null, reason: null })),
})

export const leaveGroup = conformance(LeaveGroup, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    const { memberId } = await stableAlone(stage, bed)
    await stage.ask('leaves', body(bed.group, version, [[memberId]]), { on: bed.on })
    const asked = { groups: [bed.group], includeAuthorizedOperations: false }
    await stage.note('no member is left', DescribeGroups, 5, asked, { on: bed.on })
    const pending = await newMemberId(stage, bed)
    await stage.ask('leaves before it joined', body(bed.group, version, [[pending]]), { on: bed.on })
    if (version < 3) return
    const other = await groupBed(stage, 'static')
    await stableAlone(stage, other, { instanceId: 'i' })
    await stage.ask(
      'by its instance',
      body(other.group, version, [
        ['', 'i'],
        ['', 'j'],
      ]),
      { on: other.on },
    )
  },

  async invalid(stage, version) {
    const bed = await groupBed(stage)
    await stage.ask('no group id', body('', version, [['m']]), { on: bed.on })
    await stableAlone(stage, bed)
    await stage.ask('no member id', body(bed.group, version, [['']]), { on: bed.on })
    await stage.ask('no member', body(bed.group, version, []), { on: bed.on })
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    await stage.ask('elsewhere', body(bed.group, version, [['m']]), { on: await elsewhere(stage, bed.group) })
    await stage.ask('no group', body(bed.group, version, [['m']]), { on: bed.on })
    const { memberId } = await stableAlone(stage, bed)
    await stage.ask('a stranger', body(bed.group, version, [['stranger']]), { on: bed.on })
    if (version >= 3)
      await stage.ask('an unknown instance', body(bed.group, version, [[memberId, 'i']]), { on: bed.on })
    await stage.ask('leaves', body(bed.group, version, [[memberId]]), { on: bed.on })
    await stage.ask('has left', body(bed.group, version, [[memberId]]), { on: bed.on })
    if (version < 3) return
    const other = await groupBed(stage, 'static')
    await stableAlone(stage, other, { instanceId: 'i' })
    await stage.ask('fenced', body(other.group, version, [['stranger', 'i']]), { on: other.on })
  },
})

export const consumers = conformance(LeaveGroup, {
  async valid(stage, version) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await group.join(undefined, 'n', { instanceId: 'i' })
    await stage.ask('a consumer leaves', body(bed.group, version, [['m']]), { on: bed.on })
    await group.describe('one is left')
    if (version < 3) return
    await stage.ask('a static consumer is taken out', body(bed.group, version, [['', 'i']]), { on: bed.on })
    await group.describe('no member is left')
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm', { instanceId: 'i' })
    await stage.ask('a stranger to consumers', body(bed.group, version, [['stranger']]), { on: bed.on })
    if (version < 3) return
    const leaving: Leaving[] = [
      ['other', 'i'],
      ['m', 'j'],
      ['', 'j'],
    ]
    await stage.ask('strange instances', body(bed.group, version, leaving), { on: bed.on })
  },
})
