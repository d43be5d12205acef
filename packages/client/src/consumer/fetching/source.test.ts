import { errorCode, Fetch, type FetchRequest, Metadata } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { batchOf } from '../../../test/support/record-batches.ts'
import type { ScriptedRequest } from '../../../test/support/scripted-broker.ts'
import { type FetchedPartition, fetched, fetchResponse } from '../../../test/support/scripted-log.ts'
import { ScriptedSource, type ScriptedSourceOptions } from '../../../test/support/scripted-source.ts'
import { KafkaError } from '../../errors.ts'

const open: ScriptedSource[] = []

afterEach(async () => {
  for (const scripted of open.splice(0)) expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
})

function scriptedSource(options?: ScriptedSourceOptions): ScriptedSource {
  const scripted = new ScriptedSource(options)
  open.push(scripted)
  return scripted
}

type FetchMade = ScriptedRequest<typeof Fetch>

const requested = ({ topics }: FetchRequest) =>
  (topics ?? []).flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, ...partition })))

/** A partition with an error; without a code only what `more` says. */
function failed(code: Parameters<typeof errorCode>[0] | undefined, more: Partial<FetchedPartition> = {}) {
  const partition = fetched({ records: null, end: 0 })
  return { ...partition, errorCode: code === undefined ? 0 : errorCode(code), ...more }
}

const empty = { errorCode: 0, sessionId: 0, responses: [], nodeEndpoints: [] }

/** Responds to each fetch after its wait, unless a partition of it has something to return. */
function serve(
  { peer, runtime }: ScriptedSource,
  respond: (request: FetchMade, partition: number, offset: number) => FetchedPartition | undefined,
): void {
  peer.on(Fetch, async (request) => {
    const { body } = request
    const found = requested(body).flatMap(({ partition, fetchOffset }) => {
      const part = respond(request, partition, Number(fetchOffset))
      return part === undefined ? [] : [{ ...part, partitionIndex: partition }]
    })
    if (found.length === 0) await new Promise<void>((resolve) => runtime.setTimer(resolve, Math.max(1, body.maxWaitMs)))
    return fetchResponse('t', found)
  })
}

/** One record for each partition, at offset 0. */
const firstRecord = (partition: number, offset: number) =>
  offset === 0 ? fetched({ partitionIndex: partition, records: batchOf(0, [`v${partition}`]), end: 1 }) : undefined

describe('a broker', () => {
  test('that leaves the metadata and comes back at another address serves its partitions again', async () => {
    const scripted = scriptedSource({ nodes: 2 })
    const { peer, runtime } = scripted
    peer.topics.set('t', { partitions: [{ leader: 2 }] })
    let end = 1
    serve(scripted, (_, __, offset) => (offset < end ? fetched({ records: batchOf(offset, ['v']), end }) : undefined))
    scripted.assign('t', [0])
    await runtime.advance(2_000)
    expect(scripted.values).toEqual(['v'])
    peer.stop(2)
    peer.nodes.delete(2)
    peer.topics.set('t', { partitions: [{ leader: -1, leaderEpoch: 1 }] })
    await runtime.advance(60_000)
    const [partition] = scripted.partitions.all
    expect(partition?.trouble?.obstacle).toBe('no-leader')
    peer.start(2, 9555)
    peer.topics.set('t', { partitions: [{ leader: 2, leaderEpoch: 2 }] })
    end = 2
    await runtime.advance(2_500)
    expect(scripted.values).toEqual(['v', 'v'])
    expect(partition?.trouble).toBeUndefined()
  })

  test('that the metadata names as leader without listing it causes refreshes with a pause', async () => {
    const scripted = scriptedSource({ nodes: 2 })
    scripted.peer.topics.set('t', { partitions: [{ leader: 7 }] })
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(5_000)
    expect(await scripted.rateOf(Metadata, 20)).toBeLessThan(3)
    expect(partition?.trouble).toMatchObject({ obstacle: 'no-leader', error: { code: 'LEADER_NOT_AVAILABLE' } })
    serve(scripted, (_, index, offset) => firstRecord(index, offset))
    scripted.peer.start(7)
    await scripted.runtime.advance(2_500)
    expect(scripted.values).toEqual(['v0'])
  })

  test('that fails does not delay the partitions of others, and its pauses grow over new loops', async () => {
    const scripted = scriptedSource({ nodes: 2 })
    const { peer } = scripted
    peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 2 }] })
    serve(scripted, (_, index, offset) => firstRecord(index, offset))
    peer.stop(2)
    const [, second] = scripted.assign('t', [0, 1])
    await scripted.runtime.advance(100)
    expect(scripted.values).toEqual(['v0'])
    await scripted.runtime.advance(10_000)
    expect(second?.trouble).toMatchObject({ obstacle: 'backing-off', error: { code: 'CONNECTION_FAILED' } })
    expect(await scripted.rateOf(Fetch, 20)).toBeLessThan(4)
  })
})

describe('a preferred replica', () => {
  const options = { nodes: 2, source: { rack: 'x' } }

  function preferring(scripted: ScriptedSource, replica: number, ignoresRack = false): void {
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    serve(scripted, ({ nodeId, body }, index, offset) => {
      const isLeader = nodeId === 1
      if (isLeader && (body.rackId !== '' || ignoresRack)) {
        return fetched({ records: null, end: 1, preferredReadReplica: replica })
      }
      return firstRecord(index, offset)
    })
  }

  test('is read until the preference expires', async () => {
    const scripted = scriptedSource({ ...options, kafka: { metadataMaxAgeMs: 60_000 } })
    preferring(scripted, 2)
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(1_000)
    expect(scripted.values).toEqual(['v0'])
    const nodes = scripted.peer.requests(Fetch).map(({ nodeId }) => nodeId)
    expect(nodes.slice(0, 3)).toEqual([1, 2, 2])
    expect(partition?.fetching.preferredId).toBe(2)
    await scripted.runtime.advance(62_000)
    const later = scripted.peer.requests(Fetch).slice(nodes.length)
    expect(later.filter(({ nodeId }) => nodeId === 1)).toHaveLength(1)
    expect(partition?.fetching.preferredId).toBe(2)
  })

  test.each([
    ['that the metadata does not list', 7],
    ['that cannot be reached', 2],
  ])('%s: the leader is read, and named no rack', async (_, replica) => {
    const scripted = scriptedSource(options)
    preferring(scripted, replica)
    scripted.peer.stop(2)
    scripted.assign('t', [0])
    await scripted.runtime.advance(3_000)
    expect(scripted.values).toEqual(['v0'])
    expect(await scripted.rateOf(Fetch, 600)).toBeLessThan(3)
    expect(await scripted.rateOf(Metadata, 60)).toBeLessThan(0.2)
  })

  test('that a broker names for ever, whatever the rack, causes few fetches', async () => {
    const scripted = scriptedSource(options)
    preferring(scripted, 7, true)
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(5_000)
    expect(await scripted.rateOf(Fetch, 60)).toBeLessThan(3)
    expect(partition?.trouble).toMatchObject({ obstacle: 'backing-off', error: { code: 'REPLICA_NOT_AVAILABLE' } })
  })

  test('that lags behind does not decide that the offset is out of range', async () => {
    const scripted = scriptedSource(options)
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    serve(scripted, ({ nodeId, body }, index, offset) => {
      if (nodeId === 2) return failed('OFFSET_OUT_OF_RANGE')
      if (body.rackId !== '') return fetched({ records: null, end: 1, preferredReadReplica: 2 })
      return firstRecord(index, offset)
    })
    scripted.assign('t', [0])
    await scripted.runtime.advance(1_000)
    expect(scripted.calls).toEqual(['epoch 0 t0'])
    expect(scripted.values).toEqual(['v0'])
  })
})

describe('a leader hint', () => {
  const hint = (leaderId: number, leaderEpoch: number) =>
    failed('NOT_LEADER_OR_FOLLOWER', { currentLeader: { leaderId, leaderEpoch } })

  test('moves the partition without a refresh; the metadata gets the leader once it has confirmed', async () => {
    const scripted = scriptedSource({ nodes: 2 })
    const { peer, cluster } = scripted
    peer.topics.set('t', { partitions: [{ leader: 1, leaderEpoch: 3 }] })
    serve(scripted, ({ nodeId }, index, offset) => (nodeId === 1 ? hint(2, 4) : firstRecord(index, offset)))
    scripted.assign('t', [0])
    await scripted.runtime.advance(50)
    const refreshes = peer.requests(Metadata).length
    await scripted.runtime.advance(1_000)
    expect(scripted.values).toEqual(['v0'])
    expect(peer.requests(Metadata)).toHaveLength(refreshes)
    expect(cluster.partition('t', 0)).toMatchObject({ leader: 2, leaderEpoch: 4 })
    expect(scripted.calls).toEqual(['epoch 3 t0', 'epoch 4 t0'])
    expect(requested(peer.requests(Fetch).at(-1)!.body)[0]?.currentLeaderEpoch ?? 4).toBe(4)
  })

  test('is validated before the records of the new leader count', async () => {
    const scripted = scriptedSource({ nodes: 2 })
    scripted.peer.topics.set('t', { partitions: [{ leader: 1, leaderEpoch: 3 }] })
    serve(scripted, ({ nodeId }, index, offset) => (nodeId === 1 ? hint(2, 4) : firstRecord(index, offset)))
    scripted.react = (call, partition) => {
      if (call === 'epoch 4') partition.obstruct('resolving', undefined, scripted.runtime.monoNow())
    }
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(1_000)
    expect(scripted.values).toEqual([])
    expect(partition?.fetching.offset).toBe(0)
    partition?.resolved()
    scripted.source.ready(partition!)
    await scripted.runtime.advance(100)
    expect(scripted.values).toEqual(['v0'])
  })

  test('with a broker that the metadata does not list is followed by its endpoint', async () => {
    const scripted = scriptedSource({ nodes: 1 })
    const { peer } = scripted
    peer.topics.set('t', { partitions: [{ leader: 1 }] })
    peer.listenAt('broker:9777', 5)
    peer.on(Fetch, async ({ nodeId, body }) => {
      if (nodeId === 1) {
        const nodeEndpoints = [{ nodeId: 5, host: 'broker', port: 9777, rack: null }]
        return { ...fetchResponse('t', [hint(5, 1)]), nodeEndpoints }
      }
      const part = firstRecord(0, Number(requested(body)[0]?.fetchOffset ?? 1))
      if (part === undefined) await new Promise<void>((resolve) => scripted.runtime.setTimer(resolve, body.maxWaitMs))
      return fetchResponse('t', part === undefined ? [] : [part])
    })
    scripted.assign('t', [0])
    await scripted.runtime.advance(100)
    expect(scripted.values).toEqual(['v0'])
  })

  test.each([
    ['is refused by the hinted broker', 2, true],
    ['leads to a broker that cannot be reached', 2, false],
    ['leads to a broker without an address', 9, true],
    ['is not newer', 1, true],
  ])('that %s falls back to the metadata, with pauses', async (why, leaderId, isUp) => {
    const scripted = scriptedSource({ nodes: 2 })
    const { peer, runtime } = scripted
    peer.topics.set('t', { partitions: [{ leader: 1, leaderEpoch: 1 }] })
    let epoch = why === 'is not newer' ? 0 : 2
    let heals = false
    serve(scripted, ({ nodeId }, index, offset) => {
      if (heals && nodeId === 1) return firstRecord(index, offset)
      if (why !== 'is not newer') epoch++
      return hint(nodeId === 1 ? leaderId : 1, epoch)
    })
    if (!isUp) peer.stop(2)
    scripted.assign('t', [0])
    await runtime.advance(10_000)
    expect(await scripted.rateOf(Fetch, 60)).toBeLessThan(4)
    heals = true
    await runtime.advance(3_000)
    expect(scripted.values).toEqual(['v0'])
    expect(scripted.cluster.partition('t', 0)).toMatchObject({ leader: 1, leaderEpoch: 1 })
  })

  test('for 1,000 partitions costs one pass over the metadata', async () => {
    const count = 1_000
    const scripted = scriptedSource({ nodes: 2 })
    const { peer, cluster } = scripted
    const all = Array.from({ length: count }, (_, i) => i)
    peer.topics.set('t', { partitions: all.map(() => ({ leader: 1, leaderEpoch: 1 })) })
    serve(scripted, ({ nodeId }, index, offset) => (nodeId === 1 ? hint(2, 2) : firstRecord(index, offset)))
    let changes = 0
    cluster.onMetadata(() => changes++)
    scripted.assign('t', all)
    await scripted.runtime.advance(400)
    expect(scripted.values).toHaveLength(count)
    expect(changes).toBeLessThan(4)
    expect(peer.requests(Fetch).length).toBeLessThan(8)
  })
})

describe('an error of one partition', () => {
  test.each([
    ['KAFKA_STORAGE_ERROR', 'backing-off'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'no-leader'],
    ['UNKNOWN_TOPIC_ID', 'no-leader'],
    ['UNKNOWN_SERVER_ERROR', 'backing-off'],
    ['TOPIC_AUTHORIZATION_FAILED', 'forbidden'],
    ['UNKNOWN_LEADER_EPOCH', 'backing-off'],
  ] as const)('%s backs off that partition alone, and ends with its first success', async (code, obstacle) => {
    const scripted = scriptedSource()
    scripted.runtime.network.latencyMs = 1
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 1 }] })
    let heals = false
    let next = 0
    serve(scripted, (_, index, offset) => {
      if (index === 0) return heals ? firstRecord(0, offset) : failed(code)
      return offset === next ? fetched({ records: batchOf(next, [`r${next++}`]), end: next }) : undefined
    })
    const [bad, good] = scripted.assign('t', [0, 1])
    await scripted.runtime.advance(200)
    expect(scripted.values.length).toBeGreaterThan(10)
    expect(bad?.trouble).toMatchObject({ obstacle, error: { code } })
    expect(good?.trouble).toBeUndefined()
    next = -1
    await scripted.runtime.advance(5_000)
    expect(await scripted.rateOf(Fetch, 60)).toBeLessThan(8)
    heals = true
    await scripted.runtime.advance(13_000)
    expect(scripted.values.at(-1)).toBe('v0')
    expect(bad?.trouble).toBeUndefined()
  })

  test('a missing right is reported once until it is granted', async () => {
    const scripted = scriptedSource()
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    let isForbidden = true
    serve(scripted, () => (isForbidden ? failed('TOPIC_AUTHORIZATION_FAILED') : undefined))
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(60_000)
    const called = ['epoch 0 t0', 'forbidden TOPIC_AUTHORIZATION_FAILED t0']
    expect(scripted.calls).toEqual(called)
    expect(await scripted.rateOf(Fetch, 100)).toBeLessThan(0.2)
    isForbidden = false
    await scripted.runtime.advance(13_000)
    expect(partition?.trouble).toBeUndefined()
    isForbidden = true
    await scripted.runtime.advance(2_000)
    expect(scripted.calls).toEqual([...called, called[1]])
  })

  test('a permanent error is reported after what was fetched before, and the partition is not fetched again', async () => {
    const scripted = scriptedSource()
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    scripted.holds = true
    serve(scripted, (_, index, offset) => firstRecord(index, offset) ?? failed('UNSUPPORTED_COMPRESSION_TYPE'))
    scripted.assign('t', [0])
    await scripted.runtime.advance(2_000)
    const fetches = scripted.peer.requests(Fetch).length
    expect(scripted.unreadable).toEqual([])
    scripted.deliver()
    expect(scripted.values).toEqual(['v0'])
    expect(scripted.unreadable).toMatchObject([{ code: 'UNSUPPORTED_COMPRESSION_TYPE', topic: 't', partition: 0 }])
    await scripted.runtime.advance(10_000)
    expect(scripted.peer.requests(Fetch)).toHaveLength(fetches)
  })

  test('an offset out of range is reported when everything before it was delivered, and not fetched until then', async () => {
    const scripted = scriptedSource()
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    scripted.holds = true
    serve(scripted, (_, index, offset) => firstRecord(index, offset) ?? failed('OFFSET_OUT_OF_RANGE'))
    scripted.react = (call, partition) => {
      if (call === 'out of range') partition.obstruct('resolving', undefined, scripted.runtime.monoNow())
    }
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(1_000)
    expect(await scripted.rateOf(Fetch, 30)).toBe(0)
    expect(partition?.trouble).toBeUndefined()
    scripted.deliver()
    await scripted.runtime.advance(2_000)
    expect(scripted.values).toEqual(['v0'])
    expect(scripted.calls).toEqual(['epoch 0 t0', 'out of range t0'])
  })
})

describe('a topic', () => {
  const idOf = (name: string) => Buffer.from(name.padEnd(16, '.')).toString('base64url')

  test('that was deleted is not fetched by name while the metadata lacks it; a new one is reported before it is fetched', async () => {
    const scripted = scriptedSource()
    const { peer, runtime } = scripted
    peer.topics.set('t', { topicId: idOf('old'), partitions: [{ leader: 1 }] })
    peer.on(Fetch, async ({ body, version }) => {
      expect(version).toBeGreaterThan(12)
      const topic = peer.topics.get('t')
      const wrong = (body.topics ?? []).filter(({ topicId }) => topicId !== topic?.topicId)
      if (wrong.length === 0) await new Promise<void>((resolve) => runtime.setTimer(resolve, body.maxWaitMs))
      const responses = wrong.map(({ topicId }) => ({ topicId, topic: '', partitions: [failed('UNKNOWN_TOPIC_ID')] }))
      return { ...empty, responses }
    })
    const [partition] = scripted.assign('t', [0], 50)
    await runtime.advance(1_000)
    peer.topics.delete('t')
    await runtime.advance(20_000)
    expect(partition?.trouble).toMatchObject({ obstacle: 'no-leader', error: { code: 'UNKNOWN_TOPIC_ID' } })
    expect(partition?.fetching.topicId).toBe(idOf('old'))
    const fetches = peer.requests(Fetch).length
    scripted.react = (call, { fetching }) => {
      if (call !== 'recreated') return
      expect(fetching.topicId).toBe(idOf('new'))
      partition?.displace('recreated')
    }
    peer.topics.set('t', { topicId: idOf('new'), partitions: [{ leader: 1 }] })
    await runtime.advance(3_000)
    expect(scripted.calls).toEqual(['epoch 0 t0', 'recreated t0'])
    expect(peer.requests(Fetch)).toHaveLength(fetches)
  })

  test('without an id is fetched by name, beside others by their ids', async () => {
    const scripted = scriptedSource()
    const { peer, runtime } = scripted
    const noId = Buffer.alloc(16).toString('base64url')
    peer.topics.set('t', { partitions: [{ leader: 1 }] })
    peer.topics.set('u', { topicId: noId, partitions: [{ leader: 1 }] })
    peer.on(Fetch, async ({ body, version }) => {
      const names = version < 13
      const { partitions = [], topicId = noId } = body.topics?.[0] ?? {}
      const part = partitions[0] === undefined ? undefined : firstRecord(0, Number(partitions[0].fetchOffset))
      if (part === undefined) await new Promise<void>((resolve) => runtime.setTimer(resolve, body.maxWaitMs))
      return {
        ...empty,
        responses: part === undefined ? [] : [{ topic: names ? 'u' : '', topicId, partitions: [part] }],
      }
    })
    scripted.assign('t', [0])
    scripted.assign('u', [0])
    await runtime.advance(1_000)
    expect(scripted.values).toEqual(['v0', 'v0'])
    const versions = new Set(peer.requests(Fetch).map(({ version }) => (version > 12 ? 'ids' : 'names')))
    expect(versions).toEqual(new Set(['ids', 'names']))
  })

  test('that the metadata refuses is reported as forbidden', async () => {
    const scripted = scriptedSource()
    scripted.peer.topics.set('t', { error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] })
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(30_000)
    expect(scripted.calls).toEqual(['forbidden TOPIC_AUTHORIZATION_FAILED t0'])
    expect(partition?.trouble).toMatchObject({ obstacle: 'forbidden', error: { topic: 't' } })
    serve(scripted, (_, index, offset) => firstRecord(index, offset))
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    await scripted.runtime.advance(3_000)
    expect(scripted.values).toEqual(['v0'])
    expect(partition?.trouble).toBeUndefined()
  })
})

describe('requests', () => {
  test('wait for room; a paused partition is not fetched', async () => {
    const scripted = scriptedSource()
    const { peer, budget, source, runtime } = scripted
    peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 1 }] })
    serve(scripted, (_, index, offset) => firstRecord(index, offset))
    budget.isFull = true
    const [paused] = scripted.assign('t', [0, 1])
    paused?.pause(true)
    await runtime.advance(2_000)
    expect(peer.requests(Fetch)).toHaveLength(0)
    budget.isFull = false
    source.wake()
    await runtime.advance(2_000)
    expect(scripted.values).toEqual(['v1'])
  })

  test('include a partition that becomes ready during a long poll immediately, on another connection', async () => {
    const scripted = scriptedSource({ source: { maxWaitMs: 5_000 } })
    const { peer, runtime, source } = scripted
    peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 1 }] })
    serve(scripted, (_, index, offset) => (index === 1 ? firstRecord(index, offset) : undefined))
    const [, late] = scripted.assign('t', [0, 1])
    late?.pause(true)
    await runtime.advance(1_000)
    late?.pause(false)
    source.ready(late!)
    await runtime.advance(10)
    expect(scripted.values).toEqual(['v1'])
    expect(scripted.cluster.connections().map(({ purpose }) => purpose)).toContain('fetch:c/late')
  })

  test('report when a partition was fetched last, although its session omits it', async () => {
    const scripted = scriptedSource()
    scripted.peer.topics.set('t', { partitions: [{ leader: 1 }] })
    let session = 0
    scripted.peer.on(Fetch, async ({ body }) => {
      await new Promise<void>((resolve) => scripted.runtime.setTimer(resolve, body.maxWaitMs))
      return { ...empty, sessionId: ++session && 5 }
    })
    const [partition] = scripted.assign('t', [0])
    await scripted.runtime.advance(10_000)
    expect(scripted.runtime.monoNow() - partition!.fetching.fetchedAtMs).toBeLessThan(600)
  })
})

describe('a change of the metadata for more partitions than one turn handles', () => {
  test('is applied in slices; what is revoked between two of them is skipped, and each is validated in its slice', async () => {
    const scripted = scriptedSource({ nodes: 2, mostPerTurn: 1 })
    const { peer, runtime, source, cluster } = scripted
    const topic = (leader: number, leaderEpoch: number) =>
      peer.topics.set('t', { partitions: [0, 1, 2].map(() => ({ leader, leaderEpoch })) })
    topic(1, 1)
    const assigned = scripted.assign('t', [0, 1, 2])
    await runtime.advance(200)
    expect(scripted.calls).toEqual(['epoch 1 t0', 'epoch 1 t1', 'epoch 1 t2'])
    const applied: number[] = []
    scripted.react = (_, { partition }) => {
      applied.push(partition)
      const last = assigned[2]
      if (partition !== 0 || last === undefined) return
      expect(last.fetching.leaderEpoch, 'not in the same turn').toBe(1)
      scripted.partitions.delete(last)
      last.release(() => new KafkaError('ABORTED', 'revoked'))
      source.remove([last])
    }
    topic(2, 2)
    await Promise.all([cluster.refreshMetadata('test', ['t']), runtime.advance(1_000)])
    expect(applied).toEqual([0, 1])
    expect(assigned.map(({ fetching }) => fetching.brokerId)).toEqual([2, 2, 1])
    const isToNewLeader = ({ nodeId }: { nodeId: number }) => nodeId === 2
    const sent = peer.requests(Fetch).filter(isToNewLeader)
    expect(sent.length).toBeGreaterThan(0)
    for (const { body } of sent) {
      expect(body.topics?.flatMap(({ partitions }) => partitions.map(({ partition }) => partition))).not.toContain(2)
    }
  })
})
