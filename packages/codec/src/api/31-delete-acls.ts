import { api } from '../schema/api.ts'
import { array, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DeleteAcls = /* @__PURE__ */ api({
  key: 31,
  name: 'DeleteAcls',
  versions: '1-3',
  flexible: '2+',
  request: {
    filters: array({
      resourceTypeFilter: int8(),
      resourceNameFilter: string({ nullable: true }),
      patternTypeFilter: int8({ default: 3 }),
      principalFilter: string({ nullable: true }),
      hostFilter: string({ nullable: true }),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    filterResults: array({
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
      matchingAcls: array({
        errorCode: int16(),
        errorMessage: string({ nullable: true }),
        resourceType: int8(),
        resourceName: string(),
        patternType: int8({ default: 3 }),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
})

export interface DeleteAclsRequest extends Encodable<typeof DeleteAcls.request> {}
export interface DeleteAclsResponse extends Decoded<typeof DeleteAcls.response> {}
