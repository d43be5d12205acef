import { Heartbeat, JoinGroup } from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  ConsumerScript,
  disableAssignmentDelay,
  elsewhere,
  groupBed,
  joinBody,
  newMemberId,
  stableAlone,
} from '../groups.ts'

const body = (groupId: string, memberId: string, generationId: number, groupInstanceId: string | null = null) => ({
  groupId,
  memberId,
  generationId,
  groupInstanceId,
})

export const heartbeat = conformance(Heartbeat, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    const { memberId, generationId } = await stableAlone(stage, bed)
    await stage.ask('stable', body(bed.group, memberId, generationId), { on: bed.on })
    await stage.do(
      JoinGroup,
      9,
      { ...joinBody(bed, memberId), protocols: [{ name: 'other', metadata: Buffer.from('') }] },
      { on: bed.on },
    )
    await stage.ask('has to assign', body(bed.group, memberId, generationId + 1), { on: bed.on })
    if (version < 3) return
    const other = await groupBed(stage, 'static')
    const member = await stableAlone(stage, other, { instanceId: 'i' })
    await stage.ask('static', body(other.group, member.memberId, member.generationId, 'i'), { on: other.on })
  },

  async invalid(stage) {
    const bed = await groupBed(stage)
    await stage.ask('no group id', body('', 'm', 1), { on: bed.on })
    await stage.ask('no member id', body(bed.group, '', 1), { on: bed.on })
    const { memberId } = await stableAlone(stage, bed)
    await stage.ask('no generation', body(bed.group, memberId, -1), { on: bed.on })
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    await stage.ask('elsewhere', body(bed.group, 'm', 1), { on: await elsewhere(stage, bed.group) })
    await stage.ask('of no group', body(bed.group, 'm', 1), { on: bed.on })
    const { memberId, generationId } = await stableAlone(stage, bed)
    await stage.ask('a stranger', body(bed.group, 'stranger', generationId), { on: bed.on })
    await stage.ask('another generation', body(bed.group, memberId, generationId + 1), { on: bed.on })
    const second = await newMemberId(stage, bed)
    const joining = stage.do(JoinGroup, 9, joinBody(bed, second), { on: await stage.coordinator(bed.group) })
    await stage.until('it has to rejoin', async () => {
      const { errorCode } = await stage.do(Heartbeat, 4, body(bed.group, memberId, generationId), { on: bed.on })
      return errorCode !== 0
    })
    await stage.ask('has to rejoin', body(bed.group, memberId, generationId), { on: bed.on })
    await stage.do(JoinGroup, 9, joinBody(bed, memberId), { on: bed.on })
    await joining
    if (version < 3) return
    const other = await groupBed(stage, 'static')
    await stableAlone(stage, other, { instanceId: 'i' })
    await stage.ask('fenced', body(other.group, 'stranger', 1, 'i'), { on: other.on })
    await stage.ask('an unknown instance', body(other.group, 'stranger', 1, 'j'), { on: other.on })
  },
})

export const toConsumerGroups = conformance(Heartbeat, {
  async valid(stage) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const classic = await stableAlone(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await stage.ask('has to rejoin', body(bed.group, classic.memberId, classic.generationId), { on: bed.on })
    const { generationId } = await stage.do(JoinGroup, 9, joinBody(bed, classic.memberId), { on: bed.on })
    await group.settle(generationId, ['m'])
    await stage.ask('has let go', body(bed.group, classic.memberId, generationId), { on: bed.on })
  },

  async wrongState(stage) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const classic = await stableAlone(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await stage.ask('as one of the other protocol', body(bed.group, 'm', 2), { on: bed.on })
    await stage.ask('a stranger to consumers', body(bed.group, 'stranger', 2), { on: bed.on })
    await stage.ask('another generation', body(bed.group, classic.memberId, 9), { on: bed.on })
  },
})
