import { message } from '../schema/api.ts'
import { int64, list, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ConsumerGroupRegularExpressionValue = /* @__PURE__ */ message({
  name: 'ConsumerGroupRegularExpressionValue',
  versions: '0',
  flexible: '0+',
  fields: { topics: list(string()), version: int64(), timestamp: int64() },
})

export interface ConsumerGroupRegularExpressionValue extends Decoded<typeof ConsumerGroupRegularExpressionValue> {}
