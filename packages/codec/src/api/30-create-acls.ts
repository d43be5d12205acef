import { api } from '../schema/api.ts'
import { array, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const CreateAcls = /* @__PURE__ */ api({
  key: 30,
  name: 'CreateAcls',
  versions: '1-3',
  flexible: '2+',
  request: {
    creations: array({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    results: array({ errorCode: int16(), errorMessage: string({ nullable: true }) }),
  },
})

export interface CreateAclsRequest extends Encodable<typeof CreateAcls.request> {}
export interface CreateAclsResponse extends Decoded<typeof CreateAcls.response> {}
