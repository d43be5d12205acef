import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { ConsumerParts } from '../parts.ts'
import { FailureSender } from './failure-sender.ts'
import type { OwnSender } from './record-sender.ts'
import { UnreadableBatches } from './unreadable.ts'

/** The parts of a consumer for failures, for `assemble.ts`. `fail`: the partition is not read until a seek. */
export function createFailureParts(
  parts: ConsumerParts,
  createSender: (() => OwnSender) | undefined,
  fail: (partition: AssignedPartition, error: KafkaError) => void,
): Pick<ConsumerParts, 'failureSender' | 'unreadable'> {
  const { runtime, cluster, events, options } = parts
  const failureSender = new FailureSender(runtime, createSender)
  const unreadable = new UnreadableBatches({
    ...{ runtime, sender: failureSender, policy: options.onUnreadable, groupId: options.groupId, fail },
    onSkipped: (partition, notice) => {
      const { topic, partition: index, firstOffset, lastOffset, action, error } = notice
      const fields = { topic, partition: index, firstOffset, lastOffset, action, error: String(error) }
      cluster.logger.warn('a batch that cannot be read was skipped', fields)
      events.emit('unreadable', notice)
      if (partition.progress.uncommittedTail !== undefined) parts.committer.follow(partition)
      parts.ready(partition)
    },
  })
  return { failureSender, unreadable }
}
