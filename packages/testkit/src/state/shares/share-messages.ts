import type { ErrorName } from '@ottla/codec'

/** Kafka's messages for errors in responses about share groups. */
const messages: Readonly<Partial<Record<ErrorName, string>>> = {
  COORDINATOR_LOAD_IN_PROGRESS: "The coordinator is loading and hence can't process requests.",
  COORDINATOR_NOT_AVAILABLE: 'The coordinator is not available.',
  FENCED_LEADER_EPOCH: 'The leader epoch in the request is older than the epoch on the broker.',
  FENCED_STATE_EPOCH: 'The share coordinator rejected the request because the share-group state epoch did not match.',
  GROUP_ID_NOT_FOUND: 'The group id does not exist.',
  INVALID_GROUP_ID: 'The group id is invalid.',
  INVALID_REQUEST:
    'This most likely occurs because of a request being malformed by the client library or the message was sent to an ' +
    'incompatible broker. See the broker logs for more details.',
  KAFKA_STORAGE_ERROR: 'Disk error when trying to access log file on the disk.',
  LEADER_NOT_AVAILABLE: 'There is no leader for this topic-partition as we are in the middle of a leadership election.',
  NON_EMPTY_GROUP: 'The group is not empty.',
  NOT_COORDINATOR: 'This is not the correct coordinator.',
  NOT_LEADER_OR_FOLLOWER:
    'For requests intended only for the leader, this error indicates that the broker is not the current leader. For ' +
    'requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.',
  OFFSET_NOT_AVAILABLE:
    'The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be ' +
    'monotonically increasing.',
  OFFSET_OUT_OF_RANGE: 'The requested offset is not within the range of offsets maintained by the server.',
  UNKNOWN_SERVER_ERROR: 'The server experienced an unexpected error when processing the request.',
  UNKNOWN_TOPIC_ID: 'This server does not host this topic ID.',
  UNKNOWN_TOPIC_OR_PARTITION: 'This server does not host this topic-partition.',
}

export function messageOf(error: ErrorName): string {
  return messages[error] ?? error
}
