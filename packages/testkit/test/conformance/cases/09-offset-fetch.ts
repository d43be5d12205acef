import { OffsetFetch } from '@ottla/codec'
import { conformance } from '../case.ts'
import { ConsumerScript, disableAssignmentDelay, elsewhere, groupBed, ready, stableAlone } from '../groups.ts'
import { commit, fetchBody, noId, type Wanted } from '../offsets.ts'

export const offsetFetch = conformance(OffsetFetch, {
  async valid(stage, version) {
    const bed = await groupBed(stage)
    await commit(stage, bed, { partitions: [0, 2], offset: 11n })
    const send = (label: string, wanted: Wanted) => stage.ask(label, fetchBody(bed, version, wanted), { on: bed.on })
    await send('some', { partitions: [0, 1, 2] })
    if (version >= 2) await send('all', { all: true })
    await send('what is stable', { partitions: [0], requireStable: true })
    await send('no partition', { partitions: [] })
    await stableAlone(stage, bed)
    await send('of a group with members', { partitions: [2] })
    if (version < 8) return
    const beside = await stage.nameBeside('stranger', bed.group)
    const [one] = fetchBody(bed, version).groups ?? []
    const [another] = fetchBody(bed, version, { group: beside, all: true }).groups ?? []
    if (!one || !another) return
    const groups = [one, another]
    await stage.ask('two groups', { groupId: '', topics: [], groups, requireStable: false }, { on: bed.on })
  },

  async invalid(stage, version) {
    const bed = await groupBed(stage)
    const send = (label: string, wanted: Wanted) => stage.ask(label, fetchBody(bed, version, wanted), { on: bed.on })
    await send('no such topic', { topic: stage.name('none'), topicId: 'BBBBBBBBBBBBBBBBBBBBBA' })
    await send('no topic', { topic: '', topicId: noId })
    await send('no such partition', { partitions: [7, -1] })
    const on = await ready(stage, '')
    await stage.ask('no group id', fetchBody(bed, version, { group: '' }), { on })
  },

  async wrongState(stage, version) {
    const bed = await groupBed(stage)
    const send = (label: string, wanted: Wanted, on = bed.on) =>
      stage.ask(label, fetchBody(bed, version, wanted), { on })
    await send('elsewhere', {}, await elsewhere(stage, bed.group))
    await send('elsewhere, all', { all: version >= 2 }, await elsewhere(stage, bed.group))
    await send('of no group', {})
    await send('of no group, by a member', { memberId: 'm', epoch: 3 })
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await send('without a member', {})
    await send('by a member', { memberId: 'm', epoch: 2 })
    await send('of another epoch', { memberId: 'm', epoch: 1 })
    await send('by a stranger', { memberId: 'stranger', epoch: 2 })
    await send('without a name', { memberId: null, epoch: 2 })
    await send('all, of another epoch', { memberId: 'm', epoch: 7, all: version >= 2 })
  },
})
