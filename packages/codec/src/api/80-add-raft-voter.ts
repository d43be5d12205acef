import { api } from '../schema/api.ts'
import { array, bool, int16, int32, string, uint16, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AddRaftVoter = /* @__PURE__ */ api({
  key: 80,
  name: 'AddRaftVoter',
  versions: '0-1',
  flexible: '0+',
  request: {
    clusterId: string({ nullable: true }),
    timeoutMs: int32(),
    voterId: int32(),
    voterDirectoryId: uuid(),
    listeners: array({ name: string(), host: string(), port: uint16() }),
    ackWhenCommitted: bool({ versions: '1+', default: true }),
  },
  response: { throttleTimeMs: int32(), errorCode: int16(), errorMessage: string({ nullable: true, ignorable: true }) },
})

export interface AddRaftVoterRequest extends Encodable<typeof AddRaftVoter.request> {}
export interface AddRaftVoterResponse extends Decoded<typeof AddRaftVoter.response> {}
