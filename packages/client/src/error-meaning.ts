import { allErrors, errorOf } from '@ottla/codec'
import { clientErrorCodes, type ErrorCode, KafkaError } from './errors.ts'

/**
 * What an error code means. This file is the only one that interprets codes; every other part of the client maps a meaning to its
 * own action.
 */
export interface ErrorMeaning {
  /**
   * A later attempt may succeed. Includes more codes than `KafkaError.retriable`, which is Kafka's classification: also a broker
   * that failed in an unexpected way. Retry reads and group requests while it is true. Retry writes only while the error is
   * `retriable`, because that broker may have written.
   */
  readonly transient: boolean
  /** The cached metadata is wrong, or may be. */
  readonly staleMetadata: boolean
  /** Which role another broker has now, or has in a newer epoch. */
  readonly moved: 'leader' | 'coordinator' | 'controller' | undefined
  /** The broker is the right one and not ready yet: it is loading its state, or waits for the end of a transaction. */
  readonly notReady: boolean
  /** The partition has no leader at the moment. */
  readonly noLeader: boolean
  /** The brokers do not have the topic or the partition. */
  readonly missingTopic: boolean
  /** The metadata of a commit exceeds the broker's limit; the offset alone would be stored. */
  readonly metadataTooLarge: boolean
  /** An ACL is missing, on the topic or on something else. It heals when the right is granted. */
  readonly forbidden: 'topic' | 'other' | undefined
  /** No topic can have this name. */
  readonly invalidTopicName: boolean
  /** The log does not contain the offset. */
  readonly outOfRange: boolean
  /** The fetch session is gone: a full request opens another one. */
  readonly fetchSessionLost: boolean
  /**
   * What the leader reports of a share session: it does not have it, and the locks are gone with it; it expects another epoch; it has
   * as many as it may have.
   */
  readonly shareSession: 'unknown' | 'stale-epoch' | 'too-many' | undefined
  /** The member does not hold the lock of the record, or the acknowledgement does not fit its state. */
  readonly notLocked: boolean
  /** There is no group of this kind with this id. */
  readonly missingGroup: boolean
  /** The brokers belong to another cluster now: the bootstrap list has to be used again (KIP-1102). */
  readonly rebootstrap: boolean
  /**
   * What the coordinator reports of a member: its id is unknown; its generation is over; another member uses its instance id; it
   * has to join again with the id in the response; the group is rebalancing; the group uses none of its assignors. With KIP-848: its
   * epoch is fenced; the coordinator has given it a later epoch; its instance id belongs to a member that has not left.
   */
  readonly member:
    | 'unknown'
    | 'stale-generation'
    | 'replaced'
    | 'id-required'
    | 'rebalancing'
    | 'incompatible'
    | 'fenced-epoch'
    | 'stale-epoch'
    | 'unreleased'
    | undefined
  /**
   * What the leader reports of a producer: its batch is a duplicate; its sequence numbers do not follow the last ones; its id or
   * epoch is not accepted.
   */
  readonly producer: 'duplicate' | 'out-of-sequence' | 'identity-refused' | undefined
  /**
   * What it means for a transaction: another instance uses the transactionalId; the transaction has to be aborted; the coordinator
   * has no producer id for the transactionalId any more; the transaction is not in the state that the request needs; a right without
   * which no transaction is possible is missing.
   */
  readonly transaction: 'fenced' | 'abortable' | 'id-lost' | 'wrong-state' | 'forbidden' | undefined
  /**
   * In a Produce response it proves that the leader appended nothing. After any other error it may have appended: a broker that is
   * no longer the leader may have done so before, and the next leader keeps the batch.
   */
  readonly notWritten: boolean
  /** The batch is larger than the broker or the topic allows: a smaller one may pass. */
  readonly tooLarge: boolean
  /** Fewer replicas are in sync than the topic requires. */
  readonly fewReplicas: boolean
  /** The peer sent bytes that cannot be read, and the connection was closed: they say nothing about the request. */
  readonly unreadable: boolean
  /** The port has no SASL, or SASL refused the credentials. */
  readonly sasl: 'not-offered' | 'refused' | undefined
  /** TLS failed with the certificates and keys of this connection. */
  readonly tlsFailed: boolean
  /** The broker does not have this version of the API. */
  readonly unsupportedVersion: boolean
  /**
   * How the connection failed: no broker could be reached; this connection could not be opened; it ended before the response;
   * the response did not arrive in time.
   */
  readonly connection: 'unreachable' | 'not-opened' | 'lost' | 'timed-out' | undefined
  /** The client itself ended the call: by the caller's signal, because it closed, or at the call's deadline. */
  readonly ended: 'aborted' | 'closed' | 'deadline' | undefined
}

/** The additions to the codec's table, which has Kafka's own `retriable` and `refreshMetadata` of each code. */
const rows: Partial<Record<ErrorCode, Partial<ErrorMeaning>>> = {
  // ---- where things are
  LEADER_NOT_AVAILABLE: { noLeader: true },
  NOT_LEADER_OR_FOLLOWER: { moved: 'leader' },
  FENCED_LEADER_EPOCH: { moved: 'leader' },
  UNKNOWN_LEADER_EPOCH: { moved: 'leader' },
  NOT_COORDINATOR: { moved: 'coordinator' },
  COORDINATOR_NOT_AVAILABLE: { moved: 'coordinator' },
  NOT_CONTROLLER: { moved: 'controller' },
  COORDINATOR_LOAD_IN_PROGRESS: { notReady: true },
  UNSTABLE_OFFSET_COMMIT: { notReady: true },
  CONCURRENT_TRANSACTIONS: { notReady: true, notWritten: true },
  // A new leader without a high watermark yet. Java refreshes its metadata too: an outdated leader reports the same.
  OFFSET_NOT_AVAILABLE: { staleMetadata: true },
  UNKNOWN_TOPIC_OR_PARTITION: { missingTopic: true },
  UNKNOWN_TOPIC_ID: { missingTopic: true },
  OFFSET_METADATA_TOO_LARGE: { metadataTooLarge: true },
  REBOOTSTRAP_REQUIRED: { rebootstrap: true },
  // A bug or a temporary state of the broker. Not retriable in Kafka's classification, because the broker may have acted.
  UNKNOWN_SERVER_ERROR: { transient: true },

  // ---- fetching
  OFFSET_OUT_OF_RANGE: { outOfRange: true },
  FETCH_SESSION_ID_NOT_FOUND: { fetchSessionLost: true },
  INVALID_FETCH_SESSION_EPOCH: { fetchSessionLost: true },

  // ---- share groups
  SHARE_SESSION_NOT_FOUND: { shareSession: 'unknown' },
  INVALID_SHARE_SESSION_EPOCH: { shareSession: 'stale-epoch' },
  SHARE_SESSION_LIMIT_REACHED: { shareSession: 'too-many' },
  INVALID_RECORD_STATE: { notLocked: true },
  GROUP_ID_NOT_FOUND: { missingGroup: true },

  // ---- rights
  GROUP_AUTHORIZATION_FAILED: { forbidden: 'other' },
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: { forbidden: 'other', notWritten: true, transaction: 'forbidden' },
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: { forbidden: 'other' },

  // ---- group membership
  UNKNOWN_MEMBER_ID: { member: 'unknown' },
  ILLEGAL_GENERATION: { member: 'stale-generation' },
  FENCED_INSTANCE_ID: { member: 'replaced' },
  MEMBER_ID_REQUIRED: { member: 'id-required' },
  REBALANCE_IN_PROGRESS: { member: 'rebalancing' },
  INCONSISTENT_GROUP_PROTOCOL: { member: 'incompatible' },
  FENCED_MEMBER_EPOCH: { member: 'fenced-epoch' },
  STALE_MEMBER_EPOCH: { member: 'stale-epoch' },
  UNRELEASED_INSTANCE_ID: { member: 'unreleased' },

  // ---- producing
  DUPLICATE_SEQUENCE_NUMBER: { producer: 'duplicate' },
  OUT_OF_ORDER_SEQUENCE_NUMBER: { producer: 'out-of-sequence', notWritten: true },
  UNKNOWN_PRODUCER_ID: { producer: 'out-of-sequence', notWritten: true },
  INVALID_PRODUCER_EPOCH: { producer: 'identity-refused', notWritten: true, transaction: 'fenced' },
  INVALID_PRODUCER_ID_MAPPING: { producer: 'identity-refused', notWritten: true, transaction: 'id-lost' },
  PRODUCER_FENCED: { notWritten: true, transaction: 'fenced' },
  TRANSACTION_ABORTABLE: { notWritten: true, transaction: 'abortable' },
  INVALID_TXN_STATE: { notWritten: true, transaction: 'wrong-state' },
  MESSAGE_TOO_LARGE: { tooLarge: true, notWritten: true },
  RECORD_LIST_TOO_LARGE: { tooLarge: true, notWritten: true },
  CLUSTER_AUTHORIZATION_FAILED: { notWritten: true, forbidden: 'other', transaction: 'forbidden' },
  CORRUPT_MESSAGE: { notWritten: true },
  INVALID_RECORD: { notWritten: true },
  INVALID_REQUIRED_ACKS: { notWritten: true },
  INVALID_TIMESTAMP: { notWritten: true },
  INVALID_TOPIC_EXCEPTION: { notWritten: true, invalidTopicName: true },
  NOT_ENOUGH_REPLICAS: { notWritten: true, fewReplicas: true },
  // The leader has appended the batch.
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: { fewReplicas: true },
  POLICY_VIOLATION: { notWritten: true },
  TOPIC_AUTHORIZATION_FAILED: { notWritten: true, forbidden: 'topic' },
  UNSUPPORTED_COMPRESSION_TYPE: { notWritten: true },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: { notWritten: true },
  UNSUPPORTED_VERSION: { unsupportedVersion: true, notWritten: true },

  // ---- connections and calls
  ILLEGAL_SASL_STATE: { sasl: 'not-offered' },
  SASL_AUTHENTICATION_FAILED: { sasl: 'refused' },
  TLS_FAILED: { tlsFailed: true },
  NO_BROKER_REACHABLE: { connection: 'unreachable', transient: true },
  CONNECTION_FAILED: { connection: 'not-opened', transient: true },
  CONNECTION_LOST: { connection: 'lost', transient: true, staleMetadata: true },
  REQUEST_TIMED_OUT: { connection: 'timed-out' },
  PROTOCOL_ERROR: { unreadable: true },
  ABORTED: { ended: 'aborted' },
  // The object of a broker is closed when the broker moves; the next attempt uses another object.
  CLOSED: { ended: 'closed', transient: true },
  TIMED_OUT: { ended: 'deadline', transient: true },
  BUFFER_FULL: { transient: true },
  DELIVERY_TIMED_OUT: { transient: true },
}

const nothing: ErrorMeaning = {
  transient: false,
  staleMetadata: false,
  moved: undefined,
  notReady: false,
  noLeader: false,
  missingTopic: false,
  metadataTooLarge: false,
  forbidden: undefined,
  invalidTopicName: false,
  outOfRange: false,
  fetchSessionLost: false,
  shareSession: undefined,
  notLocked: false,
  missingGroup: false,
  rebootstrap: false,
  member: undefined,
  producer: undefined,
  transaction: undefined,
  notWritten: false,
  tooLarge: false,
  fewReplicas: false,
  unreadable: false,
  sasl: undefined,
  tlsFailed: false,
  unsupportedVersion: false,
  connection: undefined,
  ended: undefined,
}

const byName = new Map<ErrorCode, ErrorMeaning>()

/** What a code means, by its name or its number. A number of a later Kafka means UNKNOWN_SERVER_ERROR. */
export function meaningOf(code: ErrorCode | number): ErrorMeaning {
  if (byName.size === 0) {
    for (const { name, retriable: transient, refreshMetadata: staleMetadata } of allErrors()) {
      byName.set(name, Object.freeze({ ...nothing, transient, staleMetadata, ...rows[name] }))
    }
    for (const name of clientErrorCodes) byName.set(name, Object.freeze({ ...nothing, ...rows[name] }))
  }
  // A code of a later release of this package, in an error of its other build.
  return byName.get(typeof code === 'number' ? errorOf(code).name : code) ?? nothing
}

/**
 * Whether the next attempt may succeed. Other failures (a wrong password, a missing ACL, a bug of this client) are permanent, and
 * silent retries would hide them. An error can be permanent although its code alone is not: a topic lacks a partition that the
 * caller names.
 */
export function isTransient(error: unknown): error is KafkaError {
  return KafkaError.is(error) && (error.retriable || rows[error.code]?.transient === true)
}

/**
 * Whether the coordinator has to be looked up again after a request to it failed: it moved, or the request did not reach it. An
 * error that the coordinator itself reports, or one of a single partition, is no reason for a look-up.
 */
export function coordinatorLost(error: unknown): boolean {
  if (!KafkaError.is(error)) return false
  const { moved, notReady, ended } = meaningOf(error.code)
  if (moved === 'coordinator') return true
  return (error.retriable || ended === 'closed') && !notReady && error.topic === undefined
}

/** The same failure for a request that was not written: for it, a lost connection is one that could not be opened. */
export function notSent(error: KafkaError): KafkaError {
  if (error.outcome === 'not-written') return error
  const { connection } = meaningOf(error.code)
  const code = connection === 'lost' || connection === 'timed-out' ? 'CONNECTION_FAILED' : error.code
  return error.with({ code, outcome: 'not-written', cause: error.cause ?? error })
}
