import { message } from '../schema/api.ts'
import { string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const StreamsGroupTopologyKey = /* @__PURE__ */ message({
  name: 'StreamsGroupTopologyKey',
  versions: '0',
  fields: { groupId: string() },
})

export interface StreamsGroupTopologyKey extends Decoded<typeof StreamsGroupTopologyKey> {}
