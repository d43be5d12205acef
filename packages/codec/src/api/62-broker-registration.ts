import { api } from '../schema/api.ts'
import { array, bool, int16, int32, int64, list, string, uint16, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const BrokerRegistration = /* @__PURE__ */ api({
  key: 62,
  name: 'BrokerRegistration',
  versions: '0-4',
  flexible: '0+',
  request: {
    brokerId: int32(),
    clusterId: string(),
    incarnationId: uuid(),
    listeners: array({ name: string(), host: string(), port: uint16(), securityProtocol: int16() }),
    features: array({ name: string(), minSupportedVersion: int16(), maxSupportedVersion: int16() }),
    rack: string({ nullable: true }),
    isMigratingZkBroker: bool({ versions: '1+', default: false }),
    logDirs: list(uuid(), { versions: '2+', ignorable: true }),
    previousBrokerEpoch: int64({ versions: '3+', default: -1n, ignorable: true }),
  },
  response: { throttleTimeMs: int32(), errorCode: int16(), brokerEpoch: int64({ default: -1n }) },
})

export interface BrokerRegistrationRequest extends Encodable<typeof BrokerRegistration.request> {}
export interface BrokerRegistrationResponse extends Decoded<typeof BrokerRegistration.response> {}
