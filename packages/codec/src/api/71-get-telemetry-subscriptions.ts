import { api } from '../schema/api.ts'
import { bool, int8, int16, int32, list, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const GetTelemetrySubscriptions = /* @__PURE__ */ api({
  key: 71,
  name: 'GetTelemetrySubscriptions',
  versions: '0',
  flexible: '0+',
  request: { clientInstanceId: uuid() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    acceptedCompressionTypes: list(int8()),
    pushIntervalMs: int32(),
    telemetryMaxBytes: int32(),
    deltaTemporality: bool(),
    requestedMetrics: list(string()),
  },
})

export interface GetTelemetrySubscriptionsRequest extends Encodable<typeof GetTelemetrySubscriptions.request> {}
export interface GetTelemetrySubscriptionsResponse extends Decoded<typeof GetTelemetrySubscriptions.response> {}
