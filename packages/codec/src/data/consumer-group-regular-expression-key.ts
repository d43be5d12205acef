import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupRegularExpressionKey = /* @__PURE__ */ message({
  name: 'ConsumerGroupRegularExpressionKey',
  versions: '0',
  fields: { groupId: string(), regularExpression: string() },
})

export interface ConsumerGroupRegularExpressionKey extends Decoded<typeof ConsumerGroupRegularExpressionKey> {}
