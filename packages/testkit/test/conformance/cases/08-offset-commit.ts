import { JoinGroup, OffsetCommit } from '@ottla/codec'
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
import { type Commit, commitBody, noId, noteOffsets } from '../offsets.ts'

export const offsetCommit = conformance(OffsetCommit, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    const send = (label: string, commit: Commit) => stage.ask(label, commitBody(bed, version, commit), { on: bed.on })
    await send('without a group', {})
    await send('over it', { offset: 7n, metadata: null, partitions: [0, 1] })
    await noteOffsets(stage, bed, 'what is there', [0, 1, 2])
    const { memberId, generationId: epoch } = await stableAlone(stage, bed)
    await send('by a member', { offset: 9n, memberId, epoch })
    if (version >= 7) {
      const other = await groupBed(stage, 'static')
      const { memberId: id, generationId } = await stableAlone(stage, other, { instanceId: 'i' })
      const commit = { memberId: id, epoch: generationId, instanceId: 'i' }
      await stage.ask('by a static member', commitBody(other, version, commit), { on: other.on })
    }
    await noteOffsets(stage, bed, 'what is there then', [0, 1, 2])
  },

  async invalid(stage, version) {
    const bed = await groupBed(stage)
    const send = (label: string, commit: Commit) => stage.ask(label, commitBody(bed, version, commit), { on: bed.on })
    await send('no such topic', { topic: stage.name('none'), topicId: 'BBBBBBBBBBBBBBBBBBBBBA' })
    await send('no topic', { topic: '', topicId: noId })
    await send('no such partition', { partitions: [4, -1] })
    await send('one that is, one that is not', { partitions: [0, 9] })
    await send('too much metadata', { metadata: 'x'.repeat(4097) })
    await send('as much metadata as may be', { metadata: 'x'.repeat(4096) })
    await send('an offset below zero', { offset: -5n })
    await stage.ask('nothing', { ...commitBody(bed, version), topics: [] }, { on: bed.on })
    await noteOffsets(stage, bed, 'what is there')
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    const send = (label: string, commit: Commit, on = bed.on) =>
      stage.ask(label, commitBody(bed, version, commit), { on })
    await send('elsewhere', {}, await elsewhere(stage, bed.group))
    await send('a generation of no group', { memberId: 'm', epoch: 1 })
    const { memberId, generationId: epoch } = await stableAlone(stage, bed)
    await send('no member', {})
    await send('a stranger', { memberId: 'stranger', epoch })
    await send('another generation', { memberId, epoch: epoch + 1 })
    await send('no generation', { memberId })
    if (version >= 7) await send('an unknown instance', { memberId, epoch, instanceId: 'i' })
    const second = await newMemberId(stage, bed)
    const joining = stage.do(JoinGroup, 9, joinBody(bed, second), { on: await stage.coordinator(bed.group) })
    await stage.until('the group rebalances', async () => {
      const again = await stage.do(JoinGroup, 9, joinBody(bed, memberId), { on: bed.on })
      return again.generationId > epoch
    })
    await joining
    await send('while the leader assigns', { memberId, epoch: epoch + 1 })
  },
})

export const byConsumers = conformance(OffsetCommit, {
  async valid(stage, version) {
    if (version < 9) return
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    const send = (label: string, epoch: number, partitions: readonly number[]) =>
      stage.ask(label, commitBody(bed, version, { memberId: 'm', epoch, partitions }), { on: bed.on })
    const { memberEpoch } = group.member('m')
    await send('by a consumer', memberEpoch, [0, 3])
    await group.join(undefined, 'n')
    await group.settle(3)
    await send('of an old epoch, what it had then', memberEpoch, [group.member('m').owned[0]?.partitions[0] ?? -1])
    await noteOffsets(stage, bed, 'what is there', [0, 1, 2, 3])
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await group.join(undefined, 'n')
    await group.settle(3)
    const [own = -1] = group.member('m').owned[0]?.partitions ?? []
    const [other = -1] = group.member('n').owned[0]?.partitions ?? []
    const send = (label: string, commit: Commit) => stage.ask(label, commitBody(bed, version, commit), { on: bed.on })
    await send('no member of a consumer group', {})
    await send('a stranger to a consumer group', { memberId: 'stranger', epoch: 3 })
    await send('by a consumer', { memberId: 'm', epoch: 3, partitions: [own] })
    await send('an epoch to come', { memberId: 'm', epoch: 4, partitions: [own] })
    await send('an epoch that is over', { memberId: 'm', epoch: 1, partitions: [own] })
    await send('of an old epoch, what another has', { memberId: 'm', epoch: 2, partitions: [other] })
    await group.leave(undefined, 'm')
    await group.leave(undefined, 'n')
    await send('to an empty group', {})
    await send('by one that has left', { memberId: 'm', epoch: 3 })
  },
})
