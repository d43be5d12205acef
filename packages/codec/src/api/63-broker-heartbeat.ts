import { api } from '../schema/api.ts'
import { bool, int16, int32, int64, list, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const BrokerHeartbeat = /* @__PURE__ */ api({
  key: 63,
  name: 'BrokerHeartbeat',
  versions: '0-2',
  flexible: '0+',
  request: {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1n }),
    currentMetadataOffset: int64(),
    wantFence: bool(),
    wantShutDown: bool(),
    offlineLogDirs: list(uuid(), { versions: '1+', tag: 0 }),
    cordonedLogDirs: list(uuid(), { versions: '2+', nullable: true, default: null, tag: 1 }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    isCaughtUp: bool({ default: false }),
    isFenced: bool({ default: true }),
    shouldShutDown: bool(),
  },
})

export interface BrokerHeartbeatRequest extends Encodable<typeof BrokerHeartbeat.request> {}
export interface BrokerHeartbeatResponse extends Decoded<typeof BrokerHeartbeat.response> {}
