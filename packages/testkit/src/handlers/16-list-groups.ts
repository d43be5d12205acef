import { errorCode, ListGroups } from '@ottla/codec'
import { listGroup } from '../state/group-describe.ts'
import { type Handler, serves } from './handler.ts'

const handle: Handler<typeof ListGroups> = ({ broker }, request) => {
  const shards = broker.services.groups.shards()
  if (typeof shards === 'string') return { throttleTimeMs: 0, errorCode: errorCode(shards), groups: [] }
  const states = request.statesFilter.map((state) => state.trim().toLowerCase())
  const types = request.typesFilter.map((type) => type.trim().toLowerCase())
  const groups = shards
    .flatMap((shard) => [...shard.groups.values()])
    .filter((group) => states.length === 0 || states.includes(group.state.toLowerCase()))
    .filter(() => types.length === 0 || types.includes('classic'))
    .map(listGroup)
  if (types.length === 0 || types.includes('share')) {
    const shares = shards.flatMap((shard) => [...shard.shares.groups.values()])
    const wanted = shares.filter(({ state }) => states.length === 0 || states.includes(state.toLowerCase()))
    for (const { groupId, state } of wanted) {
      groups.push({ groupId, protocolType: 'share', groupState: state, groupType: 'share' })
    }
  }
  return { throttleTimeMs: 0, errorCode: 0, groups }
}

export const listGroups = serves(ListGroups, { min: 0, max: 5 }, handle)
