import { ListOffsets, OffsetCommit, OffsetFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { KafkaError, type Message } from '../../src/index.ts'
import { ReviewedConsumer } from './reviewed-consumer.ts'

describe('a response that leaves something out', () => {
  test.each([
    ['the group', { groups: [] }],
    ['the partition', { groups: [{ groupId: 'g', errorCode: 0, topics: [] }] }],
  ])('an OffsetFetch response without %s does not count as "no committed offset"', async (_, response) => {
    const reviewed = new ReviewedConsumer()
    reviewed.log.append(['a', 'b', 'c'])
    reviewed.committed.set(0, 1n)
    reviewed.peer.on(OffsetFetch, () => response)
    reviewed.run({ offsetReset: 'latest' })
    await reviewed.runtime.advance(60_000)
    expect(reviewed.resets).toEqual([])
    expect(reviewed.values).toEqual([])
  })

  test('an OffsetCommit response without the partition rejects the commit', async () => {
    const reviewed = new ReviewedConsumer()
    reviewed.log.append(['a', 'b', 'c'])
    reviewed.peer.on(OffsetCommit, () => ({ topics: [] }))
    const consumer = reviewed.consumer({ commit: 'manual' })
    const first = consumer.messages().next()
    await reviewed.runtime.advance(1_000)
    const message = (await first).value as Message
    const outcome = consumer.commit(message).then(
      () => 'resolved',
      (error: unknown) => (KafkaError.is(error) ? 'rejected' : error),
    )
    await reviewed.runtime.advance(120_000)
    expect(await outcome).toBe('rejected')
  })
})

test('ListOffsets with offset -1 and no error does not become the position', async () => {
  const reviewed = new ReviewedConsumer()
  reviewed.log.append(['a', 'b', 'c'])
  reviewed.peer.on(ListOffsets, ({ body }) => ({
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: 0,
        timestamp: -1n,
        offset: -1n,
        leaderEpoch: -1,
      })),
    })),
  }))
  const consumer = reviewed.run()
  await reviewed.runtime.advance(60_000)
  expect(reviewed.resets).toEqual([])
  const lookUps = reviewed.peer.requests(ListOffsets).length
  await reviewed.runtime.advance(600_000)
  const keepsTrying = reviewed.peer.requests(ListOffsets).length > lookUps
  expect(keepsTrying || reviewed.failure !== undefined).toBe(true)
  expect(consumer.position({ topic: 't', partition: 0 })).not.toBe(-1n)
})
