import { ListOffsets, OffsetCommit, OffsetFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { KafkaError, type Message } from '../../src/index.ts'
import { ObservedConsumer } from '../support/observed-consumer.ts'

describe('a response that leaves something out', () => {
  test.each([
    ['the group', { groups: [] }],
    ['the partition', { groups: [{ groupId: 'g', errorCode: 0, topics: [] }] }],
  ])('an OffsetFetch response without %s does not count as "no committed offset"', async (_, response) => {
    const observed = new ObservedConsumer()
    observed.log.append(['a', 'b', 'c'])
    observed.committed.set(0, 1n)
    observed.peer.on(OffsetFetch, () => response)
    observed.run({ offsetReset: 'latest' })
    await observed.runtime.advance(60_000)
    expect(observed.resets).toEqual([])
    expect(observed.values).toEqual([])
  })

  test('an OffsetCommit response without the partition rejects the commit', async () => {
    const observed = new ObservedConsumer()
    observed.log.append(['a', 'b', 'c'])
    observed.peer.on(OffsetCommit, () => ({ topics: [] }))
    const consumer = observed.consumer({ commit: 'manual' })
    const first = consumer.messages().next()
    await observed.runtime.advance(1_000)
    const message = (await first).value as Message
    const outcome = consumer.commit(message).then(
      () => 'resolved',
      (error: unknown) => (KafkaError.is(error) ? 'rejected' : error),
    )
    await observed.runtime.advance(120_000)
    expect(await outcome).toBe('rejected')
  })
})

test('ListOffsets with offset -1 and no error does not become the position', async () => {
  const observed = new ObservedConsumer()
  observed.log.append(['a', 'b', 'c'])
  observed.peer.on(ListOffsets, ({ body }) => ({
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
  const consumer = observed.run()
  await observed.runtime.advance(60_000)
  expect(observed.resets).toEqual([])
  const lookUps = observed.peer.requests(ListOffsets).length
  await observed.runtime.advance(600_000)
  const keepsTrying = observed.peer.requests(ListOffsets).length > lookUps
  expect(keepsTrying || observed.failure !== undefined).toBe(true)
  expect(consumer.position({ topic: 't', partition: 0 })).not.toBe(-1n)
})
