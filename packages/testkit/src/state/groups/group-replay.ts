import { readConsumerGroupChange } from '../consumer-groups/consumer-group-records.ts'
import type { GroupRecord } from '../coordinators/coordinator-record.ts'
import { applyStreamsGroupChange, readStreamsGroupChange } from '../streams-groups/streams-group-records.ts'
import { applyConsumerGroupChange } from './group-operation.ts'
import { replay } from './group-records.ts'
import type { GroupShard } from './group-shard.ts'

/** Applies a record of any kind of group read back from the log; with a producer it waits for the end of its transaction. */
export function replayRecord(shard: GroupShard, record: GroupRecord, producerId?: bigint): void {
  const change = readConsumerGroupChange(record)
  const streams = change === undefined ? readStreamsGroupChange(record) : undefined
  if (change !== undefined) applyConsumerGroupChange(shard, change)
  else if (streams !== undefined) applyStreamsGroupChange(shard, streams)
  else replay(shard, record, producerId)
}
