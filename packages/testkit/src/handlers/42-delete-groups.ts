import { DeleteGroups, type Encodable, type ErrorName, errorCode } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { deleteGroup } from '../state/offsets/offset-delete.ts'
import { deleteShareGroup } from '../state/shares/share-offsets.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

type Response = Encodable<typeof DeleteGroups.response>

const handle: Handler<typeof DeleteGroups> = (context, request) => {
  const groupIds = [...new Set(request.groupsNames)]
  if (groupIds.length === 0) return { throttleTimeMs: 0, results: [] }
  const codes = new Map<string, number>()
  const held = new Held<Response | typeof closeConnection>(context.cluster.runtime)
  for (const groupId of groupIds) {
    const deleted = (error: ErrorName | undefined): void => {
      codes.set(groupId, error ? errorCode(error) : 0)
      if (codes.size < groupIds.length) return
      const results = groupIds.map((each) => ({ groupId: each, errorCode: codes.get(each) ?? 0 }))
      held.complete({ throttleTimeMs: 0, results })
    }
    const shard = context.broker.services.groups.shardOf(groupId)
    if (typeof shard === 'string') deleted(shard)
    else if (shard.shares.groups.has(groupId)) {
      deleteShareGroup(context.broker.services.shareGroups, shard, groupId, deleted)
    } else deleteGroup(shard, groupId, deleted)
  }
  return held
}

export const deleteGroupsHandler = serves(DeleteGroups, { min: 0, max: 2 }, handle)
