import { api } from '../schema/api.ts'
import { array, bytes, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const SyncGroup = /* @__PURE__ */ api({
  key: 14,
  name: 'SyncGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
    protocolType: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    protocolName: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    assignments: array({ memberId: string(), assignment: bytes() }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16(),
    protocolType: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    protocolName: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
    assignment: bytes(),
  },
})

export interface SyncGroupRequest extends Encodable<typeof SyncGroup.request> {}
export interface SyncGroupResponse extends Decoded<typeof SyncGroup.response> {}
