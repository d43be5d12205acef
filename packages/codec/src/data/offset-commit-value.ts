import { message } from '../schema/api.ts'
import { int32, int64, string, uuid } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const OffsetCommitValue = /* @__PURE__ */ message({
  name: 'OffsetCommitValue',
  versions: '0-4',
  flexible: '4+',
  fields: {
    offset: int64(),
    leaderEpoch: int32({ versions: '3+', default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: '1', default: -1n, ignorable: true }),
    topicId: uuid({ versions: '4+', ignorable: true, tag: 0 }),
  },
})

export interface OffsetCommitValue extends Decoded<typeof OffsetCommitValue> {}
