import {
  AlterPartitionReassignments,
  type Api,
  DescribeTopicPartitions,
  ListPartitionReassignments,
} from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

type Moves = readonly (readonly [partition: number, replicas: readonly number[] | null])[]

const request = (name: string, moves: Moves, more: { allowReplicationFactorChange?: boolean } = {}) => ({
  timeoutMs: 10_000,
  topics: [
    {
      name,
      partitions: moves.map(([partitionIndex, replicas]) => ({ partitionIndex, replicas: replicas && [...replicas] })),
    },
  ],
  ...more,
})

const list = (name: string, partitionIndexes: readonly number[] = [0, 1]) => ({
  timeoutMs: 10_000,
  topics: [{ name, partitionIndexes: [...partitionIndexes] }],
})

/** Waits until broker 1 has no reassignment of the topic in its metadata. */
async function settled<A extends Api>(stage: Stage<A>, topic: string, replicas: readonly number[]): Promise<void> {
  await stage.until(`${topic} is on ${replicas}`, async () => {
    const { topics } = await stage.do(DescribeTopicPartitions, 0, { topics: [{ name: topic }], cursor: null })
    const [partition] = topics[0]?.partitions ?? []
    return String(partition?.replicaNodes) === String(replicas) && partition?.isrNodes.length === replicas.length
  })
}

export const alterPartitionReassignments = conformance(AlterPartitionReassignments, {
  async valid(stage, version) {
    const topic = stage.name('t')
    const look = (label: string) =>
      stage.note(label, DescribeTopicPartitions, 0, { topics: [{ name: topic }], cursor: null })
    await stage.createTopic(topic)
    await stage.ask('moves', request(topic, [[0, [2]]]))
    await settled(stage, topic, [2])
    await look('has moved')
    await stage.ask('more replicas', request(topic, [[0, [2, 3, 1]]]))
    await settled(stage, topic, [2, 3, 1])
    await look('has more')
    await stage.ask('another order', request(topic, [[0, [1, 2, 3]]]))
    await settled(stage, topic, [1, 2, 3])
    await look('still led by the same')
    await stage.ask('as it is', request(topic, [[0, [1, 2, 3]]]))
    await stage.ask('fewer', request(topic, [[0, [3, 1]]]))
    await settled(stage, topic, [3, 1])
    await look('has fewer')
    await stage.note('nothing moves', ListPartitionReassignments, 0, list(topic))
    if (version >= 1) await stage.ask('as many', request(topic, [[0, [1, 2]]], { allowReplicationFactorChange: false }))
  },
  async invalid(stage, version) {
    const topic = stage.name('t')
    await stage.createTopic(topic, { replicas: [1, 2] })
    await stage.ask('nothing', { timeoutMs: 10_000, topics: [] })
    await stage.ask('no partitions', request(topic, []))
    await stage.ask('no replicas', request(topic, [[0, []]]))
    await stage.ask('a broker twice', request(topic, [[0, [1, 1]]]))
    await stage.ask('no broker', request(topic, [[0, [-1]]]))
    await stage.ask('no name', request('', [[0, [1]]]))
    if (version === 0) return
    const more = { allowReplicationFactorChange: false }
    await stage.ask('more than there were', request(topic, [[0, [1, 2, 3]]], more))
    await stage.ask('fewer than there were', request(topic, [[0, [1]]], more))
  },
  async wrongState(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('nothing to cancel', request(topic, [[0, null]]))
    await stage.ask(
      'no partition',
      request(topic, [
        [7, [1]],
        [8, null],
      ]),
    )
    await stage.ask(
      'no topic',
      request(stage.name('no'), [
        [0, [1]],
        [1, null],
      ]),
    )
    await stage.ask('an unknown broker', request(topic, [[0, [1, 9]]]))
  },
})

export const listPartitionReassignments = conformance(ListPartitionReassignments, {
  async valid(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('nothing moves', list(topic))
    await stage.do(AlterPartitionReassignments, 0, request(topic, [[0, [2]]]))
    await settled(stage, topic, [2])
    await stage.ask('has moved', list(topic, [0]))
  },
  async invalid(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('nothing asked', { timeoutMs: 10_000, topics: [] })
    await stage.ask('no partitions', list(topic, []))
    await stage.ask('no name', list(''))
  },
  async wrongState(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('no partition', list(topic, [7, -1]))
    await stage.ask('no topic', list(stage.name('no')))
  },
})
