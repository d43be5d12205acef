import {
  AlterShareGroupOffsets,
  DeleteGroups,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
  ListGroups,
  ShareAcknowledge,
  ShareFetch,
} from '@ottla/codec'
import { conformance } from '../case.ts'
import { join, leave, openShare, partitionOf, produce, someRecords } from '../share-setup.ts'

const values = (count: number) => Array.from({ length: count }, (_, index) => `v${index}`)

export const describeShareGroupOffsets = conformance(DescribeShareGroupOffsets, {
  async valid(stage) {
    const { member, name, topicId, topics } = await openShare(stage, { partitions: 2 })
    const { groupId, memberId, coordinator: on } = member
    const ask = (label: string, partitions: number[]) =>
      stage.ask(label, { groups: [{ groupId, topics: [{ topicName: name, partitions }] }] }, { on })
    await ask('not decided yet', [0, 1])
    await produce(stage, name, values(5))
    const fetch = { ...someRecords, groupId, memberId, topics, forgottenTopicsData: [], shareSessionEpoch: 0 }
    await stage.note('acquires', ShareFetch, 1, fetch)
    await stage.do(ShareAcknowledge, 1, {
      ...{ groupId, memberId, shareSessionEpoch: 1 },
      topics: [{ topicId, partitions: [partitionOf(0, [0, 1, 1], [3, 3, 1])] }],
    })
    await ask('two are done, and another', [0])
    await stage.ask('all', { groups: [{ groupId, topics: null }] }, { on })
    await stage.ask('none', { groups: [{ groupId, topics: [] }] }, { on })
    await leave(stage, member)
    await ask('without members', [0, 1])
  },
  async invalid(stage) {
    const groupId = stage.name('g')
    const on = await stage.coordinator(groupId)
    await stage.ask('no groups', { groups: [] }, { on })
    await stage.ask('no name', { groups: [{ groupId: '', topics: [] }] }, { on })
    await stage.ask(
      'an unknown topic',
      { groups: [{ groupId, topics: [{ topicName: stage.name('x'), partitions: [0, 3] }] }] },
      { on },
    )
  },
  async wrongState(stage) {
    const groupId = stage.name('g')
    const id = await stage.coordinatorId(groupId)
    const on = await stage.open({ broker: id })
    const name = stage.name('t')
    await stage.createTopic(name)
    await stage.ask(
      'an unknown group',
      { groups: [{ groupId, topics: [{ topicName: name, partitions: [0] }] }] },
      { on },
    )
    await stage.ask('all of an unknown group', { groups: [{ groupId, topics: null }] }, { on })
    await stage.ask(
      'all, elsewhere',
      { groups: [{ groupId, topics: null }] },
      { on: await stage.open({ broker: (id % 3) + 1 }) },
    )
  },
})

export const alterShareGroupOffsets = conformance(AlterShareGroupOffsets, {
  async valid(stage) {
    const { member, name } = await openShare(stage, { partitions: 2 })
    const { groupId, coordinator: on } = member
    await produce(stage, name, values(5))
    await leave(stage, member)
    const body = (...offsets: [number, number][]) => ({
      groupId,
      topics: [
        {
          topicName: name,
          partitions: offsets.map(([partitionIndex, offset]) => ({ partitionIndex, startOffset: BigInt(offset) })),
        },
      ],
    })
    await stage.ask('to the third', body([0, 2], [1, 0]), { on })
    const all = { groups: [{ groupId, topics: null }] }
    await stage.note('is there', DescribeShareGroupOffsets, 1, all, { on })
    await stage.ask('back again', body([0, 0]), { on })
    await stage.note('is there again', DescribeShareGroupOffsets, 1, all, { on })
    await stage.ask('one of them is unknown', body([1, 1], [7, 0]), { on })
    await stage.ask('none', { groupId, topics: [] }, { on })
    const fresh = stage.name('fresh')
    const coordinator = await stage.coordinator(fresh)
    await stage.ask('of a new group', { ...body([0, 1]), groupId: fresh }, { on: coordinator })
    const states = { statesFilter: ['empty'], typesFilter: ['share'] }
    const { groups } = await stage.do(ListGroups, 5, states, { on: coordinator })
    stage.saw(
      'is listed',
      groups.filter((each) => each.groupId === fresh),
    )
  },
  async invalid(stage) {
    const groupId = stage.name('g')
    const on = await stage.coordinator(groupId)
    await stage.ask('no group', { groupId: '', topics: [] }, { on })
    const unknown = [{ topicName: stage.name('x'), partitions: [{ partitionIndex: 0, startOffset: 1n }] }]
    await stage.ask('an unknown topic', { groupId, topics: unknown }, { on })
  },
  async wrongState(stage) {
    const name = stage.name('t')
    await stage.createTopic(name)
    const groupId = stage.name('g')
    const id = await stage.coordinatorId(groupId)
    const on = await stage.open({ broker: id })
    const body = { groupId, topics: [{ topicName: name, partitions: [{ partitionIndex: 0, startOffset: 0n }] }] }
    await stage.ask('elsewhere', body, { on: await stage.open({ broker: (id % 3) + 1 }) })
    const member = await join(stage, groupId, [name])
    await stage.ask('with members', body, { on })
    await leave(stage, member)
  },
})

export const deleteShareGroupOffsets = conformance(DeleteShareGroupOffsets, {
  async valid(stage) {
    const { member, name } = await openShare(stage)
    const { groupId, coordinator: on } = member
    await leave(stage, member)
    await stage.ask('of a topic', { groupId, topics: [{ topicName: name }] }, { on })
    await stage.note('are gone', DescribeShareGroupOffsets, 1, { groups: [{ groupId, topics: null }] }, { on })
    await stage.ask('once more', { groupId, topics: [{ topicName: name }] }, { on })
    await stage.ask('none', { groupId, topics: [] }, { on })
    await stage.note('the group is deleted', DeleteGroups, 2, { groupsNames: [groupId] }, { on })
  },
  async invalid(stage) {
    const on = await stage.coordinator('')
    await stage.ask('no group', { groupId: '', topics: [] }, { on })
  },
  async wrongState(stage) {
    const name = stage.name('t')
    await stage.createTopic(name)
    const groupId = stage.name('g')
    const id = await stage.coordinatorId(groupId)
    const on = await stage.open({ broker: id })
    const body = { groupId, topics: [{ topicName: name }] }
    await stage.ask('an unknown group', body, { on })
    await stage.ask('elsewhere', body, { on: await stage.open({ broker: (id % 3) + 1 }) })
    const member = await join(stage, groupId, [name])
    await stage.ask('with members', body, { on })
    await leave(stage, member)
    await stage.ask('an unknown topic', { groupId, topics: [{ topicName: stage.name('x') }] }, { on })
    await stage.createTopic(stage.name('y'))
    await stage.ask('a topic without offsets', { groupId, topics: [{ topicName: stage.name('y') }] }, { on })
  },
})
