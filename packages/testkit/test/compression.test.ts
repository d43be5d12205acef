import { codecOf, type RecordBatch, RecordBatchReader } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { createCluster } from '../src/index.ts'
import { BrokerConfig } from '../src/state/configs/broker-config.ts'
import { topicSettings } from '../src/state/configs/topic-config.ts'
import { MetadataView } from '../src/state/metadata-view.ts'
import { validateProduced } from '../src/state/replicas/produce-validation.ts'
import { readRecords, rebuiltBatch } from '../src/state/replicas/record-rewriter.ts'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

const nowMs = 1_700_000_000_000
const values = Array.from({ length: 20 }, () => 'the same again')
const plain = batchOf(values, { timestamp: nowMs })

function firstOf(bytes: Uint8Array): RecordBatch {
  const batch = new RecordBatchReader(bytes).next()
  if (batch === undefined) throw new Error('No batch')
  return batch
}

async function compressed(compressionId: number): Promise<Buffer> {
  const batch = firstOf(plain)
  const header = Buffer.from(batch.bytes)
  header.writeInt16BE(compressionId, 21)
  const payload = await codecOf(compressionId).compress(batch.payload)
  return rebuiltBatch(header, readRecords(batch.bytes, batch.payload), { payload, deleteHorizonMs: undefined })
}

function stored(records: Uint8Array, configs: Readonly<Record<string, string>>, atMs = nowMs): RecordBatch | string {
  const observer = { id: 1, view: new MetadataView(), config: new BrokerConfig() }
  const settings = topicSettings({ configs: new Map(Object.entries(configs)) }, observer)
  const rules = { apiVersion: 12, transactionalId: null, nowMs: atMs, where: 't-0', settings }
  const found = validateProduced(records, rules)
  return found.problem === undefined ? firstOf(found.batch.bytes) : found.problem.error
}

function batchIn(records: Uint8Array, configs: Readonly<Record<string, string>>, atMs = nowMs): RecordBatch {
  const batch = stored(records, configs, atMs)
  if (typeof batch === 'string') throw new Error(batch)
  return batch
}

describe('compression.type', () => {
  test('producer keeps the codec of batches', async () => {
    const gzip = await compressed(1)
    expect(Buffer.from(batchIn(gzip, {}).bytes)).toEqual(gzip)
    expect(batchIn(plain, {}).compression).toBe('none')
  })

  test.each(['gzip', 'snappy', 'lz4'] as const)(
    '%s is the codec of stored batches, regardless of the codec of the producer',
    async (name) => {
      for (const id of [0, 1, 2, 3]) {
        const batch = batchIn(id === 0 ? batchOf(values, { timestamp: nowMs }) : await compressed(id), {
          'compression.type': name,
        })
        expect([batch.compression, batch.recordCount, batch.maxTimestamp]).toEqual([name, 20, nowMs])
        expect(batch.verifyCrc()).toBe(true)
        const payload = await codecOf(name).decompress(batch.payload, 1 << 20)
        expect(Buffer.from(payload)).toEqual(Buffer.from(firstOf(plain).payload))
      }
    },
  )

  test('uncompressed decompresses batches, which may then be too large', async () => {
    const configs = { 'compression.type': 'uncompressed' }
    expect(Buffer.from(batchIn(await compressed(1), configs).bytes)).toEqual(Buffer.from(plain))
    expect(stored(await compressed(1), { ...configs, 'max.message.bytes': '300' })).toBe('MESSAGE_TOO_LARGE')
  })

  test('with LogAppendTime the batch has the time of the broker, and records keep their own', async () => {
    const configs = { 'compression.type': 'uncompressed', 'message.timestamp.type': 'LogAppendTime' }
    const batch = batchIn(await compressed(1), configs, nowMs + 7)
    expect([batch.timestampType, batch.baseTimestamp, batch.maxTimestamp]).toEqual(['append', nowMs, nowMs + 7])
    expect(batch.verifyCrc()).toBe(true)
  })

  test('does not recompress zstd', () => {
    expect(batchIn(batchOf(values, { timestamp: nowMs }), { 'compression.type': 'zstd' }).compression).toBe('none')
  })

  test('of a broker applies to its topics', async () => {
    const config = { 'compression.type': 'uncompressed' }
    const topics = [{ name: 't', partitions: 1, replicationFactor: 1 }]
    await using cluster = await createCluster({ brokers: 1, config, topics })
    const client = await TopicClient.connect(cluster, 't')
    await client.produce(await compressed(3))
    expect((await client.fetch()).values).toEqual(values)
  })
})
