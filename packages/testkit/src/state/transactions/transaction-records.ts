import { decodeMessage, TransactionLogKey, TransactionLogValue } from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import { type TransactionImage, type TransactionState, transactionStates } from './transaction.ts'

const KEY_VERSION = 0
/** The version of transaction.version 1 and 2. */
const VALUE_VERSION = 1

export function transactionRecord(transactionalId: string, image: TransactionImage): CoordinatorRecord {
  const isEmpty = image.state === 'Empty'
  const value = prefixed(VALUE_VERSION, TransactionLogValue, VALUE_VERSION, {
    producerId: image.producerId,
    previousProducerId: image.previousProducerId,
    nextProducerId: image.nextProducerId,
    producerEpoch: image.producerEpoch,
    transactionTimeoutMs: image.timeoutMs,
    transactionStatus: transactionStates.indexOf(image.state),
    transactionPartitions: isEmpty
      ? null
      : Array.from(image.partitions, ([topic, partitions]) => ({ topic, partitionIds: [...partitions] })),
    transactionLastUpdateTimestampMs: BigInt(image.lastUpdateMs),
    transactionStartTimestampMs: BigInt(image.startMs),
    clientTransactionVersion: image.clientVersion,
  })
  return { key: prefixed(KEY_VERSION, TransactionLogKey, KEY_VERSION, { transactionalId }), value }
}

/** The tombstone of an expired transactional id. */
export function transactionTombstone(transactionalId: string): CoordinatorRecord {
  return { key: prefixed(KEY_VERSION, TransactionLogKey, KEY_VERSION, { transactionalId }), value: null }
}

/** Decodes a record of the log; undefined for an unknown type. */
export function readTransactionRecord({
  key,
  value,
}: CoordinatorRecord): { readonly transactionalId: string; readonly image: TransactionImage | undefined } | undefined {
  if (int16(key) !== KEY_VERSION) return undefined
  const { transactionalId } = decodeMessage(TransactionLogKey, KEY_VERSION, key.subarray(2))
  if (value === null) return { transactionalId, image: undefined }
  const read = decodeMessage(TransactionLogValue, int16(value), value.subarray(2))
  const partitions = new Map(
    (read.transactionPartitions ?? []).map(({ topic, partitionIds }) => [topic, new Set(partitionIds)]),
  )
  const image: TransactionImage = {
    producerId: read.producerId,
    previousProducerId: read.previousProducerId,
    nextProducerId: read.nextProducerId,
    producerEpoch: read.producerEpoch,
    lastProducerEpoch: -1,
    timeoutMs: read.transactionTimeoutMs,
    state: transactionStates[read.transactionStatus] as TransactionState,
    partitions,
    startMs: Number(read.transactionStartTimestampMs),
    lastUpdateMs: Number(read.transactionLastUpdateTimestampMs),
    clientVersion: read.clientTransactionVersion,
  }
  return { transactionalId, image }
}
