import { api } from '../schema/api.ts'
import { array, int16, int32, list, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DeleteTopics = /* @__PURE__ */ api({
  key: 20,
  name: 'DeleteTopics',
  versions: '1-6',
  flexible: '4+',
  request: {
    topics: array({ name: string({ nullable: true, default: null }), topicId: uuid() }, { versions: '6+' }),
    topicNames: list(string(), { versions: '1-5', ignorable: true }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ ignorable: true }),
    responses: array({
      name: string({ nullable: '6+' }),
      topicId: uuid({ versions: '6+', ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    }),
  },
})

export interface DeleteTopicsRequest extends Encodable<typeof DeleteTopics.request> {}
export interface DeleteTopicsResponse extends Decoded<typeof DeleteTopics.response> {}
