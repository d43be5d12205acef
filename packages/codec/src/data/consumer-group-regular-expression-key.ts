import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupRegularExpressionKey = message({ name: 'ConsumerGroupRegularExpressionKey', versions: '0' }, {
  groupId: string(),
  regularExpression: string(),
})

export interface ConsumerGroupRegularExpressionKey extends Decoded<typeof ConsumerGroupRegularExpressionKey> {}
