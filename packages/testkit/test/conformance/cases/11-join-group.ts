import { DescribeGroups, JoinGroup, LeaveGroup } from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  type ClassicOptions,
  ConsumerScript,
  disableAssignmentDelay,
  elsewhere,
  type GroupBed,
  groupBed,
  joinBody,
  newMemberId,
  secondClient,
  stableAlone,
  subscription,
} from '../groups.ts'
import type { Stage } from '../stage.ts'

type JoinStage = Stage<typeof JoinGroup>

const body = (bed: GroupBed, version: number, memberId: string, options: ClassicOptions = {}) => {
  const { reason: _, groupInstanceId, ...rest } = joinBody(bed, memberId, options)
  return { ...rest, groupInstanceId: version >= 5 ? groupInstanceId : null, reason: null }
}

const join = (stage: JoinStage, bed: GroupBed, label: string, memberId: string, options: ClassicOptions = {}) =>
  stage.ask(label, body(bed, stage.version, memberId, options), { on: bed.on })

/** The id that a new member joins with; since version 4 it gets one in a first response. */
const idFor = async (stage: JoinStage, bed: GroupBed, label: string): Promise<string> =>
  stage.version >= 4 ? (await join(stage, bed, label, '')).memberId : ''

async function describe(stage: JoinStage, bed: GroupBed, label: string): Promise<void> {
  const asked = { groups: [bed.group], includeAuthorizedOperations: false }
  // The description shows replicated state, which may be later than the join response.
  await stage.until(`${bed.group} is there`, async () => {
    const { groups } = await stage.do(DescribeGroups, 5, asked, { on: bed.on })
    return groups[0]?.groupState !== 'Dead'
  })
  await stage.note(label, DescribeGroups, 5, asked, { on: bed.on })
}

export const joinGroup = conformance(JoinGroup, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    const protocols = [
      { name: 'roundrobin', metadata: subscription([bed.topic]) },
      { name: 'range', metadata: subscription([bed.topic]) },
    ]
    const id = await idFor(stage, bed, 'is assigned an id')
    const { memberId } = await join(stage, bed, 'joins', id, { protocols })
    await describe(stage, bed, 'one joined')
    await join(stage, bed, 'joins again with the same', memberId, { protocols })
    await join(stage, bed, 'joins again with another protocol', memberId)
    const on = await secondClient(stage, bed)
    const second = await idFor(stage, { ...bed, on }, 'another is assigned an id')
    const joining = stage.do(JoinGroup, version, body(bed, version, second), { on })
    await stage.until('the group rebalances', async () => {
      const { groups } = await stage.do(
        DescribeGroups,
        5,
        { groups: [bed.group], includeAuthorizedOperations: false },
        { on: bed.on },
      )
      return groups[0]?.groupState === 'PreparingRebalance'
    })
    await describe(stage, bed, 'while it rebalances')
    await join(stage, bed, 'the first rejoins', memberId)
    stage.saw('the second has joined', await joining)
    await describe(stage, bed, 'two joined')
    if (version < 5) return
    const other = await groupBed(stage, 'static')
    await join(stage, other, 'a static member joins', '', { instanceId: 'i' })
    await stableAlone(stage, other, { instanceId: 'i' })
    await join(stage, other, 'it is back', '', { instanceId: 'i' })
    await describe(stage, other, 'a static member')
  },

  async invalid(stage) {
    const bed = await groupBed(stage)
    await join(stage, { ...bed, group: '' }, 'no group id', '')
    await join(stage, bed, 'too short a session', '', { sessionTimeoutMs: 1 })
    await join(stage, bed, 'too long a session', '', { sessionTimeoutMs: 2_000_000_000 })
    await join(stage, bed, 'no protocol type', '', { protocolType: '' })
    await join(stage, bed, 'no protocol', '', { protocols: [] })
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    await join(stage, { ...bed, on: await elsewhere(stage, bed.group) }, 'elsewhere', '')
    await join(stage, bed, 'an id of no group', 'stranger')
    const { memberId } = await stableAlone(stage, bed)
    await join(stage, bed, 'an id that it did not give', 'stranger')
    await join(stage, bed, 'another protocol', '', { protocols: [{ name: 'odd', metadata: subscription([]) }] })
    await join(stage, bed, 'another type', '', { protocolType: 'connect' })
    if (version >= 5) await join(stage, bed, 'an unknown instance', memberId, { instanceId: 'i' })
    await stage.do(
      LeaveGroup,
      3,
      { groupId: bed.group, memberId: '', members: [{ memberId, groupInstanceId: null, reason: null }] },
      { on: bed.on },
    )
    await join(stage, bed, 'one that has left', memberId)
    if (version < 5) return
    const other = await groupBed(stage, 'static')
    await stableAlone(stage, other, { instanceId: 'i' })
    await join(stage, other, 'fenced', 'stranger', { instanceId: 'i' })
  },
})

export const toConsumerGroups = conformance(JoinGroup, {
  async valid(stage, version) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    const id = await idFor(stage, bed, 'is assigned an id by a consumer group')
    const { memberId } = await join(stage, bed, 'joins a consumer group', id)
    await group.describe('with a classic member')
    await group.settle(3, ['m'])
    await join(stage, bed, 'joins again', memberId)
    await group.leave(undefined, 'm')
    await describe(stage, bed, 'alone again')
    if (version < 5) return
    const other = await groupBed(stage, 'cs')
    await disableAssignmentDelay(stage, other)
    const consumers = new ConsumerScript(stage, other)
    await consumers.join(undefined, 's', { instanceId: 'i' })
    await join(stage, other, 'takes the place of a static consumer', '', { instanceId: 'i' })
    await describe(stage, other, 'downgraded')
  },

  async wrongState(stage) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await join(stage, bed, 'another type than consumers', '', { protocolType: 'connect' })
    await join(stage, bed, 'as one of the other protocol', 'm')
    await group.leave(undefined, 'm')
    await join(stage, bed, 'an id of an empty consumer group', 'm')
    await newMemberId(stage, bed)
    await describe(stage, bed, 'a classic group now')
  },
})
