import {
  CreateTopics,
  DeleteGroups,
  type ErrorName,
  errorCode,
  FindCoordinator,
  ListGroups,
  ListOffsets,
  Metadata,
  OffsetCommit,
} from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { topicIdOf } from '../../test/support/scripted-broker.ts'
import { ScriptedKafka } from '../../test/support/scripted-kafka.ts'
import { KafkaError } from '../errors.ts'
import type { Admin } from './admin.ts'
import type { AdminError } from './results.ts'

const open: ScriptedKafka[] = []

function setUp(options: ConstructorParameters<typeof ScriptedKafka>[0] = { nodes: 2 }) {
  const scripted = new ScriptedKafka(options)
  open.push(scripted)
  return { ...scripted, runtime: scripted.runtime, peer: scripted.peer, admin: scripted.kafka.admin() }
}

afterEach(async () => {
  for (const scripted of open.splice(0)) expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
})

/** The error of a call that runs until `ms` have passed. */
async function failure(runtime: ScriptedKafka['runtime'], ms: number, call: Promise<unknown>): Promise<KafkaError> {
  const settled = call.then(
    () => undefined,
    (error: unknown) => error,
  )
  await runtime.advance(ms)
  const error = await settled
  if (!KafkaError.is(error)) throw new Error(`expected a KafkaError, not ${String(error)}`)
  return error
}

const created = (name: string, code: ErrorName) => ({
  topics: [
    {
      name,
      topicId: topicIdOf(name),
      errorCode: errorCode(code),
      errorMessage: null,
      numPartitions: 1,
      replicationFactor: 1,
      configs: null,
    },
  ],
})

describe('a call to the controller', () => {
  test('looks the controller up again when it moved', async () => {
    const { admin, peer, runtime } = setUp()
    peer.on(CreateTopics, ({ nodeId }) => {
      if (nodeId === 2) return created('t', 'NONE')
      peer.controllerId = 2
      return created('t', 'NOT_CONTROLLER')
    })
    const call = admin.createTopics([{ name: 't' }])
    await runtime.advance(1_000)
    expect(await call).toMatchObject([{ name: 't', partitions: 1 }])
    expect(peer.requests(CreateTopics).map(({ nodeId }) => nodeId)).toEqual([1, 2])
    expect(peer.requests(Metadata)).toHaveLength(2)
  })

  test('is not repeated for another error: some topics may have changed', async () => {
    const { admin, peer, runtime } = setUp()
    peer.on(CreateTopics, () => created('t', 'THROTTLING_QUOTA_EXCEEDED'))
    const error = await failure(runtime, 5_000, admin.createTopics([{ name: 't' }]))
    expect(error).toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', topic: 't' })
    expect(error.message).toMatch(/^Creating topics failed \(topic 't', broker 1 at broker:9091\): THROTTLING_QUOTA/)
    expect(peer.requests(CreateTopics)).toHaveLength(1)
  })
})

describe('retries', () => {
  test('are on one level: the error of a call holds the last failure itself', async () => {
    const { admin, runtime } = setUp({ nodes: 1, brokers: ['gone:1'] })
    const error = await failure(runtime, 3_000, admin.listTopics({ timeoutMs: 2_000 }))
    expect(error).toMatchObject({ code: 'TIMED_OUT', cause: { code: 'NO_BROKER_REACHABLE' } })
    expect(error.message).toMatch(/^Listing topics did not succeed within \d+ ms: No broker could be reached/)
    expect(error.message.match(/did not succeed/g)).toHaveLength(1)
  })

  test('use the coordinator that they have while it loads, and look it up again when it moved', async () => {
    const { admin, peer, runtime } = setUp()
    const codes: ErrorName[] = ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'NONE']
    const lookedUp: number[] = []
    peer.on(DeleteGroups, () => {
      lookedUp.push(peer.requests(FindCoordinator).length)
      return { results: [{ groupId: 'g', errorCode: errorCode(codes.shift()!) }] }
    })
    const call = admin.deleteConsumerGroups(['g'])
    await runtime.advance(5_000)
    await call
    expect(lookedUp).toEqual([1, 1, 2])
  })

  test('repeat a commit that found no coordinator for any of its partitions', async () => {
    const { admin, peer, runtime } = setUp()
    const codes: ErrorName[] = ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'NONE']
    peer.on(OffsetCommit, ({ body }) => {
      const code = errorCode(codes.shift()!)
      const partitions = (index: number) => [{ partitionIndex: index, errorCode: code }]
      return { topics: body.topics.map(({ name }) => ({ name, partitions: partitions(0) })) }
    })
    const call = admin.alterConsumerGroupOffsets('g', [{ topic: 't', partition: 0, offset: 5 }])
    await runtime.advance(5_000)
    await call
    expect(peer.requests(OffsetCommit)).toHaveLength(3)
  })
})

describe('listOffsets', () => {
  const query = (topic: string, partition: number) => ({ topic, partition, at: 'latest' }) as const

  test('rejects after topicTimeoutMs for a topic that does not exist', async () => {
    const { admin, peer, runtime } = setUp()
    const error = await failure(runtime, 6_000, admin.listOffsets([query('nowhere', 0)]))
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'nowhere' })
    expect(peer.requests(ListOffsets)).toEqual([])
  })

  test('sends one request per leader, and repeats only the partitions whose leader moved', async () => {
    const { admin, peer, runtime } = setUp()
    peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 2 }, { leader: 1 }] })
    peer.on(ListOffsets, ({ nodeId, body }) => ({
      topics: body.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const moved = partitionIndex === 2 && nodeId === 1
          if (moved) peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 2 }, { leader: 2, leaderEpoch: 1 }] })
          const code = moved ? errorCode('NOT_LEADER_OR_FOLLOWER') : 0
          return { partitionIndex, errorCode: code, timestamp: -1n, offset: BigInt(nodeId), leaderEpoch: 0 }
        }),
      })),
    }))
    const call = admin.listOffsets([query('t', 0), query('t', 1), query('t', 2)])
    await runtime.advance(2_000)
    expect((await call).map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 1n],
      [1, 2n],
      [2, 2n],
    ])
    const sent = peer
      .requests(ListOffsets)
      .map(({ nodeId, body }) => [
        nodeId,
        body.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex)).join(),
      ])
    expect(sent.sort()).toEqual([
      [1, '0,2'],
      [2, '1'],
      [2, '2'],
    ])
  })

  test('reports a partition that the topic does not have next to the offsets of the others', async () => {
    const { admin, peer, runtime } = setUp()
    peer.topics.set('t', { partitions: [{ leader: 1 }] })
    peer.on(ListOffsets, () => {
      const found = { partitionIndex: 0, errorCode: 0, timestamp: -1n, offset: 7n, leaderEpoch: 0 }
      return { topics: [{ name: 't', partitions: [found] }] }
    })
    const error = await failure(runtime, 2_000, admin.listOffsets([query('t', 0), query('t', 4)]))
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect([...(error as AdminError).results.values()]).toMatchObject([{ offset: 7n }, { partition: 4 }])
  })
})

describe('errors', () => {
  test('of several entries are one AdminError, which names each', async () => {
    const { admin, peer, runtime } = setUp()
    peer.on(OffsetCommit, () => ({
      topics: [
        {
          name: 't',
          partitions: [0, 1].map((partitionIndex) => ({
            partitionIndex,
            errorCode: errorCode(partitionIndex === 0 ? 'NONE' : 'UNKNOWN_MEMBER_ID'),
          })),
        },
      ],
    }))
    const offsets = [0, 1].map((partition) => ({ topic: 't', partition, offset: 1n }))
    const error = await failure(runtime, 1_000, admin.alterConsumerGroupOffsets('g', offsets))
    expect(error.message).toBe(
      "Altering the offsets of the group failed for 1 of 2 (topic 't', partition 1: UNKNOWN_MEMBER_ID)",
    )
  })

  test.each<[string, (admin: Admin) => Promise<unknown>]>([
    ['listTopics', (admin) => admin.listTopics()],
    ['request', async (admin) => admin.request(ListGroups, {})],
  ])('%s rejects after close', async (_name, call) => {
    const { admin } = setUp()
    await admin.close()
    await expect(call(admin)).rejects.toMatchObject({ code: 'CLOSED', message: 'The admin client is closed' })
  })

  test('of arguments begin with a capital letter', async () => {
    const { admin } = setUp()
    await expect(admin.createTopics([{ name: '' }])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'Each topic of admin.createTopics() must have a name',
    })
  })
})
