import { api } from '../schema/api.ts'
import { array, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DeleteGroups = /* @__PURE__ */ api({
  key: 42,
  name: 'DeleteGroups',
  versions: '0-2',
  flexible: '2+',
  request: { groupsNames: list(string()) },
  response: { throttleTimeMs: int32(), results: array({ groupId: string(), errorCode: int16() }) },
})

export interface DeleteGroupsRequest extends Encodable<typeof DeleteGroups.request> {}
export interface DeleteGroupsResponse extends Decoded<typeof DeleteGroups.response> {}
