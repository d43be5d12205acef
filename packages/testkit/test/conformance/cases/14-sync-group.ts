import { JoinGroup, SyncGroup } from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  assignment,
  ConsumerScript,
  disableAssignmentDelay,
  elsewhere,
  type GroupBed,
  groupBed,
  joinBody,
  newMemberId,
  stableAlone,
} from '../groups.ts'

interface Sync {
  readonly memberId: string
  readonly generationId: number
  readonly instanceId?: string
  readonly protocolType?: string | null
  readonly protocolName?: string | null
  readonly partitions?: readonly number[]
}

const body = (bed: GroupBed, version: number, sync: Sync) => ({
  groupId: bed.group,
  generationId: sync.generationId,
  memberId: sync.memberId,
  groupInstanceId: version >= 3 ? (sync.instanceId ?? null) : null,
  protocolType: version >= 5 ? (sync.protocolType === undefined ? 'consumer' : sync.protocolType) : null,
  protocolName: version >= 5 ? (sync.protocolName === undefined ? 'range' : sync.protocolName) : null,
  assignments: sync.partitions ? [{ memberId: sync.memberId, assignment: assignment(bed.topic, sync.partitions) }] : [],
})

export const syncGroup = conformance(SyncGroup, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    const id = await newMemberId(stage, bed)
    const { memberId, generationId } = await stage.do(JoinGroup, 9, joinBody(bed, id), { on: bed.on })
    const member = { memberId, generationId }
    await stage.ask('the leader assigns', body(bed, version, { ...member, partitions: [0, 1] }), { on: bed.on })
    await stage.ask('asks again', body(bed, version, member), { on: bed.on })
    if (version < 3) return
    const other = await groupBed(stage, 'static')
    const fixed = await stableAlone(stage, other, { instanceId: 'i' })
    await stage.ask('a static member', body(other, version, { ...fixed, instanceId: 'i' }), { on: other.on })
  },

  async invalid(stage, version) {
    const bed = await groupBed(stage)
    const member = await stableAlone(stage, bed)
    await stage.ask('no group id', body({ ...bed, group: '' }, version, member), { on: bed.on })
    await stage.ask('no member id', body(bed, version, { ...member, memberId: '' }), { on: bed.on })
    if (version < 5) return
    await stage.ask('no protocol type', body(bed, version, { ...member, protocolType: null }), { on: bed.on })
    await stage.ask('no protocol', body(bed, version, { ...member, protocolName: null }), { on: bed.on })
    await stage.ask('another type', body(bed, version, { ...member, protocolType: 'connect' }), { on: bed.on })
    await stage.ask('another protocol', body(bed, version, { ...member, protocolName: 'odd' }), { on: bed.on })
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    const stranger = { memberId: 'stranger', generationId: 1 }
    await stage.ask('elsewhere', body(bed, version, stranger), { on: await elsewhere(stage, bed.group) })
    await stage.ask('no group', body(bed, version, stranger), { on: bed.on })
    const member = await stableAlone(stage, bed)
    await stage.ask('a stranger', body(bed, version, stranger), { on: bed.on })
    await stage.ask('another generation', body(bed, version, { ...member, generationId: 9 }), { on: bed.on })
    if (version >= 3) {
      await stage.ask('an unknown instance', body(bed, version, { ...member, instanceId: 'i' }), { on: bed.on })
    }
  },
})

export const withConsumerGroups = conformance(SyncGroup, {
  async valid(stage, version) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const classic = await stableAlone(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    const first = await stage.do(JoinGroup, 9, joinBody(bed, classic.memberId), { on: bed.on })
    await stage.ask('what is left to it', body(bed, version, first), { on: bed.on })
    await group.settle(first.generationId, ['m'])
    await group.leave(undefined, 'm')
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const classic = await stableAlone(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await stage.ask('has to rejoin', body(bed, version, classic), { on: bed.on })
    await stage.ask('as one of the other protocol', body(bed, version, { memberId: 'm', generationId: 2 }), {
      on: bed.on,
    })
    await stage.ask('another generation', body(bed, version, { ...classic, generationId: 9 }), { on: bed.on })
    await stage.ask('a stranger to consumers', body(bed, version, { memberId: 'x', generationId: 2 }), { on: bed.on })
    if (version < 5) return
    await stage.ask('another protocol', body(bed, version, { ...classic, protocolName: 'odd' }), { on: bed.on })
    await stage.ask('another type', body(bed, version, { ...classic, protocolType: 'odd' }), { on: bed.on })
  },
})
