import { expect, test } from 'vitest'
import { batchOf } from '../../../test/support/record-batches.ts'
import { KafkaError } from '../../errors.ts'
import { json } from '../../topics/json-serde.ts'
import { AssignedPartition } from '../partition/assigned-partition.ts'
import type { BufferHost } from '../partition/buffer-host.ts'
import { FetchedChunk } from '../partition/fetched-chunk.ts'
import { type DeliveredBatch, Deliveries } from '../reading/delivery.ts'
import { type BadRecord, type BadRecordSink, BadRecords } from './bad-records.ts'
import { RecordDecoder } from './record-decoder.ts'

const hostOfBuffers: BufferHost<AssignedPartition> = {
  countFetched: () => {},
  keeps: () => false,
  discardKept: () => {},
  discharge: () => {},
  check: () => {},
  inflate: () => 'later',
  ready: () => {},
  skipped: () => {},
  ended: () => {},
  unreadable: () => {},
}

/** A partition whose batch of two bad records a reader has, at the first of them. */
function world(sink: BadRecordSink | undefined) {
  const serdes = { name: 't', key: undefined, value: json() }
  const decoder = new RecordDecoder(serdes, 0, {
    retry: () => Promise.resolve(),
    onFailed: () => {},
    onRecovered: () => {},
  })
  const partition = new AssignedPartition('t', 0, hostOfBuffers, undefined, undefined, decoder)
  partition.place({ offset: 0, epoch: 0 }, 'start')
  partition.buffer.accept(new FetchedChunk(batchOf(0, ['{', '['])))
  const batch = partition.buffer.take()
  if (batch === undefined || !batch.next()) throw new Error('no record')
  const log: string[] = []
  const deliveries = new Deliveries()
  const badRecords = new BadRecords({
    policy: 'dead-letter',
    deliveries,
    sink,
    fail: (error) => log.push(`${error.code} ${error.message}`),
    putBack: (given: DeliveredBatch) => {
      log.push('put back')
      partition.buffer.putBack(given)
    },
    counted: (records) => log.push(`counted ${records}`),
    onBadRecord: ({ message }: BadRecord, action) => log.push(`${action} ${message.offset}`),
  })
  const passes = () => {
    const fault = decoder.decode(batch.records, batch.baseOffset)
    if (fault === undefined) throw new Error('it is no bad record')
    return badRecords.passes(batch, fault)
  }
  return { partition, batch, decoder, deliveries, log, passes }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('the offset moves after the dead letter is acknowledged, and the batch waits for that', async () => {
  let acknowledge = () => {}
  const written: BadRecord[] = []
  const { partition, decoder, deliveries, log, passes } = world({
    write: (bad) => {
      written.push(bad)
      return new Promise((resolve) => {
        acknowledge = resolve
      })
    },
  })
  expect(passes()).toBe(false)
  expect(decoder.takeStop()).toBe('held')
  await settled()
  expect(written.map(({ message, field, error }) => [String(message.value), field, error.code])).toEqual([
    ['{', 'value', 'DESERIALIZE_FAILED'],
  ])
  expect(partition.progress.lowestUndone.offset).toBe(0)
  expect(deliveries.openIn(partition)).toBe(1)
  expect(log).toEqual([])
  acknowledge()
  await settled()
  expect(log).toEqual(['counted 1', 'dead-letter 0', 'put back'])
  expect(partition.progress.lowestUndone.offset).toBe(1)
  expect(deliveries.openIn(partition)).toBe(0)
  expect(partition.buffer.take()?.firstOffset).toBe(1)
})

test('a dead letter that fails rejects the reader, and the record is delivered again', async () => {
  const cause = new KafkaError('TOPIC_AUTHORIZATION_FAILED', 'Producing failed')
  const { partition, log, passes } = world({ write: () => Promise.reject(cause) })
  expect(passes()).toBe(false)
  await settled()
  expect(log).toEqual([
    "HANDLER_FAILED Writing the dead letter failed (topic 't', partition 0, offset 0): Producing failed",
    'put back',
  ])
  expect(partition.progress.next).toBe(0)
  expect(partition.buffer.take()?.firstOffset).toBe(0)
})

test('a dead letter that is acknowledged after the partition was lost changes nothing', async () => {
  let acknowledge = () => {}
  const { partition, deliveries, log, passes } = world({
    write: () =>
      new Promise((resolve) => {
        acknowledge = resolve
      }),
  })
  expect(passes()).toBe(false)
  partition.release(() => new KafkaError('CLOSED', 'The consumer is closed'))
  await settled()
  acknowledge()
  await settled()
  expect(log).toEqual(['counted 0', 'put back'])
  expect(deliveries.openIn(partition)).toBe(0)
  expect(partition.hands.count).toBe(0)
})
