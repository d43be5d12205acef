import { DeleteTopics, DescribeTopicPartitions, zeroUuid } from '@ottla/codec'
import { conformance } from '../case.ts'

const request = (
  names: readonly string[],
  { limit = 2000, cursor = null as null | { topicName: string; partitionIndex: number } } = {},
) => ({
  topics: names.map((name) => ({ name })),
  responsePartitionLimit: limit,
  cursor,
})

export const describeTopicPartitions = conformance(DescribeTopicPartitions, {
  async valid(stage) {
    const [a, b] = [stage.name('a'), stage.name('b')]
    await stage.createTopic(a, { partitions: 3, replicas: [1, 2] })
    await stage.createTopic(b, { partitions: 2, replicas: [3, 2, 1] })
    await stage.ask('both', request([b, a]))
    await stage.ask('two partitions', request([a, b], { limit: 2 }))
    await stage.ask('the next two', request([a, b], { limit: 2, cursor: { topicName: a, partitionIndex: 2 } }))
    await stage.ask('exactly one topic', request([a, b], { limit: 3 }))
    await stage.ask('from another topic on', request([a, b], { cursor: { topicName: b, partitionIndex: 0 } }))
    await stage.ask('twice', request([a, a]))
    await stage.ask('by another broker', request([a]), { on: await stage.open({ broker: 2 }) })
  },
  async invalid(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic, { partitions: 2 })
    await stage.ask('no limit', request([topic], { limit: 0 }))
    await stage.ask('a negative limit', request([topic], { limit: -1 }))
    await stage.ask('strange names', request(['a b', '..']))
    await stage.ask('no name', request(['', topic]))
    await stage.ask('a cursor elsewhere', request([topic], { cursor: { topicName: 'zz', partitionIndex: 0 } }))
    await stage.ask('a negative cursor', request([topic], { cursor: { topicName: topic, partitionIndex: -1 } }))
    await stage.ask('a cursor beyond', request([topic], { cursor: { topicName: topic, partitionIndex: 9 } }))
  },
  async wrongState(stage) {
    const [known, unknown] = [stage.name('a'), stage.name('no')]
    await stage.createTopic(known)
    await stage.ask('unknown', request([unknown, known]))
    await stage.ask(
      'a cursor at an unknown one',
      request([unknown, known], { cursor: { topicName: unknown, partitionIndex: 0 } }),
    )
    await stage.do(DeleteTopics, 6, { topics: [{ name: known, topicId: zeroUuid }], timeoutMs: 10_000 })
    await stage.until('deleted', async () => {
      const { topics } = await stage.do(DescribeTopicPartitions, 0, request([known]))
      return topics[0]?.errorCode !== 0
    })
    await stage.ask('deleted', request([known]))
  },
})
