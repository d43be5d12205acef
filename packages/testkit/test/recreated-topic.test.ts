import { DeleteTopics, errorOf, Fetch, Metadata, zeroUuid } from '@ottla/codec'
import { expect, test } from 'vitest'
import { createCluster } from '../src/index.ts'
import { WireClient } from './support/wire-client.ts'

test('a fetch session keeps the first name of a topic id, also when the topic is deleted and recreated', async () => {
  const topic = { name: 't', partitions: 1, replicationFactor: 1 }
  await using cluster = await createCluster({ brokers: 1, topics: [topic] })
  const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
  const requested = [{ topicId: zeroUuid, name: 't' }]
  const metadata = await wire.request(Metadata, {
    topics: requested,
    allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: false,
  })
  const topicId = metadata.topics[0]?.topicId ?? zeroUuid
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000 }]
  const topics = [{ topic: 't', topicId, partitions }]
  const fetch = async (sessionId: number, sessionEpoch: number, wanted: typeof topics = []) => {
    const session = { sessionId, sessionEpoch, forgottenTopicsData: [] }
    const response = await wire.request(Fetch, { maxWaitMs: 0, minBytes: 1, topics: wanted, ...session })
    const found = response.responses.flatMap((response) => response.partitions)
    return { sessionId: response.sessionId, errors: found.map(({ errorCode }) => errorOf(errorCode).name) }
  }
  const { sessionId, errors } = await fetch(0, 0, topics)
  expect(errors).toEqual(['NONE'])
  await wire.request(DeleteTopics, { topics: [{ name: 't', topicId: zeroUuid }], timeoutMs: 1000 })
  expect((await fetch(sessionId, 1)).errors).toEqual(['UNKNOWN_TOPIC_OR_PARTITION'])
  await cluster.createTopic(topic)
  expect((await fetch(sessionId, 2)).errors).toEqual(['INCONSISTENT_TOPIC_ID'])
  expect((await fetch(sessionId, 3, topics)).errors).toEqual(['INCONSISTENT_TOPIC_ID'])
  // A fetch without a session keeps nothing.
  expect((await fetch(0, -1, topics)).errors).toEqual(['UNKNOWN_TOPIC_ID'])
})
