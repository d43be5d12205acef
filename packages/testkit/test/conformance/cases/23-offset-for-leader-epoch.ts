import { DeleteTopics, OffsetForLeaderEpoch, Produce } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

interface Asked {
  readonly topic: string
  readonly partition?: number
  readonly leaderEpoch?: number
  readonly currentLeaderEpoch?: number
}

const request = (version: number, ...asked: readonly Asked[]) => ({
  ...(version >= 3 && { replicaId: -1 }),
  topics: asked.map(({ topic, partition = 0, leaderEpoch = 0, currentLeaderEpoch = -1 }) => ({
    topic,
    partitions: [{ partition, leaderEpoch, currentLeaderEpoch }],
  })),
})

async function filled(stage: Stage<typeof OffsetForLeaderEpoch>): Promise<string> {
  const name = stage.name('t')
  await stage.createTopic(name, { partitions: 2 })
  const partitionData = [{ index: 0, records: batchOf(['a', 'b'], { timestamp: 1_700_000_000_000 }) }]
  await stage.do(Produce, 9, { acks: -1, timeoutMs: 5000, transactionalId: null, topicData: [{ name, partitionData }] })
  return name
}

export const offsetForLeaderEpoch = conformance(OffsetForLeaderEpoch, {
  async valid(stage, version) {
    const topic = await filled(stage)
    await stage.ask('its end', request(version, { topic }))
    await stage.ask('its end, of the epoch that is', request(version, { topic, currentLeaderEpoch: 0 }))
    await stage.ask('of an empty partition', request(version, { topic, partition: 1 }))
    await stage.ask('of an epoch to come', request(version, { topic, leaderEpoch: 7 }))
    await stage.ask('no topics', request(version))
  },
  async invalid(stage, version) {
    const topic = await filled(stage)
    await stage.ask('no epoch', request(version, { topic, leaderEpoch: -1 }))
    await stage.ask('an epoch below that', request(version, { topic, leaderEpoch: -5 }))
    await stage.ask('a partition below 0', request(version, { topic, partition: -1 }))
    await stage.ask('a name that cannot be', request(version, { topic: 'not a name' }))
    await stage.ask('no name', request(version, { topic: '' }))
    const partitions = [0, 0].map((partition) => ({ partition, leaderEpoch: 0, currentLeaderEpoch: -1 }))
    await stage.ask('a partition twice', { ...request(version), topics: [{ topic, partitions }] })
  },
  async wrongState(stage, version) {
    const topic = await filled(stage)
    await stage.ask('no such topic', request(version, { topic: stage.name('none') }))
    await stage.ask('no such partition', request(version, { topic, partition: 9 }))
    await stage.ask('a later epoch', request(version, { topic, currentLeaderEpoch: 5 }))
    const other = await stage.open({ broker: 2 })
    await stage.ask('another broker leads', request(version, { topic }), { on: other })
    await stage.do(DeleteTopics, 5, { topicNames: [topic], timeoutMs: 10_000 })
    await stage.until('it is gone', async () => {
      const { topics } = await stage.do(OffsetForLeaderEpoch, 4, request(4, { topic }))
      return topics[0]?.partitions[0]?.errorCode === 3
    })
    await stage.ask('a deleted topic', request(version, { topic }))
  },
})
