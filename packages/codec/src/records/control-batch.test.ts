import { expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { BatchWriter } from './batch-writer.ts'
import { endTxnMarkerBatch, readControlBatch } from './control-batch.ts'
import { RecordBatchReader } from './record-batch-reader.ts'

const golden = goldenBytes('batches.tsv')

test.each([true, false])('the marker that ends a transaction, committed: %s', (committed) => {
  const bytes = golden(committed ? 'commit-marker' : 'abort-marker')
  const batch = new RecordBatchReader(bytes).next()!
  expect(batch).toMatchObject({ isControl: true, isTransactional: true, producerId: 4000n, producerEpoch: 5 })
  expect(readControlBatch(batch)).toEqual({ type: committed ? 'commit' : 'abort', coordinatorEpoch: 6 })
  const written = endTxnMarkerBatch({
    committed,
    producerId: 4000n,
    producerEpoch: 5,
    coordinatorEpoch: 6,
    timestampMs: 1_700_000_000_000,
    baseOffset: 42n,
    partitionLeaderEpoch: 3,
  })
  expect(Buffer.from(written).toString('hex')).toBe(bytes.toString('hex'))
})

function controlBatch(key: string | null, value: string | null) {
  const writer = new BatchWriter()
  const bytes = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'))
  writer.append(0, bytes(key), bytes(value), [])
  const sealed = writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1, control: true })
  return new RecordBatchReader(sealed).next()!
}

test('other control records', () => {
  expect(readControlBatch(controlBatch('00000002', '0000'))).toEqual({ type: 'leader-change', coordinatorEpoch: -1 })
  expect(readControlBatch(controlBatch('00000063', null))).toEqual({ type: 'other', coordinatorEpoch: -1 })
})

test('reads the known part of a later marker version', () => {
  expect(readControlBatch(controlBatch('00010001', '00010000000900ff'))).toEqual({
    type: 'commit',
    coordinatorEpoch: 9,
  })
})

test.each([
  ['no key', null, '000000000006'],
  ['a short key', '000000', '000000000006'],
  ['no value', '00000001', null],
  ['a short value', '00000001', '0000000000'],
])('%s', (_, key, value) => {
  expect(() => readControlBatch(controlBatch(key, value))).toThrow(DecodeError)
})
