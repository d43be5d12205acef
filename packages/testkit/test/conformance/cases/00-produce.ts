import { DeleteTopics, Fetch, InitProducerId, Produce } from '@ottla/codec'
import { BatchWriter, codecOf } from '@ottla/codec/records'
import { type BatchOptions, batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { abandon, begin } from '../transactions.ts'

type ProduceStage = Stage<typeof Produce>

/** Recent, so that retention does not delete the records. */
const timestamp = Date.now()
const timeoutMs = 10_000
const strangeId = 'BBBBBBBBBBBBBBBBBBBBBA'

const batch = (values: readonly string[], more: BatchOptions = {}) => batchOf(values, { timestamp, ...more })

interface Write {
  readonly topic: string
  readonly topicId?: string
  readonly index?: number
  readonly records: Uint8Array | null
  readonly acks?: number
  readonly transactionalId?: string
}

const request = ({ topic: name, topicId = '', index = 0, records, acks = -1, transactionalId }: Write) => ({
  transactionalId: transactionalId ?? null,
  acks,
  timeoutMs,
  topicData: [{ name, topicId: topicId === '' ? strangeId : topicId, partitionData: [{ index, records }] }],
})

interface Bed {
  readonly topic: string
  readonly topicId: string
  readonly send: (label: string, write: Omit<Write, 'topic' | 'topicId'>) => Promise<unknown>
}

async function bed(stage: ProduceStage, hint: string, configs: Record<string, string | number> = {}): Promise<Bed> {
  const topic = stage.name(hint)
  await stage.createTopic(topic, { partitions: 2, configs })
  const topicId = await stage.topicId(topic)
  return { topic, topicId, send: (label, write) => stage.ask(label, request({ ...write, topic, topicId })) }
}

async function compressed(name: 'gzip' | 'snappy' | 'lz4' | 'zstd'): Promise<Uint8Array> {
  const writer = new BatchWriter()
  for (let index = 0; index < 20; index++) writer.append(timestamp, 'k', 'the same again and again', [])
  return writer.sealCompressed({ producerId: -1n, producerEpoch: -1, baseSequence: -1 }, codecOf(name))
}

/** Records the content of the log, by an API that other cases compare. */
async function readBack(stage: ProduceStage, topic: string, partition = 0): Promise<void> {
  const partitions = [{ partition, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }]
  const topics = [{ topic, partitions }]
  await stage.note('reads it', Fetch, 12, { maxWaitMs: 0, minBytes: 0, topics, forgottenTopicsData: [] })
}

/** The batch after `change` on its bytes; the checksum is not updated. */
function altered(bytes: Uint8Array, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

export const produce = conformance(Produce, {
  async valid(stage) {
    const { topic, send } = await bed(stage, 't')
    await send('to all replicas', { records: batch(['a', 'b']) })
    await send('to the leader', { records: batch(['c']), acks: 1 })
    await send('gzip', { records: await compressed('gzip') })
    await send('snappy', { records: await compressed('snappy') })
    await send('lz4', { records: await compressed('lz4') })
    const { producerId } = await stage.do(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })
    const exact = (label: string, baseSequence: number, producerEpoch = 0) =>
      send(label, { records: batch(['s'], { producerId, producerEpoch, baseSequence }), index: 1 })
    await exact('sequence 0', 0)
    await exact('sequence 1', 1)
    await exact('sequence 0 again', 0)
    await exact('sequence 1 again', 1)
    await exact('a new epoch', 0, 1)
    await readBack(stage, topic)
    await readBack(stage, topic, 1)
    const stamped = await bed(stage, 'stamped', { 'message.timestamp.type': 'LogAppendTime' })
    await stamped.send('stamped by the broker', { records: batch(['a']) })
    await readBack(stage, stamped.topic)
  },
  async invalid(stage) {
    const { topic, send } = await bed(stage, 't', { 'max.message.bytes': 1000 })
    const good = batch(['a', 'b'])
    await send('no bytes', { records: new Uint8Array(0) })
    await send('acks of 2', { records: good, acks: 2 })
    await send('two batches', { records: Buffer.concat([batch(['a']), batch(['b'])]) })
    await send('a wrong checksum', { records: altered(good, (copy) => copy.writeUInt8(copy[65] ?? 0 ^ 1, 65)) })
    await send('a changed record', { records: altered(good, (copy) => copy.fill(0xff, copy.length - 2)) })
    await send('magic 1', { records: altered(good, (copy) => copy.writeUInt8(1, 16)) })
    await send('magic 9', { records: altered(good, (copy) => copy.writeUInt8(9, 16)) })
    await send('cut', { records: good.subarray(0, good.length - 3) })
    await send('a control batch', { records: batch(['a'], { control: true }) })
    await send('too large', { records: batch(['x'.repeat(2000)]) })
    await send('not at offset 0', { records: altered(good, (copy) => copy.writeBigInt64BE(7n, 0)) })
    await send('a producer without a sequence', { records: batch(['a'], { producerId: 7n, producerEpoch: 0 }) })
    await send('zstd', { records: await compressed('zstd') })
    await readBack(stage, topic)
    const compacted = await bed(stage, 'compacted', { 'cleanup.policy': 'compact' })
    await compacted.send('no key', { records: batch(['a', 'b'], { key: null }) })
    const timed = await bed(stage, 'timed', { 'message.timestamp.before.max.ms': 1000 })
    await timed.send('too old', { records: batch(['a'], { timestamp: timestamp - 3_600_000 }) })
    const stamped = await bed(stage, 'stamped', { 'message.timestamp.type': 'LogAppendTime' })
    await stamped.send('stamped by the client', { records: altered(good, (copy) => copy.writeInt16BE(8, 21)) })
  },
  async wrongState(stage, version) {
    const { topic, topicId, send } = await bed(stage, 't')
    await stage.ask('no such topic', request({ topic: stage.name('none'), records: batch(['a']) }))
    await send('no such partition', { records: batch(['a']), index: 9 })
    const follower = await stage.open({ broker: 2 })
    await stage.ask('another broker leads', request({ topic, topicId, records: batch(['a']) }), { on: follower })
    const { producerId } = await stage.do(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })
    const exact = (label: string, baseSequence: number, producerEpoch = 0) =>
      send(label, { records: batch(['s'], { producerId, producerEpoch, baseSequence }) })
    await exact('a first sequence of 5', 5)
    await exact('a gap', 8)
    await exact('a new epoch, not from 0', 3, 1)
    await exact('a new epoch', 0, 1)
    await exact('an old epoch', 6, 0)
    const records = batch(['a'], { producerId, producerEpoch: 1, baseSequence: 1, transactional: true })
    await send('transactional without an id', { records })
    const few = await bed(stage, 'few', { 'min.insync.replicas': 2 })
    await few.send('too few in sync', { records: batch(['a']) })
    await few.send('too few in sync, acks of 1', { records: batch(['a']), acks: 1 })
    await transactional(stage, version)
    await stage.do(DeleteTopics, 5, { topicNames: [topic], timeoutMs })
    await stage.until('deleted', async () => (await stage.topicId(topic)) !== topicId)
    await send('deleted', { records: batch(['a']) })
  },
})

/** Writes to a partition that was not added, of another producer, and of a fenced one. */
async function transactional(stage: ProduceStage, version: number): Promise<void> {
  const { topic, topicId } = await bed(stage, 'txn')
  const transactionalId = stage.name('id')
  const { producerId, producerEpoch } = await begin(stage, transactionalId)
  const write = (label: string, epoch: number, id = transactionalId) => {
    const records = batch(['a'], { producerId, producerEpoch: epoch, baseSequence: 0, transactional: true })
    return stage.ask(label, request({ topic, topicId, transactionalId: id, records }))
  }
  if (version < 12) await write('not added to the transaction', producerEpoch)
  await write('of another id', producerEpoch, stage.name('stranger'))
  await write('of a later epoch', producerEpoch + 5)
  await abandon(stage, transactionalId)
}
