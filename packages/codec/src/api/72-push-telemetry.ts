import { api } from '../schema/api.ts'
import { bool, bytes, int8, int16, int32, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const PushTelemetry = /* @__PURE__ */ api({
  key: 72,
  name: 'PushTelemetry',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: bool(),
    compressionType: int8(),
    metrics: bytes(),
  },
  response: { throttleTimeMs: int32(), errorCode: int16() },
})

export interface PushTelemetryRequest extends Encodable<typeof PushTelemetry.request> {}
export interface PushTelemetryResponse extends Decoded<typeof PushTelemetry.response> {}
