import { message } from '../schema/api.ts'
import { array, int16, int32, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

const voter = {
  voterId: int32(),
  voterDirectoryId: uuid({ versions: '1+' }),
}

export const LeaderChangeMessage = /* @__PURE__ */ message({
  name: 'LeaderChangeMessage',
  versions: '0-1',
  flexible: '0+',
  fields: { version: int16(), leaderId: int32(), voters: array(voter), grantingVoters: array(voter) },
})

export interface LeaderChangeMessage extends Decoded<typeof LeaderChangeMessage> {}
