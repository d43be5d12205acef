import { message } from '../schema/api.ts'
import { list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareGroupMemberMetadataValue = /* @__PURE__ */ message({
  name: 'ShareGroupMemberMetadataValue',
  versions: '0',
  flexible: '0+',
  fields: {
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: list(string()),
  },
})

export interface ShareGroupMemberMetadataValue extends Decoded<typeof ShareGroupMemberMetadataValue> {}
