import { api } from '../schema/api.ts'
import { array, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ListGroups = /* @__PURE__ */ api({
  key: 16,
  name: 'ListGroups',
  versions: '0-5',
  flexible: '3+',
  request: { statesFilter: list(string(), { versions: '4+' }), typesFilter: list(string(), { versions: '5+' }) },
  response: {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16(),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string({ versions: '4+', ignorable: true }),
      groupType: string({ versions: '5+', ignorable: true }),
    }),
  },
})

export interface ListGroupsRequest extends Encodable<typeof ListGroups.request> {}
export interface ListGroupsResponse extends Decoded<typeof ListGroups.response> {}
