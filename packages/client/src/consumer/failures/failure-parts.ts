import { textOf } from '../../error-data.ts'
import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { ConsumerParts } from '../parts.ts'
import { DeadLetterWriter } from './dead-letter-writer.ts'
import { FailureSender } from './failure-sender.ts'
import type { OwnSender } from './record-sender.ts'
import { type ForwardedNotice, type RecoveryHost, TopicRecovery } from './recovery.ts'
import { isSubscribed } from './subscribed.ts'
import { UnreadableBatches } from './unreadable.ts'

/** The parts of a consumer for failures, for `assemble.ts`. `fail`: the partition is not read until a seek. */
export function createFailureParts(
  parts: ConsumerParts,
  createSender: (() => OwnSender) | undefined,
  fail: (partition: AssignedPartition, error: KafkaError) => void,
): Pick<ConsumerParts, 'failureSender' | 'unreadable' | 'deadLetters'> {
  const { runtime, cluster, events, options } = parts
  const { groupId, deadLetter } = options
  const failureSender = new FailureSender(runtime, createSender)
  const unreadable = new UnreadableBatches({
    ...{ runtime, sender: failureSender, policy: options.onUnreadable, groupId, fail },
    onSkipped: (partition, notice) => {
      const { topic, partition: index, firstOffset, lastOffset, action, error } = notice
      const fields = { topic, partition: index, firstOffset, lastOffset, action, error: String(error) }
      cluster.logger.warn('a batch that cannot be read was skipped', fields)
      events.emit('unreadable', notice)
      if (partition.progress.uncommittedTail !== undefined) parts.flush.follow(partition)
      parts.ready(partition)
    },
  })
  const host: RecoveryHost = {
    ...{ runtime, groupId, sender: failureSender },
    isRead: (topic) => isSubscribed(options, topic),
    onForwarded: (notice) => reportForwarded(parts, notice),
  }
  const recovery = new TopicRecovery(host, { deadLetter, retryTopics: [] }, -1)
  return { failureSender, unreadable, deadLetters: deadLetter && new DeadLetterWriter(recovery) }
}

/** Counts, logs and reports a record that was stored elsewhere. */
export function reportForwarded({ cluster, events }: ConsumerParts, { failed, stored, dueMs }: ForwardedNotice): void {
  const { message, attempts, error } = failed
  const { topic, partition, offset } = message
  const to = { topic: stored.topic, partition: stored.partition, offset: stored.offset }
  const event = { topic, partition, offset, attempts, error, to }
  cluster.metrics.counter(dueMs === undefined ? 'consumer.deadLetters' : 'consumer.delayedRecords').add(1)
  if (dueMs !== undefined) {
    events.emit('delayed', { ...event, dueMs })
    return
  }
  const fields = { topic, partition, offset, attempts, to: to.topic, error: textOf(error) }
  cluster.logger.warn('a message was sent to the dead letter topic', fields)
  events.emit('deadLettered', event)
}
