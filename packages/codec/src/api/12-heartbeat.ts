import { api } from '../schema/api.ts'
import { int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const Heartbeat = /* @__PURE__ */ api({
  key: 12,
  name: 'Heartbeat',
  versions: '0-4',
  flexible: '4+',
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
  },
  response: { throttleTimeMs: int32({ versions: '1+', ignorable: true }), errorCode: int16() },
})

export interface HeartbeatRequest extends Encodable<typeof Heartbeat.request> {}
export interface HeartbeatResponse extends Decoded<typeof Heartbeat.response> {}
