import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  DescribeProducers,
  DescribeTransactions,
  EndTxn,
  errorOf,
  Fetch,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  ListTransactions,
  Metadata,
  OffsetFetch,
  Produce,
  TxnOffsetCommit,
  zeroUuid,
} from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

const transactionalId = 'tx'

interface Producer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

let cluster: TestCluster
let clients: WireClient[] = []
let topicId = ''

beforeEach(async () => {
  cluster = await createCluster({
    brokers: 3,
    topics: [{ name: 't', partitions: 1, replicationFactor: 3 }],
    config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 10, 'broker.session.timeout.ms': 10 },
  })
  const wire = await open(cluster.bootstrap[0])
  const { topics } = await wire.request(Metadata, {
    topics: [{ topicId: zeroUuid, name: 't' }],
    includeTopicAuthorizedOperations: false,
  })
  topicId = topics[0]?.topicId ?? ''
})

afterEach(async () => {
  for (const client of clients) client.close()
  clients = []
  await cluster.close()
})

async function open(address = ''): Promise<WireClient> {
  const wire = await WireClient.connect(cluster.runtime, address)
  clients.push(wire)
  return wire
}

const leader = (): Promise<WireClient> => open(cluster.bootstrap[cluster.partition('t', 0).leader - 1])
const name = (code = -1) => errorOf(code).name

/** Repeats a request until the response is from the right broker. */
async function until<T>(send: () => Promise<T>, isRight: (response: T) => boolean): Promise<T> {
  for (let turn = 0; turn < 500; turn++) {
    const response = await send().catch(() => undefined)
    if (response !== undefined && isRight(response)) return response
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error('No valid response')
}

async function coordinator(keyType = 1, key = transactionalId): Promise<WireClient> {
  const up = cluster.brokers.find(({ isUp }) => isUp)
  const wire = await open(`${up?.host}:${up?.port}`)
  const { coordinators } = await until(
    () => wire.request(FindCoordinator, { keyType, coordinatorKeys: [key] }),
    (response) => {
      const id = response.coordinators[0]?.nodeId ?? -1
      return response.coordinators[0]?.errorCode === 0 && cluster.broker(id).isUp
    },
  )
  return open(`${coordinators[0]?.host}:${coordinators[0]?.port}`)
}

async function init(wire: WireClient, { known, timeoutMs = 60_000 }: { known?: Producer; timeoutMs?: number } = {}) {
  const isLater = (code: number) => !['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'].includes(name(code))
  const body = { transactionalId, transactionTimeoutMs: timeoutMs, ...known }
  return until(
    () => wire.request(InitProducerId, body),
    ({ errorCode }) => isLater(errorCode),
  )
}

async function write(wire: WireClient, producer: Producer, value: string, { baseSequence = 0, version = 13 } = {}) {
  const records = batchOf([value], { ...producer, baseSequence, transactional: true })
  const topicData = [{ name: 't', topicId, partitionData: [{ index: 0, records }] }]
  const body = { transactionalId, acks: -1, timeoutMs: 5000, topicData }
  const { responses } = await wire.request(Produce, body, version)
  return name(responses[0]?.partitionResponses[0]?.errorCode)
}

const end = (wire: WireClient, producer: Producer, committed: boolean, version = 5) =>
  wire.request(EndTxn, { transactionalId, ...producer, committed }, version)

const state = async (wire: WireClient) => {
  const { transactionStates } = await wire.request(DescribeTransactions, { transactionalIds: [transactionalId] })
  return transactionStates[0]?.transactionState ?? ''
}

async function fetch(wire: WireClient, { isolationLevel = 1, maxWaitMs = 0 } = {}) {
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }]
  const topics = [{ topic: 't', topicId, partitions }]
  const body = { maxWaitMs, minBytes: 1, isolationLevel, topics, forgottenTopicsData: [] }
  const found = (await wire.request(Fetch, body)).responses[0]?.partitions[0]
  const kinds: string[] = []
  const reader = new RecordBatchReader(found?.records ?? new Uint8Array(0))
  for (let batch = reader.next(); batch; batch = reader.next()) kinds.push(batch.isControl ? 'marker' : 'data')
  return { kinds, lastStableOffset: found?.lastStableOffset, aborted: found?.abortedTransactions }
}

const latest = async (wire: WireClient, isolationLevel: number) => {
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1n }] }]
  return (await wire.request(ListOffsets, { replicaId: -1, isolationLevel, timeoutMs: 1000, topics })).topics[0]
    ?.partitions[0]?.offset
}

describe('a transaction of KIP-890', () => {
  test('is invisible until it is committed, and raises the epoch', async () => {
    const [wire, data] = [await coordinator(), await leader()]
    const producer = await init(wire)
    expect(await write(data, producer, 'a')).toBe('NONE')
    expect(await state(wire)).toBe('Ongoing')
    expect(await fetch(data)).toMatchObject({ kinds: [], lastStableOffset: 0n, aborted: [] })
    expect(await fetch(data, { isolationLevel: 0 })).toMatchObject({ kinds: ['data'] })
    expect([await latest(data, 1), await latest(data, 0)]).toEqual([0n, 1n])
    const held = fetch(await leader(), { maxWaitMs: 10_000 })
    const ended = await end(wire, producer, true)
    expect(ended).toMatchObject({ errorCode: 0, producerId: producer.producerId, producerEpoch: 1 })
    expect((await held).kinds[0]).toBe('data')
    await until(
      () => state(wire),
      (each) => each === 'CompleteCommit',
    )
    expect(await fetch(data)).toEqual({ kinds: ['data', 'marker'], lastStableOffset: 2n, aborted: [] })
    // After a lost response, the repeated request gets the same response; a late record is rejected.
    expect(await end(wire, producer, true)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
    expect(await write(data, producer, 'late', { baseSequence: 1 })).toBe('INVALID_PRODUCER_EPOCH')
    expect(await write(data, ended, 'b')).toBe('NONE')
  })

  test('is listed as aborted after an abort', async () => {
    const [wire, data] = [await coordinator(), await leader()]
    const producer = await init(wire)
    await write(data, producer, 'a')
    expect(name((await end(wire, producer, false)).errorCode)).toBe('NONE')
    await until(
      () => state(wire),
      (each) => each === 'CompleteAbort',
    )
    const { producerId } = producer
    const aborted = [{ producerId, firstOffset: 0n }]
    expect(await fetch(data)).toEqual({ kinds: ['data', 'marker'], lastStableOffset: 2n, aborted })
    const { topics } = await data.request(DescribeProducers, { topics: [{ name: 't', partitionIndexes: [0] }] })
    const active = { producerId, producerEpoch: 1, lastSequence: -1, currentTxnStartOffset: -1n }
    expect(topics[0]?.partitions[0]?.activeProducers).toMatchObject([active])
  })

  test('is aborted after its timeout', async () => {
    const [wire, data] = [await coordinator(), await leader()]
    const producer = await init(wire, { timeoutMs: 1 })
    await write(data, producer, 'a')
    await until(
      () => state(wire),
      (each) => each === 'CompleteAbort',
    )
    expect(await write(data, producer, 'b', { baseSequence: 1 })).toBe('INVALID_PRODUCER_EPOCH')
    expect(name((await end(wire, { ...producer, producerEpoch: 9 }, true)).errorCode)).toBe('PRODUCER_FENCED')
  })

  test('is aborted by the next producer with the same id', async () => {
    const [wire, data] = [await coordinator(), await leader()]
    const first = await init(wire)
    await write(data, first, 'a')
    expect(name((await init(wire)).errorCode)).toBe('CONCURRENT_TRANSACTIONS')
    const second = await until(
      () => init(wire),
      ({ errorCode }) => errorCode === 0,
    )
    expect(second.producerEpoch).toBeGreaterThan(first.producerEpoch)
    expect(name((await end(wire, first, true)).errorCode)).toBe('PRODUCER_FENCED')
    expect(name((await init(wire, { known: first })).errorCode)).toBe('PRODUCER_FENCED')
    const { transactionStates } = await wire.request(
      ListTransactions,
      { stateFilters: ['Empty', 'x'], producerIdFilters: [] },
      1,
    )
    expect(transactionStates).toMatchObject([{ transactionalId, transactionState: 'Empty' }])
  })

  test('survives the death of its coordinator', async () => {
    let wire = await coordinator()
    const producer = await init(wire)
    expect(await write(await leader(), producer, 'a')).toBe('NONE')
    const { coordinators } = await wire.request(FindCoordinator, { keyType: 1, coordinatorKeys: [transactionalId] })
    const dead = coordinators[0]?.nodeId ?? -1
    await cluster.broker(dead).kill()
    await eventually(
      () => cluster.partition('t', 0).leader,
      (id) => id !== dead && id > 0,
    )
    const up = cluster.brokers.find(({ isUp }) => isUp)
    const other = await open(`${up?.host}:${up?.port}`)
    const found = await until(
      () => other.request(FindCoordinator, { keyType: 1, coordinatorKeys: [transactionalId] }),
      (response) => ![-1, dead].includes(response.coordinators[0]?.nodeId ?? -1),
    )
    wire = await open(`${found.coordinators[0]?.host}:${found.coordinators[0]?.port}`)
    const ended = await until(
      () => end(wire, producer, true),
      ({ errorCode }) => errorCode === 0,
    )
    expect(ended.producerEpoch).toBe(1)
    await until(
      () => state(wire),
      (each) => each === 'CompleteCommit',
    )
    expect((await fetch(await leader())).kinds).toEqual(['data', 'marker'])
  })

  test('commits offsets', async () => {
    const [wire, groups] = [await coordinator(), await coordinator(0, 'g')]
    const producer = await init(wire)
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: null }] }]
    const commit = await until(
      () => groups.request(TxnOffsetCommit, { transactionalId, groupId: 'g', ...producer, topics }),
      (response) => name(response.topics[0]?.partitions[0]?.errorCode) === 'NONE',
    )
    expect(commit.topics).toHaveLength(1)
    const offset = async (requireStable: boolean) => {
      const wanted = [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }]
      const response = await groups.request(OffsetFetch, { groups: wanted, requireStable }, 9)
      const found = response.groups[0]?.topics[0]?.partitions[0]
      return [name(found?.errorCode), found?.committedOffset]
    }
    expect(await offset(true)).toEqual(['UNSTABLE_OFFSET_COMMIT', -1n])
    expect(await offset(false)).toEqual(['NONE', -1n])
    await end(wire, producer, true)
    await until(
      () => state(wire),
      (each) => each === 'CompleteCommit',
    )
    expect(await offset(true)).toEqual(['NONE', 7n])
  })
})

describe('a transaction of older clients', () => {
  test('requires added partitions', async () => {
    const [wire, data] = [await coordinator(), await leader()]
    const producer = await init(wire)
    expect(await write(data, producer, 'a', { version: 10 })).toBe('INVALID_TXN_STATE')
    expect(await write(data, producer, 'a', { version: 11 })).toBe('TRANSACTION_ABORTABLE')
    const add = async (version: number, epoch = producer.producerEpoch, topic = 't') => {
      const body = {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: epoch,
        v3AndBelowTopics: [{ name: topic, partitions: [0] }],
      }
      const { resultsByTopicV3AndBelow } = await wire.request(AddPartitionsToTxn, body as never, version)
      return name(resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode)
    }
    expect([await add(3, 9), await add(1, 9)]).toEqual(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'])
    expect(await add(3, 0, 'none')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await add(3)).toBe('NONE')
    expect(await write(data, producer, 'a', { version: 11 })).toBe('NONE')
    const ended = await end(wire, producer, true, 4)
    expect(name(ended.errorCode)).toBe('NONE')
    await until(
      () => state(wire),
      (each) => each === 'CompleteCommit',
    )
    // The epoch does not rise: KIP-890 fixes this flaw.
    expect(name((await end(wire, producer, true, 4)).errorCode)).toBe('NONE')
    expect(name((await end(wire, producer, false, 4)).errorCode)).toBe('INVALID_TXN_STATE')
    expect(await fetch(data)).toMatchObject({ kinds: ['data', 'marker'], aborted: [] })
  })

  test('adds a group with AddOffsetsToTxn', async () => {
    await coordinator(0, 'g')
    const wire = await coordinator()
    const producer = await init(wire)
    const added = await until(
      () => wire.request(AddOffsetsToTxn, { transactionalId, ...producer, groupId: 'g' }),
      ({ errorCode }) => name(errorCode) !== 'CONCURRENT_TRANSACTIONS',
    )
    expect(name(added.errorCode)).toBe('NONE')
    expect(await state(wire)).toBe('Ongoing')
  })

  test('rejects invalid requests', async () => {
    const wire = await coordinator()
    const stranger = { producerId: 99n, producerEpoch: 0 }
    expect(name((await end(wire, stranger, true)).errorCode)).toMatch(/INVALID_PRODUCER_ID_MAPPING|COORDINATOR_LOAD/)
    expect(name((await init(wire, { timeoutMs: 0 })).errorCode)).toBe('INVALID_TRANSACTION_TIMEOUT')
    const producer = await init(wire)
    expect(name((await end(wire, stranger, true)).errorCode)).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect(name((await end(wire, producer, true)).errorCode)).toBe('INVALID_TXN_STATE')
    expect(await end(wire, producer, false)).toMatchObject({ errorCode: 0, producerEpoch: 1 })
  })
})
