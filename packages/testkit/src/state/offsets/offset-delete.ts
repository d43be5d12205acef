import { type ErrorName, errorCode } from '@ottla/codec'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import type { OffsetShard } from './offset-shard.ts'
import { OffsetWrites } from './offset-writes.ts'

/** Deletes the offsets of topics without subscribers. Responds with an error code per topic, in the order of `topics`. */
export function deleteOffsets(
  shard: OffsetShard,
  groupId: string,
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
  respond: (result: ErrorName | readonly number[]) => void,
): void {
  const group = shard.offsetKindOf(groupId)?.find(groupId)
  if (group === undefined) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  if (!group.canDeleteOffsets) {
    respond('NON_EMPTY_GROUP')
    return
  }
  const writes = new OffsetWrites(shard, groupId)
  const codes = topics.map(({ name, partitions }) => {
    if (group.isSubscribedTo(name)) return errorCode('GROUP_SUBSCRIBED_TO_TOPIC')
    for (const partition of partitions) {
      if (shard.offsets.latest.get(groupId, name, partition)) writes.remove(name, partition)
    }
    return 0
  })
  writes.send((error) => respond(error ? writeErrorForMember(error) : codes))
}

/** Deletes an empty group with all its offsets. */
export function deleteGroup(
  shard: OffsetShard,
  groupId: string,
  respond: (error: ErrorName | undefined) => void,
): void {
  const kind = shard.offsetKindOf(groupId)
  const group = kind?.find(groupId)
  if (kind === undefined || group === undefined) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  if (!group.isEmpty) {
    respond('NON_EMPTY_GROUP')
    return
  }
  const writes = new OffsetWrites(shard, groupId)
  writes.removeAll()
  for (const record of kind.tombstones(groupId)) writes.add(record)
  writes.send(
    (error) => respond(error && writeErrorForMember(error)),
    () => kind.remove(groupId),
  )
}

/** Deletes the offsets of a deleted topic in all groups. */
export function deleteTopicOffsets(shard: OffsetShard, topic: string): void {
  for (const groupId of [...shard.offsets.latest.groupIds()]) {
    const writes = new OffsetWrites(shard, groupId)
    for (const partition of shard.offsets.latest.topics(groupId).get(topic)?.keys() ?? [])
      writes.remove(topic, partition)
    writes.send(() => {})
  }
}
