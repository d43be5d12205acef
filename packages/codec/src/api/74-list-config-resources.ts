import { api } from '../schema/api.ts'
import { array, int8, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ListConfigResources = /* @__PURE__ */ api({
  key: 74,
  name: 'ListConfigResources',
  versions: '0-1',
  flexible: '0+',
  request: { resourceTypes: list(int8(), { versions: '1+' }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: array({
      resourceName: string(),
      resourceType: int8({ versions: '1+', default: 16, ignorable: true }),
    }),
  },
})

export interface ListConfigResourcesRequest extends Encodable<typeof ListConfigResources.request> {}
export interface ListConfigResourcesResponse extends Decoded<typeof ListConfigResources.response> {}
