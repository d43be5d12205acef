import { Fetch, Metadata, OffsetCommit, OffsetForLeaderEpoch } from '@ottla/codec'
import { expect, test } from 'vitest'
import { ObservedConsumer } from '../support/observed-consumer.ts'
import { batchOf } from '../support/record-batches.ts'
import { fetched, fetchResponse } from '../support/scripted-log.ts'

test.each(['earliest', 'none'] as const)(
  'a marker with a newer epoch behind the last record is no truncation under the next leader: offsetReset %s',
  async (offsetReset) => {
    const observed = new ObservedConsumer()
    const { peer, log, runtime } = observed
    peer.topics.set('t', { partitions: [{ leader: 1, leaderEpoch: 1 }] })
    log.append(['a', 'b'], { leaderEpoch: 0, producerId: 5n, transactional: true }).marker(5n, true, 1)
    const endOffsets = new Map([
      [0, 2n],
      [1, 3n],
    ])
    peer.on(OffsetForLeaderEpoch, ({ body }) => ({
      topics: body.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, leaderEpoch }) => ({
          partition,
          errorCode: 0,
          leaderEpoch,
          endOffset: endOffsets.get(leaderEpoch) ?? -1n,
        })),
      })),
    }))
    const seekToStart = () => consumer.seek({ topic: 't', partition: 0, offset: 0 })
    const consumer = observed.run({ offsetReset, onAssigned: seekToStart })
    await runtime.advance(6_000)
    expect(observed.values).toEqual(['a', 'b'])
    expect(peer.requests(OffsetCommit).at(-1)?.body.topics[0]?.partitions[0]).toMatchObject({ committedOffset: 3n })

    peer.topics.set('t', { partitions: [{ leader: 1, leaderEpoch: 2 }] })
    await runtime.advance(600_000)
    expect(observed.failure).toBe(undefined)
    expect(observed.resets).toEqual([])
    expect(observed.values).toEqual(['a', 'b'])
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(3n)
  },
)

test('a preferred replica that the metadata does not list causes a pause and a metadata refresh', async () => {
  const observed = new ObservedConsumer()
  const { peer, runtime } = observed
  let fetches = 0
  peer.on(Fetch, () => {
    // A client without a pause would never let the time of this test pass.
    if (++fetches > 1_000) return undefined
    return fetchResponse('t', [fetched({ records: null, end: 1, preferredReadReplica: 7 })])
  })
  observed.run({ rack: 'x' })
  await runtime.advance(50)
  const refreshes = peer.requests(Metadata).length
  await runtime.advance(1_000)
  expect(fetches).toBeLessThan(50)
  expect(peer.requests(Metadata).length).toBeGreaterThan(refreshes)
})

test('records are read from the leader when the preferred replica cannot be reached', async () => {
  const observed = new ObservedConsumer(2)
  const { peer, runtime } = observed
  const records = batchOf(0, ['a'])
  peer.on(Fetch, async ({ body }) => {
    const isAtEnd = (body.topics ?? []).some(({ partitions }) => partitions.some(({ fetchOffset }) => fetchOffset > 0n))
    if (isAtEnd) await new Promise<void>((resolve) => runtime.setTimer(resolve, body.maxWaitMs))
    if (isAtEnd) return fetchResponse('t', [])
    // The selector of the broker chooses the follower for every client that names its rack.
    const prefers = body.rackId !== ''
    return fetchResponse('t', [
      fetched({ records: prefers ? null : records, end: 1, preferredReadReplica: prefers ? 2 : -1 }),
    ])
  })
  peer.stop(2)
  observed.run({ rack: 'x' })
  for (let minute = 0; minute < 10; minute++) await runtime.advance(60_000)
  expect(observed.values).toEqual(['a'])
  const fetchesAMinute = peer.requests(Fetch).length / 10
  expect(fetchesAMinute).toBeLessThan(200)
}, 60_000)
