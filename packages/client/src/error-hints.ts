import type { ErrorName } from '@ottla/codec'

const hints: Partial<Record<ErrorName, string>> = {
  CLUSTER_AUTHORIZATION_FAILED: 'Request an ACL on the cluster resource for this principal.',
  FENCED_INSTANCE_ID: 'Give each member an `instanceId` of its own: another consumer uses this one.',
  GROUP_AUTHORIZATION_FAILED: 'Request an ACL that allows this principal to READ the group.',
  GROUP_MAX_SIZE_REACHED:
    "Raise the broker's group.max.size (group.consumer.max.size with protocol 'consumer'), or run fewer members: the group is full.",
  INCONSISTENT_GROUP_PROTOCOL:
    'Compare `assignors` with the other members: a group needs one assignor and one protocol type in common.',
  INVALID_GROUP_ID: 'Set a `groupId` that is not empty.',
  INVALID_REGULAR_EXPRESSION:
    'Correct the pattern of re2(): the brokers match it with RE2, which lacks some features of RegExp.',
  INVALID_REPLICATION_FACTOR: 'Choose a replication factor between 1 and the number of brokers.',
  INVALID_SESSION_TIMEOUT:
    "Set `sessionTimeoutMs` between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms.",
  INVALID_TOPIC_EXCEPTION:
    "Choose a topic name of 1 to 249 characters of A-Z a-z 0-9 . _ and -, other than '.' and '..'.",
  MESSAGE_TOO_LARGE: "Send smaller records, or raise the topic's max.message.bytes.",
  NOT_ENOUGH_REPLICAS: 'Look for a broker that is down: fewer replicas are in sync than min.insync.replicas requires.',
  PRODUCER_FENCED: 'Give each instance a transactionalId of its own: another instance uses this one.',
  RECORD_LIST_TOO_LARGE: "Send smaller batches, or raise the broker's message.max.bytes.",
  SASL_AUTHENTICATION_FAILED: 'Check user name, password and mechanism of the `sasl` option.',
  TOPIC_ALREADY_EXISTS: 'Choose another name, or use the existing topic: it was not changed.',
  TOPIC_AUTHORIZATION_FAILED: 'Request an ACL that allows this principal to use the topic.',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'Request an ACL that allows this principal to WRITE the transactionalId.',
  UNRELEASED_INSTANCE_ID:
    'Give each member an `instanceId` of its own: another consumer that has not left uses this one.',
  UNSUPPORTED_ASSIGNOR: "Choose a `remoteAssignor` that the brokers have, such as 'uniform' or 'range'.",
  UNKNOWN_TOPIC_OR_PARTITION:
    'Create the topic first (admin.createTopics) or check its spelling: the client does not create topics automatically.',
}

/** What a user can do about an error code of the broker; undefined where nothing general can be said. */
export function hintOf(name: ErrorName): string | undefined {
  return hints[name]
}
