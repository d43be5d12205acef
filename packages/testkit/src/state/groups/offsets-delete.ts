import { type ErrorName, errorCode } from '@ottla/codec'
import { groupGone } from '../consumer-groups/consumer-group-records.ts'
import { streamsGroupGone } from '../streams-groups/streams-group-records.ts'
import { groupTombstone } from './group-records.ts'
import { type GroupShard, writeErrorForMember } from './group-shard.ts'
import { OffsetWrites } from './offsets-writes.ts'

/** Removes offsets that no member is subscribed to; the codes are in the order of `topics`. */
export function deleteOffsets(
  shard: GroupShard,
  groupId: string,
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
  respond: (result: ErrorName | readonly number[]) => void,
): void {
  const classic = shard.groups.get(groupId)
  const group = classic ?? shard.consumerGroups.get(groupId) ?? shard.streamsGroups.get(groupId)
  if (!group) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  if (classic !== undefined && classic.state !== 'Empty' && !classic.usesConsumerProtocol()) {
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

/** Removes an empty group with all its offsets. */
export function deleteGroup(shard: GroupShard, groupId: string, respond: (error: ErrorName | undefined) => void): void {
  const consumers = shard.consumerGroups.get(groupId)
  const streams = shard.streamsGroups.get(groupId)
  const group = shard.groups.get(groupId)
  const state = (group ?? consumers ?? streams)?.state
  if (state === undefined) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  if (state !== 'Empty') {
    respond('NON_EMPTY_GROUP')
    return
  }
  const writes = new OffsetWrites(shard, groupId)
  writes.removeAll()
  const gone = consumers ? groupGone(consumers) : streams ? streamsGroupGone(streams) : []
  for (const { record } of gone) writes.add(record)
  if (group) writes.add(groupTombstone(groupId))
  writes.send(
    (error) => respond(error && writeErrorForMember(error)),
    () => {
      if (group) shard.removeGroup(group)
      shard.consumerGroups.delete(groupId)
      shard.streamsGroups.delete(groupId)
    },
  )
}

/** A deleted topic takes the offsets committed for it along, in all groups. */
export function deleteTopicOffsets(shard: GroupShard, topic: string): void {
  for (const groupId of [...shard.offsets.latest.groupIds()]) {
    const writes = new OffsetWrites(shard, groupId)
    for (const partition of shard.offsets.latest.topics(groupId).get(topic)?.keys() ?? [])
      writes.remove(topic, partition)
    writes.send(() => {})
  }
}
