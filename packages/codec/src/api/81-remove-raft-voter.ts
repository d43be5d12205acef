import { api } from '../schema/api.ts'
import { int16, int32, string, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const RemoveRaftVoter = /* @__PURE__ */ api({
  key: 81,
  name: 'RemoveRaftVoter',
  versions: '0',
  flexible: '0+',
  request: { clusterId: string({ nullable: true }), voterId: int32(), voterDirectoryId: uuid() },
  response: { throttleTimeMs: int32(), errorCode: int16(), errorMessage: string({ nullable: true, ignorable: true }) },
})

export interface RemoveRaftVoterRequest extends Encodable<typeof RemoveRaftVoter.request> {}
export interface RemoveRaftVoterResponse extends Decoded<typeof RemoveRaftVoter.response> {}
