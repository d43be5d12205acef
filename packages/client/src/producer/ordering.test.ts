import { Metadata, Produce } from '@ottla/codec'
import { RecordBatch } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import type { ManualRuntime } from '../../test/support/manual-runtime.ts'
import {
  type ProduceRequest,
  ScriptedProducer,
  type ScriptedProducerOptions,
} from '../../test/support/scripted-producer.ts'
import { failure } from '../../test/support/settled.ts'
import type { Receipt } from './receipt.ts'

const oneRecordABatch = { maxBatchBytes: 1024 }
const filler = 'x'.repeat(600)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A producer that has delivered one record: until then a partition has one batch in flight at a time. */
async function warm(options: ScriptedProducerOptions = {}): Promise<ScriptedProducer> {
  const script = new ScriptedProducer({ kafka: { metadataMaxAgeMs: 1_000 }, ...options })
  await script.connect()
  const sent = script.producer.send({ topic: 't', value: 'warm', partition: 0 })
  await script.runtime.advance(1_000)
  await sent
  script.appended.length = 0
  script.peer.received.length = 0
  return script
}

/** Batches of one record each; the last one is not full and stays behind while others are in flight. */
function sendBatches({ producer }: ScriptedProducer, numbers: readonly number[]): Promise<Receipt>[] {
  return numbers.map((number) => producer.send({ topic: 't', value: `${number} ${filler}`, partition: 0 }))
}

async function hold(script: ScriptedProducer, count: number): Promise<ProduceRequest[]> {
  script.fate = () => 'hold'
  await script.runtime.settle()
  expect(script.produced()).toHaveLength(count)
  return script.produced()
}

const numbersIn = (script: ScriptedProducer) => script.values('t').map((value) => Number.parseInt(value!, 10))

describe('a leader that moves', () => {
  test('gets no batch before those in flight have returned from the old one; then all follow in order', async () => {
    const script = await warm({ ...oneRecordABatch, nodes: 2 })
    const sent = sendBatches(script, upTo(8))
    const requests = await hold(script, 5)
    script.setLeaders('t', [2])
    // A second later it would count as silent.
    await script.runtime.advance(900)
    expect(script.produced()).toHaveLength(5)
    script.fate = () => undefined
    for (const request of requests) script.reply(request, { error: 'NOT_LEADER_OR_FOLLOWER' })
    await script.runtime.settle()
    await Promise.all(sent)
    expect(
      new Set(
        script
          .produced()
          .slice(5)
          .map(({ nodeId }) => nodeId),
      ),
    ).toEqual(new Set([2]))
    expect(numbersIn(script)).toEqual(upTo(8))
    await script.close()
  })

  test('gets those in flight, under their numbers, once the old one has been silent for a second', async () => {
    const script = await warm({ ...oneRecordABatch, nodes: 2, kafka: { metadataMaxAgeMs: 300_000 } })
    const sent = sendBatches(script, upTo(8))
    const requests = await hold(script, 5)
    const before = requests.map((request) => script.batchesOf(request)[0]!.batch.baseSequence)
    script.setLeaders('t', [2])
    const metadata = script.peer.requests(Metadata).length
    script.fate = () => undefined
    await script.runtime.advance(1_500)
    await Promise.all(sent)
    const resent = script.produced().slice(5)
    expect(new Set(resent.map(({ nodeId }) => nodeId))).toEqual(new Set([2]))
    const after = resent.map((request) => script.batchesOf(request)[0]!.batch.baseSequence)
    expect(after.slice(0, 5)).toEqual(before)
    expect(numbersIn(script)).toEqual(upTo(8))
    // One request for all that are silent, and one after the lost connection.
    expect(script.peer.requests(Metadata).length - metadata).toBeLessThanOrEqual(2)
    await script.close()
  })

  test('is looked for each second while a request is silent, whatever the number of requests', async () => {
    const script = await warm({ ...oneRecordABatch, nodes: 2, kafka: { metadataMaxAgeMs: 300_000 } })
    const sent = sendBatches(script, upTo(8))
    const requests = await hold(script, 5)
    const metadata = script.peer.requests(Metadata).length
    await script.runtime.advance(10_500)
    expect(script.peer.requests(Metadata).length - metadata).toBe(10)
    expect(script.produced()).toHaveLength(5)
    script.fate = () => undefined
    for (const request of requests) script.reply(request)
    await script.runtime.settle()
    await Promise.all(sent)
    await script.close()
  })

  test('without idempotence too: nothing is sent to it before the old leader has responded', async () => {
    const script = await warm({ ...oneRecordABatch, idempotent: false, nodes: 2 })
    const sent = sendBatches(script, upTo(4))
    const requests = await hold(script, 3)
    script.setLeaders('t', [2])
    await script.runtime.advance(2_000)
    sent.push(...sendBatches(script, upTo(4)))
    await script.runtime.settle()
    expect(script.produced()).toHaveLength(3)
    script.fate = () => undefined
    for (const request of requests) script.reply(request)
    await script.runtime.settle()
    await Promise.all(sent)
    expect(numbersIn(script)).toEqual([...upTo(4), ...upTo(4)])
    await script.close()
  })

  test('is tried immediately when an error names it (KIP-951)', async () => {
    const script = await warm({ nodes: 3, kafka: {} })
    const fields = { currentLeader: { leaderId: 3, leaderEpoch: 9 } }
    script.fate = ({ nodeId }) => (nodeId === 1 ? { error: 'NOT_LEADER_OR_FOLLOWER', fields } : undefined)
    const sent = script.producer.send({ topic: 't', value: 'a' })
    const startedMs = script.runtime.monoNow()
    await script.runtime.settle()
    await sent
    expect(script.runtime.monoNow()).toBe(startedMs)
    expect(script.produced().map(({ nodeId }) => nodeId)).toEqual([1, 3])
    expect(script.peer.requests(Metadata)).toEqual([])
    await script.close()
  })
})

test('after failures one batch is sent alone: a broker that forgot the producer accepts any sequence number', async () => {
  const script = await warm(oneRecordABatch)
  const sent = sendBatches(script, upTo(6))
  const requests = await hold(script, 5)
  for (const request of requests) script.reply(request, { error: 'NOT_ENOUGH_REPLICAS' })
  for (const attempt of [1, 2]) {
    await script.runtime.advance(2_000)
    expect(script.produced(), 'one in flight until one is acknowledged').toHaveLength(5 + attempt)
    const alone = script.produced().at(-1)!
    expect(script.batchesOf(alone)[0]!.values).toEqual([`0 ${filler}`])
    if (attempt === 2) script.fate = () => undefined
    script.reply(alone, attempt === 1 ? { error: 'NOT_ENOUGH_REPLICAS' } : undefined)
  }
  await script.runtime.advance(5_000)
  await Promise.all(sent)
  expect(numbersIn(script)).toEqual(upTo(6))
  await script.close()
})

test('a new leader gets one batch at a time until it has accepted one: it may have forgotten the producer', async () => {
  const script = await warm({ ...oneRecordABatch, nodes: 2 })
  script.setLeaders('t', [2])
  await script.runtime.advance(1_000)
  const sent = sendBatches(script, upTo(6))
  const [first] = await hold(script, 1)
  script.fate = () => undefined
  script.reply(first!)
  await script.runtime.advance(1_000)
  await Promise.all(sent)
  expect(numbersIn(script)).toEqual(upTo(6))
  await script.close()
})

test('a pause separates the attempts of a batch that fails', async () => {
  const seconds = 10
  const script = await warm()
  script.fate = () => ({ error: 'NOT_ENOUGH_REPLICAS' })
  const sent = script.producer.send({ topic: 't', value: 'a' })
  await script.runtime.advance(seconds * 1_000)
  expect(script.produced().length).toBeGreaterThan(seconds)
  expect(script.produced().length).toBeLessThan(4 * seconds)
  script.fate = () => undefined
  await script.runtime.advance(2_000)
  await sent
  await script.close()
})

/** The chunks that the client hands to its sockets, themselves and not copies. */
function captureWrites(runtime: ManualRuntime): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const { network } = runtime
  runtime.dial = async (target, sink, signal) => {
    const transport = await network.dial(target, sink, signal)
    return {
      write: (written, onFlushed) => {
        chunks.push(...written)
        transport.write(written, onFlushed)
      },
      pause: () => transport.pause(),
      resume: () => transport.resume(),
      destroy: (error) => transport.destroy(error),
    }
  }
  return chunks
}

/** Too large to be copied next to the small fields of a request. */
const large = 'x'.repeat(20_000)

/** The record batches among captured chunks. */
function batchesAmong(chunks: readonly Uint8Array[]): RecordBatch[] {
  const magicAt = 16
  const isBatch = (chunk: Uint8Array) =>
    chunk.length > 61 && chunk[magicAt] === 2 && Buffer.from(chunk).readInt32BE(8) === chunk.length - 12
  return chunks.filter(isBatch).map((chunk) => new RecordBatch(chunk))
}

describe('the buffer of a batch', () => {
  test('is not reused while its bytes wait in a socket, though the batch has expired', async () => {
    const script = new ScriptedProducer({ deliveryTimeoutMs: 1000, topics: { a: [1], b: [2] }, nodes: 2 })
    const { producer, runtime } = script
    await script.connect()
    const ready = ['a', 'b'].map((topic) => producer.send({ topic, value: 'first' }))
    await runtime.advance(900)
    await Promise.all(ready)
    const first = script.produced().find(({ nodeId }) => nodeId === 1)
    first!.socket.stall()
    const lost = failure(producer.send({ topic: 'a', value: `for a ${large}` }))
    await runtime.advance(1000)
    expect(await lost).toMatchObject({ code: 'DELIVERY_TIMED_OUT', outcome: 'unknown' })
    // Smaller records, so that they would fit into its buffer.
    for (let i = 0; i < 20; i++) {
      const sent = producer.send({ topic: 'b', value: `for b ${i} ${large.slice(100)}` })
      await runtime.settle()
      await sent
    }
    first!.socket.unstall()
    await runtime.settle()
    expect(script.values('a')).toEqual(['first', `for a ${large}`])
    await script.close()
  })

  test('is not changed when the batch gets new sequence numbers: an earlier attempt may be in a socket', async () => {
    const script = new ScriptedProducer()
    const chunks = captureWrites(script.runtime)
    await script.connect()
    script.fate = (_, count) => (count === 1 ? { error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } : undefined)
    const sent = script.producer.send({ topic: 't', value: large })
    await script.runtime.advance(1000)
    await sent
    const [first, second] = batchesAmong(chunks)
    expect([first!.producerEpoch, second!.producerEpoch]).toEqual([0, 1])
    expect(first!.verifyCrc() && second!.verifyCrc()).toBe(true)
    await script.close()
  })

  test('is reused for later batches once the request has a response', async () => {
    const script = new ScriptedProducer()
    const chunks = captureWrites(script.runtime)
    await script.connect()
    for (let i = 0; i < 5; i++) {
      const sent = script.producer.send({ topic: 't', value: `${i} ${large}` })
      await script.runtime.advance(1_000)
      await sent
    }
    expect(new Set(batchesAmong(chunks).map(({ bytes }) => bytes.buffer)).size).toBe(1)
    expect(batchesAmong(chunks)).toHaveLength(5)
    expect(numbersIn(script)).toEqual(upTo(5))
    await script.close()
  })
})

test('a retried batch has the same bytes each time, and new records go to later batches', async () => {
  const script = new ScriptedProducer({ lingerMs: 5 })
  const { producer, runtime } = script
  await script.connect()
  script.fate = (_, count) => (count <= 3 ? { error: 'NOT_ENOUGH_REPLICAS' } : undefined)
  producer.enqueue({ topic: 't', value: '0' })
  for (let i = 1; i < 10; i++) {
    await runtime.advance(100)
    producer.enqueue({ topic: 't', value: `${i}` })
  }
  await runtime.advance(10_000)
  const attempts = script.produced().map((request) => script.batchesOf(request)[0]!.batch.bytes)
  for (const bytes of attempts.slice(1, 4)) expect(bytes.equals(attempts[0]!)).toBe(true)
  expect(script.peer.requests(Produce).length).toBeGreaterThan(4)
  expect(numbersIn(script)).toEqual(upTo(10))
  await script.close()
})
