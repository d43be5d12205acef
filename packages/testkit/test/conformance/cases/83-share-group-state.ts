import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from '@ottla/codec'
import type { Wire } from '../../support/wire.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const unknownId = 'AAAAAAAAAAAAAAAAAAAAAg'

interface Place {
  readonly on: Wire
  readonly elsewhere: Wire
  readonly groupId: string
  readonly topicId: string
}

/** A share partition without state, and its coordinator. */
async function placeOf(stage: Stage): Promise<Place> {
  const name = stage.name('t')
  await stage.createTopic(name, { partitions: 2 })
  const topicId = await stage.topicId(name)
  const groupId = stage.name('g')
  const id = await stage.coordinatorId(`${groupId}:${topicId}:0`, 'share')
  const on = await stage.open({ broker: id })
  await stage.until('the coordinator is loaded', async () => {
    const topics = [{ topicId, partitions: [{ partition: 0, leaderEpoch: -1 }] }]
    const { results } = await stage.do(ReadShareGroupStateSummary, 0, { groupId, topics }, { on })
    return results[0]?.partitions[0]?.errorCode === 0
  })
  return { on, elsewhere: await stage.open({ broker: (id % 3) + 1 }), groupId, topicId }
}

const topicsOf = <P>(topicId: string, ...partitions: P[]) => [{ topicId, partitions }]
const state = { partition: 0, stateEpoch: 1, startOffset: 5n }
const batch = (first: number, last: number, deliveryState: number, deliveryCount: number) => ({
  ...{ firstOffset: BigInt(first), lastOffset: BigInt(last), deliveryState, deliveryCount },
})

async function initialize(stage: Stage, { on, groupId, topicId }: Place): Promise<void> {
  await stage.do(InitializeShareGroupState, 0, { groupId, topics: topicsOf(topicId, state) }, { on })
}

const readBody = ({ groupId, topicId }: Place, partition = 0, leaderEpoch = -1) => ({
  groupId,
  topics: topicsOf(topicId, { partition, leaderEpoch }),
})

const written = {
  ...{ partition: 0, stateEpoch: 1, leaderEpoch: 0, startOffset: 5n },
  stateBatches: [batch(5, 9, 2, 1), batch(10, 12, 0, 1)],
}

export const initializeShareGroupState = conformance(InitializeShareGroupState, {
  async valid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await stage.ask('once', { groupId, topics: topicsOf(topicId, state) }, { on })
    await stage.note('is there', ReadShareGroupState, 0, readBody(place), { on })
    await stage.ask(
      'again',
      { groupId, topics: topicsOf(topicId, { ...state, startOffset: -1n, stateEpoch: 2 }) },
      { on },
    )
    await stage.note('is another', ReadShareGroupStateSummary, 1, readBody(place), { on })
  },
  async invalid(stage) {
    const { on, groupId, topicId } = await placeOf(stage)
    await stage.ask('no group', { groupId: '', topics: topicsOf(topicId, state) }, { on })
    await stage.ask('no topics', { groupId, topics: [] }, { on })
    await stage.ask('no partitions', { groupId, topics: [{ topicId, partitions: [] }] }, { on })
  },
  async wrongState(stage) {
    const place = await placeOf(stage)
    const { on, elsewhere, groupId, topicId } = place
    await initialize(stage, place)
    await stage.ask('an older state', { groupId, topics: topicsOf(topicId, { ...state, stateEpoch: 0 }) }, { on })
    await stage.ask('without an epoch', { groupId, topics: topicsOf(topicId, { ...state, stateEpoch: -1 }) }, { on })
    await stage.ask('elsewhere', { groupId, topics: topicsOf(topicId, state) }, { on: elsewhere })
    const lost = await stage.coordinator(`${groupId}:${unknownId}:0`, 'share')
    await stage.ask('an unknown topic', { groupId, topics: topicsOf(unknownId, state) }, { on: lost })
  },
})

export const readShareGroupState = conformance(ReadShareGroupState, {
  async valid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await initialize(stage, place)
    await stage.ask('at the beginning', readBody(place), { on })
    await stage.do(WriteShareGroupState, 1, { groupId, topics: topicsOf(topicId, written) }, { on })
    await stage.ask('after a write', readBody(place), { on })
    await stage.ask('by a leader', readBody(place, 0, 3), { on })
    const later = {
      ...written,
      leaderEpoch: 3,
      startOffset: 8n,
      stateBatches: [batch(10, 10, 2, 2), batch(11, 15, 4, 5)],
    }
    await stage.do(WriteShareGroupState, 1, { groupId, topics: topicsOf(topicId, later) }, { on })
    await stage.ask('merged', readBody(place, 0, 3), { on })
  },
  async invalid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await stage.ask('no group', { ...readBody(place), groupId: '' }, { on })
    await stage.ask('no topics', { groupId, topics: [] }, { on })
    await stage.ask('no partitions', { groupId, topics: [{ topicId, partitions: [] }] }, { on })
    const negative = await stage.coordinator(`${groupId}:${topicId}:-1`, 'share')
    await stage.ask('a negative partition', readBody(place, -1), { on: negative })
  },
  async wrongState(stage) {
    const place = await placeOf(stage)
    const { on, elsewhere, groupId } = place
    await stage.ask('not initialized', readBody(place), { on })
    await initialize(stage, place)
    await stage.do(ReadShareGroupState, 0, readBody(place, 0, 5), { on })
    await stage.ask('an old leader', readBody(place, 0, 4), { on })
    await stage.ask('elsewhere', readBody(place), { on: elsewhere })
    const lost = await stage.coordinator(`${groupId}:${unknownId}:0`, 'share')
    await stage.ask('an unknown topic', readBody({ ...place, topicId: unknownId }), { on: lost })
  },
})

export const writeShareGroupState = conformance(WriteShareGroupState, {
  async valid(stage, version) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await initialize(stage, place)
    await stage.ask('a state', { groupId, topics: topicsOf(topicId, written) }, { on })
    await stage.note('is there', ReadShareGroupState, 0, readBody(place), { on })
    const counted = version >= 1 ? { deliveryCompleteCount: 3 } : {}
    const next = { ...written, ...counted, startOffset: -1n, stateBatches: [batch(10, 12, 4, 2)] }
    await stage.ask('more', { groupId, topics: topicsOf(topicId, next) }, { on })
    await stage.note('is merged', ReadShareGroupState, 0, readBody(place), { on })
    await stage.note('in short', ReadShareGroupStateSummary, 1, readBody(place), { on })
  },
  async invalid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await stage.ask('no group', { groupId: '', topics: topicsOf(topicId, written) }, { on })
    await stage.ask('no topics', { groupId, topics: [] }, { on })
    await stage.ask('no partitions', { groupId, topics: [{ topicId, partitions: [] }] }, { on })
  },
  async wrongState(stage) {
    const place = await placeOf(stage)
    const { on, elsewhere, groupId, topicId } = place
    const body = (fields: Partial<typeof written> = {}) => ({
      groupId,
      topics: topicsOf(topicId, { ...written, ...fields }),
    })
    await stage.ask('not initialized', body(), { on })
    await initialize(stage, place)
    await stage.do(ReadShareGroupState, 0, readBody(place, 0, 5), { on })
    await stage.ask('an old leader', body({ leaderEpoch: 4 }), { on })
    await stage.ask('an old state', body({ leaderEpoch: 5, stateEpoch: 0 }), { on })
    await stage.ask('a newer leader', body({ leaderEpoch: 6 }), { on })
    await stage.ask('and the one before', body({ leaderEpoch: 5 }), { on })
    await stage.ask('elsewhere', body(), { on: elsewhere })
  },
})

export const deleteShareGroupState = conformance(DeleteShareGroupState, {
  async valid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await initialize(stage, place)
    await stage.ask('once', { groupId, topics: topicsOf(topicId, { partition: 0 }) }, { on })
    await stage.note('is gone', ReadShareGroupState, 0, readBody(place), { on })
    await stage.ask('again', { groupId, topics: topicsOf(topicId, { partition: 0 }) }, { on })
  },
  async invalid(stage) {
    const { on, groupId, topicId } = await placeOf(stage)
    await stage.ask('no group', { groupId: '', topics: topicsOf(topicId, { partition: 0 }) }, { on })
    await stage.ask('no topics', { groupId, topics: [] }, { on })
    await stage.ask('no partitions', { groupId, topics: [{ topicId, partitions: [] }] }, { on })
  },
  async wrongState(stage) {
    const { elsewhere, groupId, topicId } = await placeOf(stage)
    await stage.ask('elsewhere', { groupId, topics: topicsOf(topicId, { partition: 0 }) }, { on: elsewhere })
    const lost = await stage.coordinator(`${groupId}:${unknownId}:0`, 'share')
    await stage.ask('an unknown topic', { groupId, topics: topicsOf(unknownId, { partition: 0 }) }, { on: lost })
    const far = await stage.coordinator(`${groupId}:${topicId}:9`, 'share')
    await stage.ask('an unknown partition', { groupId, topics: topicsOf(topicId, { partition: 9 }) }, { on: far })
  },
})

export const readShareGroupStateSummary = conformance(ReadShareGroupStateSummary, {
  async valid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await stage.ask('before there is any', readBody(place), { on })
    await initialize(stage, place)
    await stage.ask('at the beginning', readBody(place), { on })
    const next = { ...written, deliveryCompleteCount: 4 }
    await stage.do(WriteShareGroupState, 1, { groupId, topics: topicsOf(topicId, next) }, { on })
    await stage.ask('after a write', readBody(place), { on })
  },
  async invalid(stage) {
    const place = await placeOf(stage)
    const { on, groupId, topicId } = place
    await stage.ask('no group', { ...readBody(place), groupId: '' }, { on })
    await stage.ask('no topics', { groupId, topics: [] }, { on })
    await stage.ask('no partitions', { groupId, topics: [{ topicId, partitions: [] }] }, { on })
  },
  async wrongState(stage) {
    const place = await placeOf(stage)
    const { elsewhere, groupId, topicId } = place
    await stage.ask('elsewhere', readBody(place), { on: elsewhere })
    const lost = await stage.coordinator(`${groupId}:${unknownId}:0`, 'share')
    await stage.ask('an unknown topic', readBody({ ...place, topicId: unknownId }), { on: lost })
    const far = await stage.coordinator(`${groupId}:${topicId}:9`, 'share')
    await stage.ask('an unknown partition', readBody(place, 9), { on: far })
  },
})
