import { errorCode, ListOffsets, Metadata, OffsetFetch, OffsetForLeaderEpoch } from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScriptedOffsets } from '../../../test/support/scripted-offsets.ts'
import { failure } from '../../../test/support/settled.ts'
import { isTransient } from '../../error-meaning.ts'
import type { KafkaError } from '../../errors.ts'
import { committedOffsets } from './committed-offsets.ts'
import type { OffsetTask } from './offset-batch.ts'
import { earliestTimestamp, latestTimestamp } from './offset-messages.ts'

let scripted: ScriptedOffsets

beforeEach(() => {
  scripted = new ScriptedOffsets()
})

afterEach(async () => {
  expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
})

const spread = (count: number) => Array.from({ length: count }, (_, i) => 1 + (i % 3))

/** Begins one look-up per partition; transient failures are retried. */
function lookUp(kind: 'committed' | 'earliest' | 'epoch-end', topic: string, partitions: readonly number[]) {
  const found = new Map<number, number>()
  const errors = new Map<number, KafkaError>()
  const tasks = partitions.map((partition): OffsetTask => {
    const listener = {
      found: ({ offset }: { offset: number }) => void found.set(partition, offset),
      failed: (error: KafkaError) => {
        errors.set(partition, error)
        return isTransient(error) ? ('retry' as const) : ('end' as const)
      },
    }
    const { requests } = scripted
    if (kind === 'committed') return requests.committed({ topic, partition }, listener)
    if (kind === 'earliest') return requests.list({ topic, partition }, earliestTimestamp, listener)
    return requests.epochEnd({ topic, partition }, 0, listener)
  })
  return { found, errors, tasks }
}

const indexes = (count: number) => Array.from({ length: count }, (_, partition) => partition)

describe('any number of partitions', () => {
  test('cost one request per broker and kind', async () => {
    scripted.topic('t', spread(1_000))
    for (const partition of indexes(1_000)) {
      Object.assign(scripted.of('t', partition), { start: partition, committed: 7, epochEnds: new Map([[0, [0, 9]]]) })
    }
    await scripted.refresh()
    const kinds = (['committed', 'earliest', 'epoch-end'] as const).map((kind) => lookUp(kind, 't', indexes(1_000)))
    await scripted.runtime.advance(1_000)
    expect(kinds.map(({ found }) => found.size)).toEqual([1_000, 1_000, 1_000])
    expect(kinds.map(({ found }) => found.get(999))).toEqual([7, 999, 9])
    expect(scripted.nodesOf(OffsetFetch)).toEqual([1])
    expect(scripted.nodesOf(ListOffsets).sort()).toEqual([1, 2, 3])
    expect(scripted.nodesOf(OffsetForLeaderEpoch).sort()).toEqual([1, 2, 3])
  })

  test('that are added while a request is in flight share the next one', async () => {
    scripted.topic('t', [1, 1, 1, 1])
    await scripted.refresh()
    let release = () => {}
    scripted.peer.next(ListOffsets, (request) => {
      release = () => request.respond({ topics: [] })
      return undefined
    })
    lookUp('earliest', 't', [0])
    await scripted.runtime.advance(10)
    const others = [1, 2, 3].map((partition) => lookUp('earliest', 't', [partition]))
    await scripted.runtime.advance(1_000)
    expect(scripted.nodesOf(ListOffsets)).toHaveLength(1)
    release()
    await scripted.runtime.advance(10)
    expect(scripted.nodesOf(ListOffsets)).toHaveLength(2)
    expect(others.map(({ found }) => found.size)).toEqual([1, 1, 1])
    await scripted.runtime.advance(1_000)
  })

  test('are looked up in linear time', async () => {
    scripted.topic('t', spread(30_000))
    await scripted.refresh()
    const before = process.cpuUsage()
    const { found } = lookUp('earliest', 't', indexes(30_000))
    await scripted.runtime.advance(100)
    const { user, system } = process.cpuUsage(before)
    expect(found.size).toBe(30_000)
    expect((user + system) / 1_000).toBeLessThan(3_000)
  })

  test('of the same place share an entry, and different queries for it take two requests', async () => {
    scripted.topic('t', [1])
    scripted.of('t', 0).end = 5
    await scripted.refresh()
    const offsets: number[] = []
    const listener = {
      found: ({ offset }: { offset: number }) => void offsets.push(offset),
      failed: () => 'end' as const,
    }
    for (const end of [latestTimestamp, earliestTimestamp, latestTimestamp]) {
      scripted.requests.list({ topic: 't', partition: 0 }, end, listener)
    }
    await scripted.runtime.advance(100)
    expect(offsets).toEqual([5, 5, 0])
    expect(scripted.peer.requests(ListOffsets).map(({ body }) => body.topics[0]!.partitions.length)).toEqual([1, 1])
  })
})

describe('one bad partition', () => {
  beforeEach(async () => {
    scripted.topic('t', spread(100))
    for (const partition of indexes(100)) scripted.of('t', partition).committed = 1
    await scripted.refresh()
  })

  test.each([
    'UNSTABLE_OFFSET_COMMIT',
    'UNKNOWN_TOPIC_ID',
    'TOPIC_AUTHORIZATION_FAILED',
    'UNKNOWN_SERVER_ERROR',
    'missing',
  ] as const)('delays only itself in OffsetFetch (%s)', async (commitError) => {
    scripted.of('t', 3).commitError = commitError
    const { found, errors } = lookUp('committed', 't', indexes(100))
    await scripted.runtime.advance(20)
    expect(found.size).toBe(99)
    expect([...errors.keys()]).toEqual([3])
    expect(errors.get(3)).toMatchObject({ topic: 't', partition: 3 })
    await scripted.runtime.advance(5_000)
    scripted.of('t', 3).commitError = undefined
    await scripted.runtime.advance(2_000)
    expect(found.get(3)).toBe(commitError === 'TOPIC_AUTHORIZATION_FAILED' ? undefined : 1)
  })

  test.each(['OFFSET_NOT_AVAILABLE', 'NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_TOPIC_OR_PARTITION', 'missing'] as const)(
    'delays only itself in ListOffsets and OffsetForLeaderEpoch (%s)',
    async (error) => {
      scripted.of('t', 3).error = error
      const both = [lookUp('earliest', 't', indexes(100)), lookUp('epoch-end', 't', indexes(100))]
      await scripted.runtime.advance(20)
      expect(both.map(({ found }) => found.size)).toEqual([99, 99])
      const requests = scripted.peer.received.length
      await scripted.runtime.advance(10_000)
      // The backoff grows to a second.
      expect(scripted.peer.received.length - requests).toBeLessThan(60)
      scripted.of('t', 3).error = undefined
      await scripted.runtime.advance(2_000)
      expect(both.map(({ found }) => found.size)).toEqual([100, 100])
    },
  )

  test('without a leader waits for one, with one refresh of the metadata per attempt', async () => {
    const leaders = spread(100)
    scripted.topic(
      't',
      leaders.map((leader, i) => (i < 10 ? -1 : leader)),
      undefined,
      1,
    )
    await scripted.refresh()
    const refreshes = scripted.peer.requests(Metadata).length
    const { found, errors } = lookUp('earliest', 't', indexes(100))
    await scripted.runtime.advance(20)
    expect(found.size).toBe(90)
    expect(errors.get(0)).toMatchObject({ code: 'LEADER_NOT_AVAILABLE', topic: 't', partition: 0 })
    await scripted.runtime.advance(10_000)
    expect(scripted.peer.requests(Metadata).length - refreshes).toBeLessThan(20)
    scripted.topic('t', leaders, undefined, 2)
    await scripted.runtime.advance(2_000)
    expect(found.size).toBe(100)
  })

  test('of a topic that does not exist is reported with the code of its metadata', async () => {
    const { errors } = lookUp('earliest', 'gone', [0])
    const { found } = lookUp('earliest', 't', [0])
    await scripted.runtime.advance(1_000)
    expect(errors.get(0)).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'gone', partition: 0 })
    expect(found.size).toBe(1)
  })

  test('whose offset is -1 without an error is looked up again', async () => {
    scripted.of('t', 3).start = -1
    const { found, errors } = lookUp('earliest', 't', [3, 6])
    await scripted.runtime.advance(500)
    expect([...found.keys()]).toEqual([6])
    expect(errors.get(3)).toMatchObject({ code: 'PROTOCOL_ERROR', retriable: true, partition: 3 })
    scripted.of('t', 3).start = 4
    await scripted.runtime.advance(2_000)
    expect(found.get(3)).toBe(4)
  })

  test('ends with a permanent error, the others do not', async () => {
    scripted.of('t', 3).error = 'INVALID_REQUEST'
    const { found, errors } = lookUp('earliest', 't', indexes(100))
    await scripted.runtime.advance(20_000)
    expect(found.size).toBe(99)
    expect(errors.get(3)).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(scripted.nodesOf(ListOffsets)).toHaveLength(3)
  })
})

describe('a silent broker', () => {
  beforeEach(async () => {
    scripted.topic('t', spread(9))
    await scripted.refresh()
    scripted.peer.admit = ({ nodeId, api }) => nodeId !== 2 || api.name !== 'ListOffsets'
  })

  test('delays only its own partitions, with one request in flight', async () => {
    const { found } = lookUp('earliest', 't', indexes(9))
    await scripted.runtime.advance(1_000)
    expect([...found.keys()].sort()).toEqual([0, 2, 3, 5, 6, 8])
    const later = lookUp('earliest', 't', [1, 4, 0])
    await scripted.runtime.advance(20_000)
    expect([...later.found.keys()]).toEqual([0])
    expect(scripted.nodesOf(ListOffsets).filter((id) => id === 2)).toHaveLength(1)
    scripted.peer.admit = () => true
    await scripted.runtime.advance(60_000)
    expect(found.size).toBe(9)
    expect(later.found.size).toBe(3)
  })

  test('is left as soon as another broker is the leader', async () => {
    const { found } = lookUp('earliest', 't', [1])
    await scripted.runtime.advance(1_000)
    const waiting = lookUp('earliest', 't', [4])
    await scripted.runtime.advance(1_000)
    scripted.topic('t', [1, 3, 3, 1, 3], undefined, 1)
    await scripted.refresh()
    expect(found.size).toBe(1)
    expect(waiting.found.size).toBe(1)
  })
})

describe('the coordinator', () => {
  test.each(['NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'] as const)(
    'is requested again after %s',
    async (code) => {
      scripted.topic('t', [1, 2])
      Object.assign(scripted.of('t', 0), { committed: 3 })
      await scripted.refresh()
      scripted.peer.next(OffsetFetch, ({ body }) => {
        scripted.peer.coordinatorId = 2
        return { groups: body.groups.map(({ groupId }) => ({ groupId, errorCode: errorCode(code), topics: [] })) }
      })
      const { found } = lookUp('committed', 't', [0, 1])
      await scripted.runtime.advance(2_000)
      expect(found).toEqual(
        new Map([
          [0, 3],
          [1, -1],
        ]),
      )
      expect(scripted.nodesOf(OffsetFetch)).toEqual([1, code === 'NOT_COORDINATOR' ? 2 : 1])
    },
  )

  test('that is silent is looked up again after the timeout', async () => {
    scripted.topic('t', [1])
    await scripted.refresh()
    scripted.peer.admit = ({ nodeId, api }) => nodeId !== 1 || api.name !== 'OffsetFetch'
    const { found } = lookUp('committed', 't', [0])
    await scripted.runtime.advance(1_000)
    scripted.peer.coordinatorId = 3
    await scripted.runtime.advance(40_000)
    expect(found.get(0)).toBe(-1)
  })

  test('receives topic ids, except for topics without one, which take a request apart', async () => {
    scripted.topic('t', [1])
    await scripted.refresh()
    const found: number[] = []
    const listener = {
      found: ({ offset }: { offset: number }) => void found.push(offset),
      failed: () => 'end' as const,
    }
    scripted.of('gone', 0).committed = 5
    for (const topic of ['t', 'gone']) scripted.requests.committed({ topic, partition: 0 }, listener)
    await scripted.runtime.advance(100)
    expect(found).toEqual([-1, 5])
    expect(scripted.peer.requests(OffsetFetch).map(({ version }) => version)).toEqual([10, 9])
  })
})

describe('the end', () => {
  test('a cancelled task has no outcome', async () => {
    scripted.topic('t', [1, 1])
    await scripted.refresh()
    const { found, tasks } = lookUp('earliest', 't', [0, 1])
    tasks[0]!.cancel()
    await scripted.runtime.advance(100)
    expect([...found.keys()]).toEqual([1])
  })

  test('closing leaves no timer, with requests in flight and retries waiting', async () => {
    scripted.topic('t', [1, 2, -1])
    await scripted.refresh()
    scripted.peer.admit = ({ nodeId }) => nodeId !== 2
    const { found } = lookUp('earliest', 't', [0, 1, 2])
    await scripted.runtime.advance(150)
    expect(found.size).toBe(1)
  })
})

describe('committed offsets of a call', () => {
  const place = (partition: number) => ({ topic: 't', partition })
  const committed = (partitions: readonly number[], options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
    committedOffsets(scripted.requests, scripted.cluster, partitions.map(place), {
      closing: scripted.closing.signal,
      ...options,
    })

  beforeEach(async () => {
    scripted.topic('t', [1, 2, 3])
    Object.assign(scripted.of('t', 1), { committed: 8, committedEpoch: 2 })
    await scripted.refresh()
  })

  test('come in the order of the partitions, those named twice too', async () => {
    const call = committed([2, 1, 1])
    await scripted.runtime.advance(100)
    expect(await call).toEqual([
      { topic: 't', partition: 2, offset: -1, leaderEpoch: -1, metadata: '' },
      { topic: 't', partition: 1, offset: 8, leaderEpoch: 2, metadata: '' },
      { topic: 't', partition: 1, offset: 8, leaderEpoch: 2, metadata: '' },
    ])
    expect(scripted.nodesOf(OffsetFetch)).toHaveLength(1)
  })

  test('reject with the first permanent error, which names its partition', async () => {
    scripted.of('t', 2).commitError = 'TOPIC_AUTHORIZATION_FAILED'
    const call = failure(committed([1, 2]))
    await scripted.runtime.advance(100)
    expect(await call).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED', topic: 't', partition: 2 })
  })

  test('reject at the deadline with the last failure', async () => {
    scripted.of('t', 2).commitError = 'UNSTABLE_OFFSET_COMMIT'
    const call = failure(committed([1, 2], { timeoutMs: 3_000 }))
    await scripted.runtime.advance(3_000)
    expect(await call).toMatchObject({ code: 'TIMED_OUT', topic: 't', partition: 2, retriable: true })
    expect((await call).cause).toMatchObject({ code: 'UNSTABLE_OFFSET_COMMIT' })
  })

  test('reject when the caller aborts, and when the consumer closes', async () => {
    scripted.peer.admit = ({ api }) => api.name !== 'OffsetFetch'
    const controller = new AbortController()
    const aborted = failure(committed([1], { signal: controller.signal }))
    const closed = failure(committed([1]))
    await scripted.runtime.advance(100)
    controller.abort()
    expect((await aborted).code).toBe('ABORTED')
    scripted.closing.abort(new Error('closed'))
    expect((await closed).code).toBe('ABORTED')
  })
})
