import { errorCode } from '@ottla/codec'
import { expect, test } from 'vitest'
import type { Broker } from '../cluster/broker.ts'
import { AckSettlement } from './ack-outcomes.ts'
import { AckQueue, type QueuedAck } from './ack-queue.ts'
import { type AckResult, ackType, wireTopics } from './acknowledgement.ts'
import { keyOf, SharePartition } from './share-partition.ts'

const partition = new SharePartition(
  { topic: 't', topicId: 'id', partition: 0 },
  new AbortController().signal,
  undefined,
)
const broker = { id: 1, host: 'b', port: 9092 } as Broker
const runtime = { monoNow: () => 1_000, random: () => 0.5, setTimer: () => ({}), clearTimer: () => {} }
const clock = { runtime, options: { retryBackoffMs: 100, retryBackoffMaxMs: 1_000 } }

function queued(offsets: readonly number[]) {
  const queue = new AckQueue()
  const results = new Map<number, AckResult>()
  for (const offset of offsets) {
    queue.add({
      ...{ partition, firstOffset: offset, lastOffset: offset, type: ackType.accept },
      refusal: () => undefined,
      sent: () => {},
      settled: (result) => results.set(offset, result),
    })
  }
  const settlement = new AckSettlement(clock as never, queue)
  const settle = (sent: readonly QueuedAck[], name: Parameters<typeof errorCode>[0]) =>
    settlement.settle(sent, new Map([[keyOf(partition), { errorCode: errorCode(name), message: null }]]), broker, 2_000)
  return { queue, results, settle }
}

const offsetsOf = (entries: readonly QueuedAck[]) => entries.map(({ ack }) => ack.firstOffset)

test('sends each acknowledgement alone when the broker refuses several: only the wrong one fails', () => {
  const { queue, results, settle } = queued([5, 6, 7])
  settle(queue.take(0), 'INVALID_RECORD_STATE')
  expect(results.size).toBe(0)
  for (const offset of [5, 6, 7]) {
    const sent = queue.take(0)
    expect(offsetsOf(sent)).toEqual([offset])
    settle(sent, offset === 6 ? 'INVALID_RECORD_STATE' : 'NONE')
  }
  expect(queue.size).toBe(0)
  expect([...results].map(([offset, { error }]) => [offset, error?.code])).toEqual([
    [5, undefined],
    [6, 'INVALID_RECORD_STATE'],
    [7, undefined],
  ])
  expect(results.get(6)?.error?.message).toContain('the record will be delivered again')
})

test('repeats after a pause what the broker could not store', () => {
  const { queue, results, settle } = queued([5])
  settle(queue.take(0), 'COORDINATOR_NOT_AVAILABLE')
  expect(queue.take(1_050)).toEqual([])
  expect(queue.nextDueMs).toBe(1_100)
  settle(queue.take(1_100), 'NONE')
  expect(results.get(5)).toEqual({ lockEndsMs: 2_000 })
})

test('fails without a result in the response, and where another broker leads the partition', () => {
  const { queue, results, settle } = queued([5, 6])
  settle(queue.take(0), 'NOT_LEADER_OR_FOLLOWER')
  expect([...results.values()].map(({ error }) => error?.code)).toEqual(Array(2).fill('NOT_LEADER_OR_FOLLOWER'))
  const other = queued([5])
  new AckSettlement(clock as never, other.queue).settle(other.queue.take(0), new Map(), broker, 0)
  expect(other.results.get(5)?.error).toMatchObject({ code: 'PROTOCOL_ERROR', outcome: 'unknown' })
})

test('writes neighbours of the same type as one range', () => {
  const { queue } = queued([7, 5, 6, 9])
  const acks = queue.take(0).map(({ ack }) => ack)
  expect(wireTopics([], acks)).toEqual([
    {
      topicId: 'id',
      partitions: [
        {
          partitionIndex: 0,
          acknowledgementBatches: [
            { firstOffset: 5n, lastOffset: 7n, acknowledgeTypes: [1] },
            { firstOffset: 9n, lastOffset: 9n, acknowledgeTypes: [1] },
          ],
        },
      ],
    },
  ])
})
