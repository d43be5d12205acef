import { api } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const IncrementalAlterConfigs = /* @__PURE__ */ api({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: '0-1',
  flexible: '1+',
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({ name: string(), configOperation: int8(), value: string({ nullable: true }) }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    responses: array({
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
})

export interface IncrementalAlterConfigsRequest extends Encodable<typeof IncrementalAlterConfigs.request> {}
export interface IncrementalAlterConfigsResponse extends Decoded<typeof IncrementalAlterConfigs.response> {}
