import { api } from '../schema/api.ts'
import { array, int16, int32, int64, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeTransactions = /* @__PURE__ */ api({
  key: 65,
  name: 'DescribeTransactions',
  versions: '0',
  flexible: '0+',
  request: { transactionalIds: list(string()) },
  response: {
    throttleTimeMs: int32(),
    transactionStates: array({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: array({ topic: string(), partitions: list(int32()) }),
    }),
  },
})

export interface DescribeTransactionsRequest extends Encodable<typeof DescribeTransactions.request> {}
export interface DescribeTransactionsResponse extends Decoded<typeof DescribeTransactions.response> {}
