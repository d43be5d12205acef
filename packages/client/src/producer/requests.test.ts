import { errorCode, InitProducerId, Metadata, Produce, type ProduceResponse } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { topicIdOf } from '../../test/support/scripted-broker.ts'
import { ScriptedProducer, type ScriptedProducerOptions } from '../../test/support/scripted-producer.ts'
import { failure } from '../../test/support/settled.ts'
import type { Broker } from '../cluster/broker.ts'
import { Cluster } from '../cluster/cluster.ts'
import { noTopicId } from '../cluster/topology.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { resolveKafkaOptions } from '../options.ts'
import { resolveProducerOptions } from './options.ts'
import { Producer } from './producer.ts'

async function connected(options: ScriptedProducerOptions = {}): Promise<ScriptedProducer> {
  const script = new ScriptedProducer(options)
  await script.connect()
  return script
}

/** The cluster layer of another client, which has the metadata of the topic 't'. */
async function clusterOf({ peer, runtime }: ScriptedProducer): Promise<Cluster> {
  const options = resolveKafkaOptions({ brokers: peer.bootstrap, runtime, logger: silentLogger })
  const cluster = new Cluster(options, new Metrics())
  const known = cluster.awaitTopic('t')
  await runtime.advance(1_000)
  await known
  return cluster
}

/** The second partition of the next response gets an error with a field that no decoder returns. */
function corruptNextProduceResponse(broker: Broker): void {
  const request = broker.request.bind(broker)
  broker.request = async (api, body, options) => {
    const response = await request(api, body, options)
    if (api.name !== Produce.name) return response
    broker.request = request
    const [topic] = (response as unknown as ProduceResponse).responses
    const [first, second] = topic!.partitionResponses
    const broken = { ...second!, errorCode: errorCode('INVALID_RECORD'), recordErrors: null }
    return { ...response, responses: [{ ...topic, partitionResponses: [first, broken] }] }
  }
}

describe('batching', () => {
  test('sends records of one turn in one request, and gathers more while it is in flight', async () => {
    const script = await connected()
    const { producer, runtime } = script
    script.fate = () => 'hold'
    for (let i = 0; i < 10; i++) producer.enqueue({ topic: 't', value: `a${i}` })
    await runtime.settle()
    expect(script.produced()).toHaveLength(1)
    for (let i = 0; i < 10; i++) {
      producer.enqueue({ topic: 't', value: `b${i}` })
      await runtime.settle()
    }
    expect(script.produced()).toHaveLength(1)
    script.reply(script.produced()[0]!)
    await runtime.settle()
    expect(script.produced()).toHaveLength(2)
    script.reply(script.produced()[1]!)
    await runtime.settle()
    expect(script.appended).toHaveLength(2)
    expect(script.values('t')).toHaveLength(20)
    await script.close()
  })

  test('sends full batches without waiting, up to maxInFlight, one of a partition per request', async () => {
    const script = await connected({ maxBatchBytes: 1024, maxInFlight: 3, acks: 1, topics: { t: [1, 1] } })
    const { producer, runtime } = script
    script.fate = () => 'hold'
    for (let i = 0; i < 40; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(400), partition: i % 2 })
    await runtime.settle()
    expect(script.produced()).toHaveLength(3)
    for (const request of script.produced()) {
      const partitions = script.batchesOf(request).map(({ partition }) => partition)
      expect(partitions.sort()).toEqual([0, 1])
    }
    script.reply(script.produced()[0]!)
    await runtime.settle()
    expect(script.produced()).toHaveLength(4)
    await script.close()
  })

  test('keeps a request within maxRequestBytes', async () => {
    const script = await connected({ maxRequestBytes: 4096, topics: { t: [1, 1, 1, 1] } })
    const { producer, runtime } = script
    for (let i = 0; i < 4; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(1500), partition: i })
    await runtime.settle()
    expect(script.produced().map((request) => script.batchesOf(request).length)).toEqual([2, 2])
    script.fate = () => 'hold'
    for (let i = 0; i < 4; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(1500), partition: i })
    await runtime.settle()
    // Both at the same time, although no batch is full: more is waiting than one request carries.
    expect(script.produced()).toHaveLength(4)
    await script.close()
  })

  test('names topics by id from version 13 on, by name before', async () => {
    const script = await connected()
    const { producer, peer, runtime } = script
    const first = producer.send({ topic: 't', value: 'a' })
    await runtime.settle()
    expect((await first).offset).toBe(0n)
    peer.topics.set('old', { topicId: noTopicId, partitions: [{ leader: 1 }] })
    const second = producer.send({ topic: 'old', value: 'a' })
    await runtime.advance(1_000)
    await second
    const [byId, byName] = script.produced()
    expect([byId!.version, byId!.body.topicData[0]!.topicId]).toEqual([13, topicIdOf('t')])
    expect([byName!.version, byName!.body.topicData[0]!.name]).toEqual([12, 'old'])
    await script.close()
  })

  test('lets a small record leave although other partitions of its broker are busy', async () => {
    const script = await connected({
      maxBatchBytes: 2048,
      maxRequestBytes: 4096,
      acks: 1,
      topics: { t: [1, 1, 1, 1] },
    })
    const { producer, runtime } = script
    script.fate = () => 'hold'
    const keepBusy = () => {
      for (let i = 0; i < 60; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(900), partition: i % 3 })
    }
    keepBusy()
    await runtime.settle()
    let settled = false
    void producer.send({ topic: 't', value: 'small', partition: 3 }).then(() => {
      settled = true
    })
    for (let round = 0; round < 12 && !settled; round++) {
      keepBusy()
      script.reply(script.produced()[round]!)
      await runtime.settle()
    }
    expect(settled).toBe(true)
    await script.close()
  })
})

describe('flush and close', () => {
  test('flush waits for all records before it and for none after it', async () => {
    const script = await connected({ nodes: 2, topics: { t: [1], u: [2] } })
    const { producer, runtime } = script
    script.fate = ({ nodeId }) => (nodeId === 2 ? 'hold' : undefined)
    producer.enqueue({ topic: 't', value: 'a' })
    producer.enqueue({ topic: 'later', value: 'b' })
    let flushed = false
    void producer.flush().then(() => {
      flushed = true
    })
    await runtime.settle()
    producer.enqueue({ topic: 'u', value: 'c' })
    await runtime.settle()
    expect(flushed).toBe(false)
    script.setLeaders('later', [1])
    await runtime.advance(1_000)
    expect(script.values('later')).toEqual(['b'])
    expect(flushed).toBe(true)
    await script.close()
  })

  test('close leaves no listener for metadata', async () => {
    const script = await connected()
    const cluster = await clusterOf(script)
    let listeners = 0
    const { onMetadata } = cluster
    cluster.onMetadata = (listener) => {
      const release = onMetadata.call(cluster, listener)
      listeners++
      return () => {
        listeners--
        release()
      }
    }
    const producer = new Producer(cluster, resolveProducerOptions(undefined, 30_000))
    const sent = producer.send({ topic: 't', value: 'a' })
    await script.runtime.settle()
    await sent
    expect(listeners).toBeGreaterThan(0)
    await producer.close()
    expect(listeners).toBe(0)
    await cluster.close()
    await script.close()
  })

  test('close waits, then rejects the rest with its outcome, and leaves nothing behind', async () => {
    const script = await connected({ topics: { t: [1], u: [-1] } })
    const { producer, runtime } = script
    script.fate = () => 'hold'
    const inFlight = failure(producer.send({ topic: 't', value: 'a' }))
    const waiting = failure(producer.send({ topic: 'u', value: 'b' }))
    await runtime.settle()
    const closed = producer.close({ timeoutMs: 1000 })
    expect(producer.close()).toBe(closed)
    await runtime.advance(1000)
    await closed
    expect(await inFlight).toMatchObject({ code: 'CLOSED', outcome: 'unknown' })
    expect(await waiting).toMatchObject({ code: 'CLOSED', outcome: 'not-written' })
    expect(await failure(producer.send({ topic: 't', value: 'c' }))).toMatchObject({ code: 'CLOSED' })
    expect(() => producer.enqueue({ topic: 't', value: 'c' })).toThrow('The producer is closed')
    expect(producer.bufferedBytes).toBe(0)
    script.reply(script.produced()[0]!)
    await runtime.settle()
    await script.close()
  })
})

describe('a response', () => {
  test('that cannot be decoded three times settles its batches, and later batches continue', async () => {
    const script = await connected({ topics: { t: [1, 1] } })
    const { producer, runtime } = script
    let readable = false
    script.fate = (request) => {
      if (readable) return undefined
      const bytes = request.encode({ responses: [] })
      bytes.writeInt32BE(bytes.length - 5, 0)
      request.socket.send(bytes.subarray(0, -1))
      return 'hold'
    }
    const sent = [0, 1, 1].map((partition) => failure(producer.send({ topic: 't', value: 'a', partition })))
    await runtime.advance(5_000)
    for (const error of await Promise.all(sent)) {
      expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', outcome: 'unknown' })
    }
    readable = true
    const next = [0, 1].map((partition) => producer.send({ topic: 't', value: 'b', partition }))
    await runtime.advance(1_000)
    await Promise.all(next)
    expect([script.values('t', 0), script.values('t', 1)]).toEqual([['b'], ['b']])
    await script.close()
  })

  test('that cannot be decoded once does not fail the idempotent batches of its connection', async () => {
    const script = await connected({ topics: { t: [1, 1] } })
    const { producer, runtime } = script
    script.fate = (request, count) => {
      if (count > 1) return undefined
      const bytes = request.encode({ responses: [] })
      bytes.writeInt32BE(bytes.length - 5, 0)
      request.socket.send(bytes.subarray(0, -1))
      return 'hold'
    }
    const sent = [0, 1].map((partition) => producer.send({ topic: 't', value: 'a', partition }))
    await runtime.advance(5_000)
    await Promise.all(sent)
    expect([script.values('t', 0), script.values('t', 1)]).toEqual([['a'], ['a']])
    await script.close()
  })

  test('that makes the client fail half-way settles the rest, and later batches continue', async () => {
    const script = await connected({ topics: { t: [1, 1] } })
    const { runtime } = script
    const cluster = await clusterOf(script)
    const producer = new Producer(cluster, resolveProducerOptions(undefined, 30_000))
    corruptNextProduceResponse(cluster.broker(1)!)
    const good = producer.send({ topic: 't', value: 'a', partition: 0 })
    const sent = [1, 1].map((partition) => failure(producer.send({ topic: 't', value: 'a', partition })))
    await runtime.advance(1_000)
    await good
    for (const error of await Promise.all(sent)) {
      expect(error).toMatchObject({ code: 'INTERNAL_ERROR', outcome: 'unknown' })
    }
    const next = [0, 1].map((partition) => producer.send({ topic: 't', value: 'b', partition }))
    await runtime.advance(1_000)
    await Promise.all(next)
    expect(script.values('t', 0)).toEqual(['a', 'b'])
    expect(script.values('t', 1)).toEqual(['a', 'a', 'b'])
    await producer.close()
    await cluster.close()
    await script.close()
  })

  test('without a partition makes the batch be sent again', async () => {
    const script = await connected()
    script.fate = (_, count) => (count === 1 ? { error: 'NOT_ENOUGH_REPLICAS', fields: { index: 7 } } : undefined)
    const sent = script.producer.send({ topic: 't', value: 'a' })
    await script.runtime.advance(1_000)
    expect((await sent).offset).toBe(0n)
    await script.close()
  })
})

test('a leader that moved causes one metadata refresh; a missing leader causes few, however much is sent', async () => {
  const script = await connected({ topics: { t: [1], headless: [-1] } })
  const { producer, peer, runtime } = script
  const refreshes = () => peer.requests(Metadata).length
  await runtime.advance(10_000)
  script.fate = (_, count) => (count === 1 ? { error: 'NOT_LEADER_OR_FOLLOWER' } : undefined)
  const before = refreshes()
  void producer.send({ topic: 't', value: 'a' })
  await runtime.settle()
  expect(refreshes() - before).toBe(1)
  await runtime.advance(10_000)
  const steady = refreshes()
  for (let i = 0; i < 500; i++) {
    producer.enqueue({ topic: 'headless', value: 'x'.repeat(1000) })
    await runtime.settle()
  }
  expect(refreshes() - steady).toBeLessThanOrEqual(2)
  await runtime.advance(10_000)
  expect(refreshes() - steady).toBeGreaterThan(5)
  expect(refreshes() - steady).toBeLessThan(30)
  await script.close()
})

test('used up epochs cause a request for a new producer id', async () => {
  const script = await connected()
  script.peer.on(InitProducerId, () => ({ errorCode: 0, producerId: 5n, producerEpoch: 0x7fff }))
  script.fate = (_, count) => (count === 1 ? { error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } : undefined)
  const sent = script.producer.send({ topic: 't', value: 'a' })
  await script.runtime.advance(1_000)
  await sent
  expect(script.peer.requests(InitProducerId)).toHaveLength(2)
  expect(script.peer.requests(Produce)).toHaveLength(2)
  await script.close()
})
