import { api } from '../schema/api.ts'
import { array, bool, int16, int32, int64, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeLogDirs = /* @__PURE__ */ api({
  key: 35,
  name: 'DescribeLogDirs',
  versions: '1-5',
  flexible: '2+',
  request: { topics: array({ topic: string(), partitions: list(int32()) }, { nullable: true }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '3+', ignorable: true }),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({ partitionIndex: int32(), partitionSize: int64(), offsetLag: int64(), isFutureKey: bool() }),
      }),
      totalBytes: int64({ versions: '4+', default: -1n, ignorable: true }),
      usableBytes: int64({ versions: '4+', default: -1n, ignorable: true }),
      isCordoned: bool({ versions: '5+', default: false, ignorable: true }),
    }),
  },
})

export interface DescribeLogDirsRequest extends Encodable<typeof DescribeLogDirs.request> {}
export interface DescribeLogDirsResponse extends Decoded<typeof DescribeLogDirs.response> {}
