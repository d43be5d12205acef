import { api } from '../schema/api.ts'
import { array, bool, int16, int32, int64, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

const addPartitionsToTxnTopic = {
  name: string(),
  partitions: list(int32()),
}

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: array({ partitionIndex: int32(), partitionErrorCode: int16() }),
}

export const AddPartitionsToTxn = /* @__PURE__ */ api({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: array(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: bool({ default: false }),
        topics: array(addPartitionsToTxnTopic),
      },
      { versions: '4+' },
    ),
    v3AndBelowTransactionalId: string({ versions: '0-3' }),
    v3AndBelowProducerId: int64({ versions: '0-3' }),
    v3AndBelowProducerEpoch: int16({ versions: '0-3' }),
    v3AndBelowTopics: array(addPartitionsToTxnTopic, { versions: '0-3' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '4+', ignorable: true }),
    resultsByTransaction: array(
      { transactionalId: string(), topicResults: array(addPartitionsToTxnTopicResult) },
      { versions: '4+' },
    ),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult, { versions: '0-3' }),
  },
})

export interface AddPartitionsToTxnRequest extends Encodable<typeof AddPartitionsToTxn.request> {}
export interface AddPartitionsToTxnResponse extends Decoded<typeof AddPartitionsToTxn.response> {}
