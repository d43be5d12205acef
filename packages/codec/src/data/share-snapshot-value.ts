import { message } from '../schema/api.ts'
import { array, int8, int16, int32, int64 } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const ShareSnapshotValue = /* @__PURE__ */ message({
  name: 'ShareSnapshotValue',
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: int32(),
    stateEpoch: int32(),
    leaderEpoch: int32(),
    startOffset: int64(),
    deliveryCompleteCount: int32({ default: -1, tag: 0 }),
    createTimestamp: int64(),
    writeTimestamp: int64(),
    stateBatches: array({ firstOffset: int64(), lastOffset: int64(), deliveryState: int8(), deliveryCount: int16() }),
  },
})

export interface ShareSnapshotValue extends Decoded<typeof ShareSnapshotValue> {}
