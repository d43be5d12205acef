import { errorCode, ListGroups } from '@ottla/codec'
import { type Handler, serves } from './handler.ts'

const handle: Handler<typeof ListGroups> = ({ broker }, request) => {
  const shards = broker.services.groups.shards()
  if (typeof shards === 'string') return { throttleTimeMs: 0, errorCode: errorCode(shards), groups: [] }
  const states = request.statesFilter.map((state) => state.trim().toLowerCase())
  const types = request.typesFilter.map((type) => type.trim().toLowerCase())
  const groups = shards
    .flatMap((shard) => shard.list())
    .filter(({ groupState = '' }) => states.length === 0 || states.includes(groupState.toLowerCase()))
    .filter(({ groupType = '' }) => types.length === 0 || types.includes(groupType))
  return { throttleTimeMs: 0, errorCode: 0, groups }
}

export const listGroupsHandler = serves(ListGroups, { min: 0, max: 5 }, handle)
