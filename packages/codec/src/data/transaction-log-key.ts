import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const TransactionLogKey = /* @__PURE__ */ message({
  name: 'TransactionLogKey',
  versions: '0',
  fields: { transactionalId: string() },
})

export interface TransactionLogKey extends Decoded<typeof TransactionLogKey> {}
