import { message } from '../schema/api.ts'
import { array, int8, int16, int32, int64, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const TransactionLogValue = /* @__PURE__ */ message({
  name: 'TransactionLogValue',
  versions: '0-1',
  flexible: '1+',
  fields: {
    producerId: int64(),
    previousProducerId: int64({ versions: '1+', default: -1n, tag: 0 }),
    nextProducerId: int64({ versions: '1+', default: -1n, tag: 1 }),
    producerEpoch: int16(),
    nextProducerEpoch: int16({ versions: '1+', default: -1, tag: 3 }),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: array({ topic: string(), partitionIds: list(int32()) }, { nullable: true }),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: int16({ versions: '1+', default: 0, tag: 2 }),
  },
})

export interface TransactionLogValue extends Decoded<typeof TransactionLogValue> {}
