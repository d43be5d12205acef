import { expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { AwaitingRecord, TopicBuffer } from './topic-buffer.ts'
import { TopicLookup } from './topic-lookup.ts'

const record = { acceptedMs: 0 } as unknown as AwaitingRecord
const unknown = new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'the topic does not exist', { retriable: true })

test('records that the failure of a look-up lets in are looked up by the same one, which ends once', async () => {
  const topic = { name: 't', known: false, lookingUp: false, awaiting: new Queue<AwaitingRecord>() } as TopicBuffer
  let [looking, lookups, most, ends] = [0, 0, 0, 0]
  const cluster = {
    runtime: { monoNow: () => 0 },
    awaitTopic: async () => {
      lookups++
      most = Math.max(most, ++looking)
      await Promise.resolve()
      looking--
      throw unknown
    },
  } as unknown as ProducerCluster
  let resolve: () => void
  const ended = new Promise<void>((done) => {
    resolve = done
  })
  const lookup = new TopicLookup(cluster, {} as ResolvedProducerOptions, new AbortController().signal, {
    found: () => {},
    checked: () => {},
    failed: () => {
      topic.awaiting.drain()
      if (lookups === 5) return
      // As calls do that waited for space.
      topic.awaiting.push(record)
      lookup.begin(topic)
    },
    ended: () => {
      ends++
      resolve()
    },
  })
  topic.awaiting.push(record)
  lookup.begin(topic)
  await ended
  expect({ lookups, most, ends, lookingUp: topic.lookingUp }).toEqual({
    lookups: 5,
    most: 1,
    ends: 1,
    lookingUp: false,
  })
})
