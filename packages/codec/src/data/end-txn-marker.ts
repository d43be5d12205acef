import { message } from '../schema/api.ts'
import { int32 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const EndTxnMarker = /* @__PURE__ */ message({
  name: 'EndTxnMarker',
  versions: '0',
  fields: { coordinatorEpoch: int32() },
})

export interface EndTxnMarker extends Decoded<typeof EndTxnMarker> {}
