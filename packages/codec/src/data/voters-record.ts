import { message } from '../schema/api.ts'
import { array, int16, int32, string, struct, uint16, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const VotersRecord = /* @__PURE__ */ message({
  name: 'VotersRecord',
  versions: '0',
  flexible: '0+',
  fields: {
    version: int16(),
    voters: array({
      voterId: int32(),
      voterDirectoryId: uuid(),
      endpoints: array({ name: string(), host: string(), port: uint16() }),
      kRaftVersionFeature: struct({ minSupportedVersion: int16(), maxSupportedVersion: int16() }),
    }),
  },
})

export interface VotersRecord extends Decoded<typeof VotersRecord> {}
