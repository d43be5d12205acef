import { api } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AlterConfigs = /* @__PURE__ */ api({
  key: 33,
  name: 'AlterConfigs',
  versions: '0-2',
  flexible: '2+',
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({ name: string(), value: string({ nullable: true }) }),
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

export interface AlterConfigsRequest extends Encodable<typeof AlterConfigs.request> {}
export interface AlterConfigsResponse extends Decoded<typeof AlterConfigs.response> {}
