import { errorCode, Fetch, type FetchRequest, type FetchResponse, Metadata } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { batchOf } from '../../../test/support/record-batches.ts'
import { type FetchedPartition, fetched, fetchResponse } from '../../../test/support/scripted-log.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'

type Response = ReturnType<typeof fetchResponse>
type Requested = NonNullable<FetchRequest['topics']>[number]['partitions'][number]

const part = (partition: number, more: Partial<FetchedPartition>): FetchedPartition => {
  return { ...fetched({ partitionIndex: partition, records: null, end: 9 }), ...more }
}

const currentLeader = (leaderId: number, leaderEpoch: number) => ({ currentLeader: { leaderId, leaderEpoch } })

const errors = [
  'OFFSET_OUT_OF_RANGE',
  'CORRUPT_MESSAGE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'OFFSET_NOT_AVAILABLE',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNKNOWN_SERVER_ERROR',
] as const

const sessionErrors = [
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'FETCH_SESSION_TOPIC_ID_ERROR',
  'UNKNOWN_TOPIC_ID',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
] as const

let epoch = 1

/** What a broker may return for one partition without a record of it. */
const parts: Record<string, (requested: Requested) => FetchedPartition> = {
  nothing: ({ partition }) => part(partition, {}),
  'an unlisted replica': ({ partition }) => part(partition, { preferredReadReplica: 77 }),
  'a listed replica': ({ partition }) => part(partition, { preferredReadReplica: 2 }),
  itself: ({ partition }) => part(partition, { preferredReadReplica: 1 }),
  'another partition': () => part(1_000, {}),
  'records before the position': ({ partition }) => part(partition, { records: batchOf(0, ['a']) as never }),
  'half a batch': ({ partition }) => part(partition, { records: batchOf(5, ['a']).subarray(0, 50) as never }),
  'a batch of length 0': ({ partition }) => part(partition, { records: Buffer.alloc(70) as never }),
  'a newer leader, another one each time': ({ partition }) =>
    part(partition, { errorCode: errorCode('NOT_LEADER_OR_FOLLOWER'), ...currentLeader(1 + (epoch % 2), ++epoch) }),
  'a newer leader without an address': ({ partition }) =>
    part(partition, { errorCode: errorCode('FENCED_LEADER_EPOCH'), ...currentLeader(99, ++epoch) }),
  ...Object.fromEntries(
    errors.map((name) => [name, ({ partition }: Requested) => part(partition, { errorCode: errorCode(name) })]),
  ),
}

const requestedOf = (body: FetchRequest) => (body.topics ?? []).flatMap(({ partitions }) => partitions)

const wholes: Record<string, () => Response> = {
  'no partition': () => fetchResponse('t', []),
  'another topic': () => fetchResponse('other', [part(0, {})]),
  'a new session each time': () => ({ ...fetchResponse('t', []), sessionId: ++epoch }),
  ...Object.fromEntries(
    sessionErrors.map((name) => [name, () => ({ ...fetchResponse('t', []), errorCode: errorCode(name) })]),
  ),
}

/** Two brokers that respond immediately, and partitions at offset 5 on both of them. */
async function rates(
  respond: (body: FetchRequest) => Partial<FetchResponse>,
  source: Partial<ConstructorParameters<typeof ScriptedSource>[0]> = {},
): Promise<{ fetches: number; refreshes: number }> {
  const scripted = new ScriptedSource({ nodes: 2, ...source })
  const { peer } = scripted
  peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 2 }, { leader: 1 }, { leader: 1 }] })
  let sent = 0
  // A client without pauses would never let the time of the test pass.
  peer.on(Fetch, ({ body }) =>
    ++sent > 5_000 ? undefined : ({ ...fetchResponse('t', []), ...respond(body) } as never),
  )
  scripted.assign('t', [0, 1, 2, 3], 5)
  await scripted.runtime.advance(1_000)
  expect(peer.requests(Fetch).length).toBeLessThan(60)
  const startedWith = peer.requests(Metadata).length
  const fetches = await scripted.rateOf(Fetch, 10)
  const refreshes = (peer.requests(Metadata).length - startedWith) / 10
  expect(scripted.calls.filter((call) => call.startsWith('fatal'))).toEqual([])
  await scripted.close()
  return { fetches, refreshes }
}

describe('a broker that responds immediately and without records receives few fetches', () => {
  test.each(Object.keys(parts))('partition: %s', async (kind) => {
    const found = await rates((body) => fetchResponse('t', requestedOf(body).map(parts[kind]!)))
    expect(found.fetches).toBeLessThan(25)
    expect(found.refreshes).toBeLessThan(5)
  })

  test.each(Object.keys(wholes))('response: %s', async (kind) => {
    const found = await rates(wholes[kind]!)
    expect(found.fetches).toBeLessThan(12)
    expect(found.refreshes).toBeLessThan(5)
  })

  test.each([0, 1, 2, 3, 4])('anything, in random order: seed %i', async (seed) => {
    let state = seed + 1
    const random = (below: number) => {
      state = (state * 48_271) % 0x7fffffff
      return state % below
    }
    const kinds = Object.values(parts)
    const all = Object.values(wholes)
    const found = await rates((body) => {
      if (random(8) === 0) return all[random(all.length)]!()
      const some = requestedOf(body).filter(() => random(4) > 0)
      return fetchResponse(
        't',
        some.map((requested) => kinds[random(kinds.length)]!(requested)),
      )
    })
    expect(found.fetches).toBeLessThan(40)
    expect(found.refreshes).toBeLessThan(11)
  })

  test.each([
    ['minBytes 0', { minBytes: 0 }],
    ['maxWaitMs 0', { maxWaitMs: 0 }],
    ['a rack', { rack: 'x' }],
  ])('with %s', async (_, source) => {
    const found = await rates((body) => fetchResponse('t', requestedOf(body).map(parts.nothing!)), { source })
    expect(found.fetches).toBeLessThan(25)
  })
})
