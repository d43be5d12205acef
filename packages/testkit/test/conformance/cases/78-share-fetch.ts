import { DeleteRecords, DeleteTopics, ShareAcknowledge, ShareFetch, zeroUuid } from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  availableRecords,
  join,
  leave,
  memberIdOf,
  openShare,
  partitionOf,
  produce,
  someRecords,
} from '../share-setup.ts'

const values = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `v${from + index}`)

export const shareFetch = conformance(ShareFetch, {
  async valid(stage, version) {
    const { member, name, topicId, topics } = await openShare(stage)
    const { groupId, memberId } = member
    stage.drop('timestamp')
    const body = { ...someRecords, groupId, memberId, topics, forgottenTopicsData: [] }
    await stage.ask('opens a session', {
      ...availableRecords,
      ...body,
      maxWaitMs: 0,
      minBytes: 0,
      shareSessionEpoch: 0,
    })
    await produce(stage, name, values(3))
    await produce(stage, name, values(5, 3))
    const next = { ...body, topics: [] }
    await stage.ask('acquires a batch', { ...next, maxRecords: 2, shareSessionEpoch: 1 })
    await stage.ask('and the next', { ...next, shareSessionEpoch: 2 })
    await stage.ask('nothing is left', { ...next, maxWaitMs: 100, shareSessionEpoch: 3 })
    const ack = (...acks: [number, number, ...number[]][]) => [{ topicId, partitions: [partitionOf(0, ...acks)] }]
    const mixed: [number, number, ...number[]][] = [
      [0, 2, 1],
      [3, 5, 1, 2, 3],
    ]
    await stage.ask('accepts, releases, rejects', { ...next, topics: ack(...mixed), shareSessionEpoch: 4 })
    await stage.ask('what was released comes again', {
      ...next,
      ...availableRecords,
      maxWaitMs: 500,
      shareSessionEpoch: 5,
    })
    await stage.ask('a gap', { ...next, maxWaitMs: 0, minBytes: 0, topics: ack([4, 4, 0]), shareSessionEpoch: 6 })
    await stage.ask('releases the rest', { ...next, topics: ack([6, 7, 2]), shareSessionEpoch: 7 })
    await stage.ask('takes it', { ...next, ...availableRecords, maxWaitMs: 500, shareSessionEpoch: 8 })
    await stage.ask('forgets the partition', {
      ...next,
      ...{ maxWaitMs: 0, minBytes: 0, shareSessionEpoch: 9 },
      forgottenTopicsData: [{ topicId, partitions: [0] }],
    })
    await stage.ask('has it again', { ...body, ...{ maxWaitMs: 0, minBytes: 0, shareSessionEpoch: 10 } })
    if (version >= 2) {
      await stage.ask('renews', {
        ...{
          groupId,
          memberId,
          forgottenTopicsData: [],
          topics: ack([6, 7, 4]),
          shareSessionEpoch: 11,
          isRenewAck: true,
        },
        ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 0, maxRecords: 0, batchSize: 0 },
      })
    }
    await stage.ask('ends the session', { ...next, topics: ack([6, 7, 1]), shareSessionEpoch: -1 })
    await leave(stage, member)
  },
  async invalid(stage, version) {
    const { member, topicId, name, topics } = await openShare(stage)
    const { groupId, memberId } = member
    const body = { ...availableRecords, maxWaitMs: 0, groupId, memberId, topics, forgottenTopicsData: [] }
    await stage.ask('no group', { ...body, groupId: null, shareSessionEpoch: 0 })
    await stage.ask('no member', { ...body, memberId: null, shareSessionEpoch: 0 })
    await stage.ask('an empty member', { ...body, memberId: '', shareSessionEpoch: 0 })
    await stage.ask('a long member', { ...body, memberId: 'x'.repeat(37), shareSessionEpoch: 0 })
    const ack = (...acks: [number, number, ...number[]][]) => [{ topicId, partitions: [partitionOf(0, ...acks)] }]
    await stage.ask('acknowledges at first', { ...body, topics: ack([0, 0, 1]), shareSessionEpoch: 0 })
    await produce(stage, name, values(4))
    await stage.ask('acquires', { ...body, ...someRecords, shareSessionEpoch: 0 })
    let shareSessionEpoch = 0
    const acks: [string, ...[number, number, ...number[]][]][] = [
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
    for (const [label, ...each] of acks) {
      await stage.ask(label, { ...body, topics: ack(...each), shareSessionEpoch: ++shareSessionEpoch })
    }
    await stage.ask('nothing to get', { ...body, maxRecords: 0, topics: [], shareSessionEpoch: ++shareSessionEpoch })
    if (version >= 2) {
      const renewal = { ...body, topics: ack([0, 0, 4]), isRenewAck: true }
      await stage.ask('renews and fetches', { ...renewal, shareSessionEpoch: ++shareSessionEpoch })
    }
    await leave(stage, member)
  },
  async wrongState(stage) {
    const { member, topicId, name, topics } = await openShare(stage)
    const { groupId, memberId } = member
    const body = { ...availableRecords, maxWaitMs: 100, groupId, memberId, topics, forgottenTopicsData: [] }
    const ack = (...acks: [number, number, ...number[]][]) => [{ topicId, partitions: [partitionOf(0, ...acks)] }]
    await stage.ask('no session', { ...body, shareSessionEpoch: 1 })
    await stage.ask('ends none', { ...body, shareSessionEpoch: -1 })
    await stage.ask('opens one', { ...body, shareSessionEpoch: 0 })
    await stage.ask('with another epoch', { ...body, shareSessionEpoch: 7 })
    await stage.ask('an unknown topic', {
      ...body,
      ...{ shareSessionEpoch: 1, topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAg', partitions: [partitionOf(0)] }] },
    })
    await stage.ask('acknowledges an unknown topic', {
      ...body,
      ...{
        shareSessionEpoch: 2,
        topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAg', partitions: [partitionOf(0, [0, 0, 1])] }],
      },
    })
    await stage.ask('an unknown partition', {
      ...body,
      shareSessionEpoch: 0,
      topics: [{ topicId, partitions: [partitionOf(5)] }],
    })
    await stage.ask('another broker', { ...body, shareSessionEpoch: 0 }, { on: await stage.open({ broker: 2 }) })
    await produce(stage, name, values(6))
    await stage.ask('acquires', { ...body, ...someRecords, shareSessionEpoch: 0 })
    await join(stage, groupId, [name], { memberId: memberIdOf(2) })
    const other = { ...body, memberId: memberIdOf(2) }
    await stage.ask('another member gets nothing', { ...other, shareSessionEpoch: 0 }, { on: await stage.open() })
    const last = { groupId, memberId: memberIdOf(2), shareSessionEpoch: 1, topics: ack([0, 1, 1]) }
    await stage.note('and must not acknowledge', ShareAcknowledge, 1, last)
    await stage.ask('accepts two', { ...body, shareSessionEpoch: 1, topics: ack([0, 1, 1]) })
    await stage.ask('accepts them again', { ...body, shareSessionEpoch: 2, topics: ack([0, 1, 1]) })
    await stage.ask('accepts too many', { ...body, shareSessionEpoch: 3, topics: ack([1, 3, 1]) })
    const deleted = [{ name, partitions: [{ partitionIndex: 0, offset: 3n }] }]
    await stage.do(DeleteRecords, 2, { topics: deleted, timeoutMs: 5_000 })
    await stage.ask('releases what is deleted', { ...body, shareSessionEpoch: 4, topics: ack([2, 5, 2]) })
    await stage.ask('gets what is left', { ...body, maxWaitMs: 500, shareSessionEpoch: 5, topics: [] })
    await stage.ask('and again', { ...body, maxWaitMs: 500, shareSessionEpoch: 6, topics: [] })
    await leave(stage, member)
    await stage.do(DeleteTopics, 6, { topics: [{ name, topicId: zeroUuid }], topicNames: [], timeoutMs: 5_000 })
  },
})
