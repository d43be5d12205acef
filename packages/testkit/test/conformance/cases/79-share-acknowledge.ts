import { ShareAcknowledge, ShareFetch } from '@ottla/codec'
import { conformance } from '../case.ts'
import { availableRecords, leave, openShare, partitionOf, produce, someRecords } from '../share-setup.ts'

const values = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `v${from + index}`)
type Ack = [number, number, ...number[]]

export const shareAcknowledge = conformance(ShareAcknowledge, {
  async valid(stage, version) {
    const { member, name, topicId, topics } = await openShare(stage)
    const { groupId, memberId } = member
    await produce(stage, name, values(6))
    const fetch = { ...someRecords, groupId, memberId, forgottenTopicsData: [] }
    await stage.note('acquires', ShareFetch, 1, { ...fetch, topics, shareSessionEpoch: 0 })
    const ack = (...acks: Ack[]) => ({
      groupId,
      memberId,
      topics: [{ topicId, partitions: [partitionOf(0, ...acks)] }],
    })
    await stage.ask('nothing', { groupId, memberId, topics: [], shareSessionEpoch: 1 })
    await stage.ask('no batches', { ...ack(), shareSessionEpoch: 2 })
    await stage.ask('accepts', { ...ack([0, 1, 1]), shareSessionEpoch: 3 })
    await stage.ask('releases and rejects', { ...ack([2, 2, 2], [3, 4, 3, 0]), shareSessionEpoch: 4 })
    if (version >= 2) await stage.ask('renews', { ...ack([5, 5, 4]), isRenewAck: true, shareSessionEpoch: 5 })
    const next = { ...fetch, ...availableRecords, maxWaitMs: 500, topics: [], shareSessionEpoch: version >= 2 ? 6 : 5 }
    await stage.note('gets what was released', ShareFetch, 1, next)
    await stage.ask('ends the session', { ...ack([2, 2, 1]), shareSessionEpoch: -1 })
    await stage.note('gets what it had', ShareFetch, 1, { ...fetch, topics, shareSessionEpoch: 0 })
    await leave(stage, member)
  },
  async invalid(stage, version) {
    const { member, topicId, name, topics } = await openShare(stage)
    const { groupId, memberId } = member
    await produce(stage, name, values(4))
    const fetch = { ...someRecords, groupId, memberId, forgottenTopicsData: [] }
    await stage.note('acquires', ShareFetch, 1, { ...fetch, topics, shareSessionEpoch: 0 })
    const ack = (...acks: Ack[]) => ({
      groupId,
      memberId,
      topics: [{ topicId, partitions: [partitionOf(0, ...acks)] }],
    })
    await stage.ask('no group', { ...ack([0, 0, 1]), groupId: null, shareSessionEpoch: 1 })
    await stage.ask('no member', { ...ack([0, 0, 1]), memberId: null, shareSessionEpoch: 1 })
    await stage.ask('a long member', { ...ack([0, 0, 1]), memberId: 'x'.repeat(37), shareSessionEpoch: 1 })
    await stage.ask('the first epoch', { ...ack([0, 0, 1]), shareSessionEpoch: 0 })
    let shareSessionEpoch = 0
    const acks: [string, ...Ack[]][] = [
      ['backwards', [2, 1, 1]],
      ['without a type', [0, 1]],
      ['too few types', [0, 2, 1, 1]],
      ['overlapping', [0, 2, 1], [2, 3, 1]],
      ['an unknown type', [0, 0, 9]],
      ['a negative type', [0, 0, -1]],
      ['renews without saying so', [0, 0, 4]],
      ['past the end', [3, 9, 1]],
      ['after the end', [8, 9, 1]],
    ]
    for (const [label, ...each] of acks)
      await stage.ask(label, { ...ack(...each), shareSessionEpoch: ++shareSessionEpoch })
    if (version >= 2) {
      const renewal = { ...ack([0, 1, 4, 9]), isRenewAck: true }
      await stage.ask('renews something strange', { ...renewal, shareSessionEpoch: ++shareSessionEpoch })
    }
    await leave(stage, member)
  },
  async wrongState(stage) {
    const { member, topicId, name, topics } = await openShare(stage)
    const { groupId, memberId } = member
    const ack = (...acks: Ack[]) => ({
      groupId,
      memberId,
      topics: [{ topicId, partitions: [partitionOf(0, ...acks)] }],
    })
    await stage.ask('no session', { ...ack([0, 0, 1]), shareSessionEpoch: 1 })
    await stage.ask('ends none', { ...ack([0, 0, 1]), shareSessionEpoch: -1 })
    const fetch = { ...someRecords, groupId, memberId, forgottenTopicsData: [] }
    const empty = { ...fetch, maxWaitMs: 0, minBytes: 0, topics, shareSessionEpoch: 0 }
    await stage.note('opens a session', ShareFetch, 1, empty)
    await stage.ask('another epoch', { ...ack([0, 0, 1]), shareSessionEpoch: 9 })
    await stage.ask('what is not acquired', { ...ack([0, 0, 1]), shareSessionEpoch: 1 })
    await produce(stage, name, values(4))
    await stage.note('acquires', ShareFetch, 1, { ...fetch, topics, shareSessionEpoch: 2 })
    const unknown = (id: string, partition: number) => [
      { topicId: id, partitions: [partitionOf(partition, [0, 0, 1])] },
    ]
    await stage.ask('an unknown topic', {
      groupId,
      memberId,
      topics: unknown('AAAAAAAAAAAAAAAAAAAAAg', 0),
      shareSessionEpoch: 3,
    })
    await stage.ask('an unknown partition', { groupId, memberId, topics: unknown(topicId, 7), shareSessionEpoch: 4 })
    await stage.ask('accepts', { ...ack([0, 1, 1]), shareSessionEpoch: 5 })
    await stage.ask('accepts again', { ...ack([0, 1, 1]), shareSessionEpoch: 6 })
    await stage.ask('more than is acquired', { ...ack([1, 2, 1]), shareSessionEpoch: 7 })
    await stage.ask('releases', { ...ack([3, 3, 2]), shareSessionEpoch: 8 })
    await stage.ask('accepts what it released', { ...ack([3, 3, 1]), shareSessionEpoch: 9 })
    const elsewhere = await stage.open({ broker: 2 })
    await stage.note('a session elsewhere', ShareFetch, 1, empty, { on: elsewhere })
    await stage.ask('of another broker', { ...ack([2, 2, 1]), shareSessionEpoch: 1 }, { on: elsewhere })
    await leave(stage, member)
  },
})
