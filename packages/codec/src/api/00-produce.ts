import { produceRequestCode, produceResponseCode } from '../generated/produce.ts'
import { api } from '../schema/api.ts'
import { array, int16, int32, int64, records, string, struct, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const Produce = /* @__PURE__ */ api({
  key: 0,
  name: 'Produce',
  versions: '3-13',
  flexible: '9+',
  request: {
    transactionalId: string({ nullable: true, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string({ versions: '3-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitionData: array({ index: int32(), records: records({ nullable: true }) }),
    }),
  },
  response: {
    responses: array({
      name: string({ versions: '3-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitionResponses: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ default: -1n, ignorable: true }),
        logStartOffset: int64({ versions: '5+', default: -1n, ignorable: true }),
        recordErrors: array(
          { batchIndex: int32(), batchIndexErrorMessage: string({ nullable: true, default: null }) },
          { versions: '8+', ignorable: true },
        ),
        errorMessage: string({ versions: '8+', nullable: true, default: null, ignorable: true }),
        currentLeader: struct(
          { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
          { versions: '10+', tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32({ default: 0, ignorable: true }),
    nodeEndpoints: array(
      { nodeId: int32(), host: string(), port: int32(), rack: string({ nullable: true, default: null }) },
      { versions: '10+', tag: 0 },
    ),
  },
  generated: { request: produceRequestCode, response: produceResponseCode },
})

export interface ProduceRequest extends Encodable<typeof Produce.request> {}
export interface ProduceResponse extends Decoded<typeof Produce.response> {}
