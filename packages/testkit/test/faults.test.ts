import {
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  errorOf,
  Fetch,
  FindCoordinator,
  Heartbeat,
  Metadata,
  OffsetCommit,
  Produce,
  zeroUuid,
} from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCluster, type FaultRule, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster
let client: TopicClient

beforeEach(async () => {
  cluster = await createCluster({ brokers: 1, topics: [{ name: 't', partitions: 2 }, { name: 'u' }] })
  client = await TopicClient.connect(cluster, 't')
})

afterEach(() => cluster.close())

const nameOf = (code: number) => errorOf(code).name
const endOf = (topic: string, partition = 0) => cluster.partition(topic, partition).logEndOffset
const metadataRequest = {
  topics: [{ topicId: zeroUuid, name: 't' }],
  allowAutoTopicCreation: false,
  includeTopicAuthorizedOperations: false,
}

/** One request with records for both partitions of t. */
async function produceBoth(version = Produce.versions.max) {
  const { topics } = await client.wire.request(Metadata, metadataRequest)
  const { responses } = await client.wire.request(
    Produce,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: 't',
          topicId: topics[0]?.topicId ?? '',
          partitionData: [0, 1].map((index) => ({ index, records: batchOf(['a']) })),
        },
      ],
    },
    version,
  )
  const partitions = responses[0]?.partitionResponses ?? []
  return Object.fromEntries(partitions.map(({ index, errorCode }) => [index, nameOf(errorCode)]))
}

describe('an error before the work', () => {
  test.each([3, 9, Produce.versions.max])(
    'is returned for its partition, and the others are served (Produce v%i)',
    async (version) => {
      const match = { api: 'Produce', topic: 't', partition: 1 } as const
      const fault = cluster.faults.add({ match, action: { error: 'NOT_LEADER_OR_FOLLOWER' } })
      expect(await produceBoth(version)).toEqual({ 0: 'NONE', 1: 'NOT_LEADER_OR_FOLLOWER' })
      expect([endOf('t', 0), endOf('t', 1), fault.hits]).toEqual([1, 0, 1])
      expect(await produceBoth(version)).toEqual({ 0: 'NONE', 1: 'NONE' })
    },
  )

  test('ends a long poll immediately', async () => {
    cluster.faults.add({
      match: { api: 'Fetch', topic: 't' },
      trigger: 'always',
      action: { error: 'NOT_LEADER_OR_FOLLOWER' },
    })
    const { errorCode, records } = await client.fetch({ maxWaitMs: 60_000 })
    expect([nameOf(errorCode), records]).toEqual(['NOT_LEADER_OR_FOLLOWER', null])
  })

  test('matches a partition of a fetch session, although the request does not contain it', async () => {
    const { topics } = await client.wire.request(Metadata, metadataRequest)
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0n, partitionMaxBytes: 1024 }))
    const requested = [{ topic: 't', topicId: topics[0]?.topicId ?? '', partitions }]
    const common = { maxWaitMs: 0, minBytes: 1, forgottenTopicsData: [] }
    const { sessionId } = await client.wire.request(Fetch, {
      ...common,
      sessionId: 0,
      sessionEpoch: 0,
      topics: requested,
    })
    cluster.faults.add({
      match: { api: 'Fetch', topic: 't', partition: 1 },
      action: { error: 'NOT_LEADER_OR_FOLLOWER' },
    })
    const next = async (sessionEpoch: number) => {
      const { responses } = await client.wire.request(Fetch, { ...common, sessionId, sessionEpoch, topics: [] })
      return responses.flatMap((topic) => topic.partitions.map((p) => [p.partitionIndex, nameOf(p.errorCode)]))
    }
    expect(sessionId).not.toBe(0)
    expect(await next(1)).toEqual([[1, 'NOT_LEADER_OR_FOLLOWER']])
    expect(await next(2)).toEqual([])
  })

  test('is returned for its topic in metadata, and other topics are unchanged', async () => {
    cluster.faults.add({ match: { api: 'Metadata', topic: 't' }, action: { error: 'LEADER_NOT_AVAILABLE' } })
    const all = { ...metadataRequest, topics: null }
    const { topics } = await client.wire.request(Metadata, all)
    const found = topics.map(({ name, errorCode, partitions }) => [name, nameOf(errorCode), partitions.length])
    expect(found.sort()).toEqual([
      ['t', 'LEADER_NOT_AVAILABLE', 0],
      ['u', 'NONE', 1],
    ])
  })

  test.each([1, 5, 6])('deletes only the other topics (DeleteTopics v%i)', async (version) => {
    cluster.faults.add({ match: { api: 'DeleteTopics', topic: 't' }, action: { error: 'REQUEST_TIMED_OUT' } })
    const topics = ['t', 'u'].map((name) => ({ name, topicId: zeroUuid }))
    const names = version < 6 ? { topicNames: ['t', 'u'] } : { topics }
    const { responses } = await client.wire.request(DeleteTopics, { ...names, timeoutMs: 1000 }, version)
    const found = responses.map(({ name, errorCode }) => [name, nameOf(errorCode)])
    expect(found.sort()).toEqual([
      ['t', 'REQUEST_TIMED_OUT'],
      ['u', 'NONE'],
    ])
    expect(cluster.topics()).toEqual(['t'])
  })

  test('is at the top level of a response about a group', async () => {
    const match = { api: 'Heartbeat', group: 'g' } as const
    const fault = cluster.faults.add({ match, trigger: 'always', action: { error: 'REBALANCE_IN_PROGRESS' } })
    const errorFor = async (groupId: string) => {
      const response = await client.wire.request(Heartbeat, { groupId, generationId: 1, memberId: 'm' })
      return nameOf(response.errorCode)
    }
    expect(await errorFor('g')).toBe('REBALANCE_IN_PROGRESS')
    expect(await errorFor('other')).not.toBe('REBALANCE_IN_PROGRESS')
    expect(fault.hits).toBe(1)
  })

  test('closes the connection where no response is expected', async () => {
    cluster.faults.add({ match: { api: 'Produce' }, action: { error: 'NOT_LEADER_OR_FOLLOWER' } })
    client.send(batchOf(['a']))
    await client.wire.closed
    expect(endOf('t')).toBe(0)
  })
})

describe('an error after the work', () => {
  test('loses the acknowledgement of records', async () => {
    cluster.faults.add({ match: { api: 'Produce' }, action: { errorAfterWork: 'REQUEST_TIMED_OUT' } })
    const { errorCode, baseOffset } = await client.produce(batchOf(['a']))
    expect([nameOf(errorCode), baseOffset, endOf('t')]).toEqual(['REQUEST_TIMED_OUT', -1n, 1])
  })

  test('loses the acknowledgement of a new topic', async () => {
    cluster.faults.add({
      match: { api: 'CreateTopics', topic: 'new' },
      action: { errorAfterWork: 'REQUEST_TIMED_OUT' },
    })
    const topic = { name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    const { topics } = await client.wire.request(CreateTopics, { topics: [topic] })
    expect(topics.map(({ errorCode }) => nameOf(errorCode))).toEqual(['REQUEST_TIMED_OUT'])
    expect(cluster.topics()).toContain('new')
  })

  test.each([2, 9, 10])('loses the acknowledgement of committed offsets (OffsetCommit v%i)', async (version) => {
    cluster.faults.add({
      match: { api: 'OffsetCommit', group: 'g', topic: 't' },
      action: { errorAfterWork: 'REQUEST_TIMED_OUT' },
    })
    const { topics: known } = await client.wire.request(Metadata, metadataRequest)
    await client.wire.request(Metadata, { ...metadataRequest, topics: null })
    await ensureCoordinator('g')
    const partitions = [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }]
    const topics = [{ name: 't', topicId: known[0]?.topicId ?? '', partitions }]
    const body = { groupId: 'g', memberId: '', generationIdOrMemberEpoch: -1, topics }
    const response = await client.wire.request(OffsetCommit, body, version)
    expect(nameOf(response.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe('REQUEST_TIMED_OUT')
    expect(cluster.groups()[0]?.offsets).toEqual([{ topic: 't', partition: 0, offset: 7n }])
  })
})

async function ensureCoordinator(group: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    const { coordinators } = await client.wire.request(FindCoordinator, { keyType: 0, coordinatorKeys: [group] })
    const heartbeat = await client.wire.request(Heartbeat, { groupId: group, generationId: 1, memberId: 'm' })
    if (coordinators[0]?.errorCode === 0 && nameOf(heartbeat.errorCode) === 'UNKNOWN_MEMBER_ID') return
  }
  throw new Error('No coordinator')
}

describe('connections', () => {
  const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }

  test('that lose a response continue with the next', async () => {
    cluster.faults.add({ match: { api: 'Produce' }, action: 'dropResponse' })
    const other = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    const lost = client.produce(batchOf(['a']))
    lost.catch(() => {})
    await cluster.awaitTraffic({ api: 'Produce' })
    expect((await other.request(ApiVersions, software)).errorCode).toBe(0)
    expect(endOf('t')).toBe(1)
  })

  test.each([
    ['close', 0],
    ['closeAfterWork', 1],
    [{ truncateTo: 10 }, 1],
    [{ truncateTo: 0 }, 1],
  ] as const)('end with %j', async (action, logEnd) => {
    cluster.faults.add({ match: { api: 'Produce' }, action })
    await expect(client.produce(batchOf(['a']))).rejects.toThrow()
    expect(endOf('t')).toBe(logEnd)
    expect(cluster.broker(1).connectionCount).toBe(0)
  })

  test('hang until they are closed, while others continue', async () => {
    const fault = cluster.faults.add({ match: { api: 'Produce' }, action: 'hang' })
    const hanging = client.produce(batchOf(['a']))
    await fault.wait(1)
    const other = await TopicClient.connect(cluster, 't')
    expect((await other.produce(batchOf(['b']))).errorCode).toBe(0)
    client.wire.close()
    await expect(hanging).rejects.toThrow()
    expect(endOf('t')).toBe(1)
  })

  test.each(['hang', { delay: '1h' }] as const)('that end with %j leave no timer', async (action) => {
    const standing = cluster.clock.timerCount
    const fault = cluster.faults.add({ match: { api: 'Produce' }, action })
    const hanging = expect(client.produce(batchOf(['a']))).rejects.toThrow()
    await fault.wait(1)
    client.wire.close()
    await hanging
    await eventually(
      () => ({ ...cluster.leaks(), timers: cluster.clock.timerCount }),
      ({ connections, timers }) => connections.length === 0 && timers < standing,
    )
    expect(endOf('t')).toBe(0)
  })

  test('delay a request on the clock of the cluster', async () => {
    const fault = cluster.faults.add({ match: { api: 'Produce' }, action: { delay: '1h' } })
    const delayed = client.produce(batchOf(['a']))
    await fault.wait(1)
    expect(endOf('t')).toBe(0)
    await cluster.clock.advance('1h')
    expect((await delayed).errorCode).toBe(0)
    expect(endOf('t')).toBe(1)
  })

  test('are not read while they are throttled', async () => {
    cluster.faults.add({ match: { api: 'ApiVersions' }, action: { throttle: '30s' } })
    expect((await client.wire.request(ApiVersions, software)).throttleTimeMs).toBe(30_000)
    let hasResponse = false
    const second = client.wire.request(ApiVersions, software).then(() => {
      hasResponse = true
    })
    await cluster.clock.advance('29s')
    expect(hasResponse).toBe(false)
    await cluster.clock.advance('1s')
    await second
  })
})

describe('corruption', () => {
  const isIntact = (records: Uint8Array | null) =>
    new RecordBatchReader(records ?? new Uint8Array(0)).next()?.verifyCrc()

  test('of fetched records changes the response, not the log', async () => {
    await client.produce(batchOf(['a']))
    cluster.faults.add({ match: { api: 'Fetch', topic: 't', partition: 0 }, action: 'corruptCrc' })
    await expect(client.fetch()).rejects.toThrow('corrupt')
    expect(isIntact((await client.fetch()).records)).toBe(true)
  })

  test('of produced records is detected by the broker', async () => {
    cluster.faults.add({ match: { api: 'Produce' }, action: 'corruptCrc' })
    expect(nameOf((await client.produce(batchOf(['a']))).errorCode)).toBe('CORRUPT_MESSAGE')
  })
})

test('stale metadata is from the time when the rule was added', async () => {
  const fault = cluster.faults.add({ match: { api: 'Metadata' }, trigger: 'always', action: 'staleMetadata' })
  await cluster.createTopic({ name: 'late' })
  const names = async () => {
    const { topics } = await client.wire.request(Metadata, { ...metadataRequest, topics: null })
    return topics.map(({ name }) => name).sort()
  }
  expect(await names()).toEqual(['t', 'u'])
  fault.remove()
  expect(await names()).toEqual(['late', 't', 'u'])
})

describe('a trigger', () => {
  const refused = async (trigger: FaultRule['trigger'], count: number) => {
    const action = { error: 'KAFKA_STORAGE_ERROR' } as const
    const fault = cluster.faults.add({ match: { api: 'Produce' }, ...(trigger && { trigger }), action })
    const seen: boolean[] = []
    for (let i = 0; i < count; i++) seen.push((await client.produce(batchOf(['a']))).errorCode !== 0)
    return { refused: seen.flatMap((hit, i) => (hit ? [i + 1] : [])), hits: fault.hits }
  }

  test.each([
    [undefined, [1]],
    ['once', [1]],
    ['always', [1, 2, 3, 4]],
    [{ nth: 3 }, [3]],
    [{ times: 2 }, [1, 2]],
    [{ nth: 2, times: 2 }, [2, 3]],
    [{ probability: 1 }, [1, 2, 3, 4]],
    [{ until: '1h' }, [1, 2, 3, 4]],
    [{ until: 0 }, []],
  ] as const)('%j', async (trigger, expected) => {
    expect(await refused(trigger, 4)).toEqual({ refused: expected, hits: expected.length })
  })

  test('expires on the clock of the cluster', async () => {
    const action = { error: 'KAFKA_STORAGE_ERROR' } as const
    cluster.faults.add({ match: { api: 'Produce' }, trigger: { until: '1m' }, action })
    await cluster.clock.advance('61s')
    expect((await client.produce(batchOf(['a']))).errorCode).toBe(0)
  })
})

test('a predicate receives the whole request', async () => {
  const fault = cluster.faults.add({
    match: { api: 'Produce', when: ({ acks }) => acks === 1 },
    trigger: 'always',
    action: { error: 'KAFKA_STORAGE_ERROR' },
  })
  expect((await client.produce(batchOf(['a']))).errorCode).toBe(0)
  expect((await client.produce(batchOf(['a']), { acks: 1 })).errorCode).not.toBe(0)
  expect(fault.hits).toBe(1)
})

test('waiting for hits fails at a timeout and when the rule is removed', async () => {
  const fault = cluster.faults.add({ match: { api: 'Produce' }, action: 'close' })
  await expect(fault.wait(1, { timeoutMs: 1 })).rejects.toThrow('Fault 1 had 0 hits instead of 1 within 1 ms')
  const waiting = fault.wait(1)
  cluster.faults.clear()
  await expect(waiting).rejects.toThrow('Fault 1 was removed after 0 hits')
  expect(cluster.faults.list()).toEqual([])
})

describe('rejects a rule that', () => {
  test.each([
    [{ match: { api: 'Prodduce' }, action: 'close' }, 'the testkit does not serve "Prodduce", only Produce, Fetch'],
    [
      { match: { api: 'Produce' }, action: { error: 'NO_SUCH' } },
      '\'action.error\' must be the name of a Kafka error, not "NO_SUCH"',
    ],
    [
      { match: { api: 'Produce', version: 99 }, action: 'close' },
      "'match.version' of Produce must be an integer from 3 to 13, not 99",
    ],
    [{ match: { api: 'Produce', group: 'g' }, action: 'close' }, "'match.group': Produce requests have none"],
    [
      { match: { api: 'CreateTopics', partition: 0 }, action: 'close' },
      "'match.partition': CreateTopics requests have none",
    ],
    [{ match: { api: 'Heartbeat', topic: 't' }, action: 'close' }, "'match.topic': Heartbeat requests have none"],
    [{ match: { node: 4 }, action: 'close' }, "'match.node' must be an integer from 1 to 1, not 4"],
    [{ match: { brokr: 1 }, action: 'close' }, "Field 'match' has no field 'brokr', only api"],
    [{ match: {}, action: 'explode' }, "Field 'action' must be 'dropResponse', 'close'"],
    [{ match: {}, action: { delay: 'soon' } }, 'action.delay: "soon" is not a duration'],
    [{ match: {}, action: { error: 'NONE' } }, 'not "NONE"'],
    [{ match: {}, action: { error: 'UNKNOWN_SERVER_ERROR', delay: 1 } }, "Field 'action' must have exactly one of"],
    [{ match: { api: 'Metadata' }, action: 'corruptCrc' }, "'match.api' to be Fetch or Produce"],
    [{ match: { api: 'SaslHandshake' }, action: { throttle: 5 } }, 'SaslHandshake responses have no throttle time'],
    [{ match: {}, trigger: { nth: 0 }, action: 'close' }, "'trigger.nth' must be an integer"],
    [{ match: {}, trigger: { probability: 2 }, action: 'close' }, "'trigger.probability' must be above 0"],
    [{ match: {}, action: { error: 'REQUEST_TIMED_OUT', at: 'top' } }, "'action.at' must be 'response' or 'entities'"],
    [{ match: {}, action: { delay: 1, at: 'response' } }, "'action.at' requires an error"],
    [
      { match: { api: 'Produce' }, action: { error: 'REQUEST_TIMED_OUT', at: 'response' } },
      "'action.at': Produce responses have no errors of 'response'",
    ],
    [
      { match: { api: 'Heartbeat' }, action: { error: 'REQUEST_TIMED_OUT', at: 'entities' } },
      "'action.at': Heartbeat responses have no errors of 'entities'",
    ],
    [{ match: { when: 'x' }, action: 'close' }, "'match.when' must be a function"],
    [null, 'The fault rule must be an object'],
  ])('%j', (rule, problem) => {
    expect(() => cluster.faults.add(rule as FaultRule)).toThrow(problem)
  })
})
