import { invalidOption, optionError } from '../errors.ts'
import type { Assignor } from '../group/assignors/assignor.ts'
import { type AssignorName, assignorRule, resolveAssignors } from '../group/assignors/assignor-option.ts'
import type { ProtocolAssignor } from '../group/assignors/protocol-assignor.ts'
import type { RawAssignor } from '../group/assignors/raw-assignor.ts'
import type { TopicPartition } from '../group/membership.ts'
import { isStartOffset, isStartPlace, type StartOffset, type StartPlace, startPlaces } from '../group/offset-input.ts'
import {
  flag,
  integer,
  milliseconds,
  type OptionRule,
  oneOf,
  optionalFunction,
  optionalValue,
  resolveOptions,
  text,
} from '../option-table.ts'
import type { OutputOf } from '../topics/serde.ts'
import { isTopic, type Topic } from '../topics/topic.ts'
import type { BadRecordPolicy } from './decoding/bad-records.ts'
import type { TypedTopic } from './decoding/record-decoder.ts'
import { type DeadLetterOptions, type ResolvedDeadLetter, resolveDeadLetter } from './failures/failure-options.ts'
import { type OnUnreadable, resolveOnUnreadable, type UnreadablePolicy } from './failures/unreadable.ts'
import { type ByteBudget, isByteBudget } from './fetching/byte-budget.ts'
import type { Message } from './message.ts'
import type { ReadEnd } from './offsets/read-ends.ts'
import { checkSource, isReadEnd } from './source-options.ts'
import { areSelectors, nameOf, selectorsOf, selectorsText, serdesOf, untyped } from './topic-input.ts'
import { isRe2, type Re2Pattern, type TopicSelector, type UntypedSelector } from './topic-selector.ts'

export type { TopicSelector } from './topic-selector.ts'

export interface AssignedPartition<S extends string | Topic = string> extends Omit<TopicPartition, 'topic'> {
  /** Its name, or a typed topic. */
  readonly topic: S
  /** Default: the group's committed offset if there is a `groupId`, else `from`, else by `offsetReset`. */
  readonly offset?: StartOffset | undefined
}

/**
 * The messages of topics. With typed topics they are a union, distinguished by `topic`; names and patterns alone have messages of
 * bytes.
 */
export type MessageOf<S extends TopicSelector> = [S] extends [UntypedSelector]
  ? Message
  : S extends Topic<infer Name, infer Key, infer Value>
    ? Message<Name, OutputOf<Key> | null, OutputOf<Value> | null>
    : S extends string
      ? Message<S>
      : Message

/**
 * When processed messages are committed. 'auto': every 5 s, before a revocation and on close. `{ intervalMs, count }`: the same
 * with other limits, whichever is reached first. 'manual': only by `commit`, and only what was passed to `done` or `commit`.
 * 'none': only by `commit`, which commits all processed messages.
 */
export type CommitMode =
  | 'auto'
  | 'manual'
  | 'none'
  | { readonly intervalMs?: number | undefined; readonly count?: number | undefined }

export interface RebalanceContext {
  /** Aborts when the hook no longer matters: the partitions were lost meanwhile, or it took too long. */
  readonly signal: AbortSignal
}

export type RebalanceHook = (partitions: readonly TopicPartition[], context: RebalanceContext) => void | Promise<void>

/** Options of `kafka.consumer(…)`. All times are in milliseconds, all sizes in bytes. */
export interface ConsumerOptions<Selector extends TopicSelector = UntypedSelector> {
  /** Members of a group share the partitions. Without it `topics` require `from`. */
  readonly groupId?: string | undefined
  /**
   * Names, patterns and typed topics. The client matches a RegExp, the brokers match `re2('…')`, both also against topics created
   * later; a typed topic among them is decoded too.
   */
  readonly topics?: Selector | readonly Selector[] | undefined
  /** Reads these partitions without joining a group, instead of `topics`; an engine may change them later. */
  readonly assign?: readonly AssignedPartition<Exclude<Selector, RegExp | Re2Pattern>>[] | undefined
  /**
   * Where to start without a group. With `topics` all their partitions are read, also those that are added later; with `assign`
   * those without an `offset`. Default: by `offsetReset`.
   */
  readonly from?: StartPlace | undefined
  /**
   * Where reading ends: 'end', the end of each partition when it is first assigned; `{ timestamp }`, before its first record of that
   * time or later, or at that end; `[{ topic, partition, offset }]`, before these offsets. A reader ends by itself once each
   * partition is there. Default: it never does.
   */
  readonly until?: ReadEnd | undefined
  /**
   * Where to start without a committed offset, or when the log no longer contains it: an end of the log, `{ timestamp }`,
   * `{ durationMs }` (that long ago, KIP-1106) or `{ last }` (that many offsets before the end); 'none' fails in these cases.
   * Default 'latest', as in Java; with `from` it is 'earliest'.
   */
  readonly offsetReset?: StartPlace | 'none' | undefined
  /** Default 'auto'; 'none' without a `groupId`. */
  readonly commit?: CommitMode | undefined
  /**
   * Whether a start position that `offsetReset` chose is committed immediately, so that the group does not choose again, and skip
   * records, when the member dies before its first commit. Default true with automatic commits, else false.
   */
  readonly commitStart?: boolean | undefined
  /**
   * What to do with a record whose key or value its typed topic cannot decode. 'fail': the reader rejects, and the next one starts with
   * the same record. 'skip': the position moves over it. 'dead-letter': it is written to the dead letter topic first. A function
   * decides for each record, and may return a promise: its partition waits, the others continue. Default 'fail'.
   */
  readonly onBadRecord?: BadRecordPolicy | undefined
  /** Whether to deliver only records of committed transactions, or all records. Default 'read_committed'. */
  readonly isolation?: 'read_committed' | 'read_uncommitted' | undefined
  /**
   * The group protocol: that of JoinGroup and SyncGroup, or that of KIP-848, in which the brokers assign and only partitions that
   * move stop; 'auto' uses 'consumer' where the brokers have it. Members of both can be in one group. Default 'classic'.
   */
  readonly protocol?: 'classic' | 'consumer' | 'auto' | undefined
  /** With `protocol: 'consumer'`: the assignor of the brokers, 'uniform' or 'range'. Default: the first one of the brokers. */
  readonly remoteAssignor?: string | undefined
  /**
   * In order of preference, for the classic protocol: 'range', 'roundrobin', 'sticky', 'cooperative-sticky', or objects of your own.
   * Default ['range', 'cooperative-sticky'], as in Java.
   */
  readonly assignors?: readonly (AssignorName | Assignor | RawAssignor)[] | undefined
  /** Makes this a static member (KIP-345), which keeps its partitions across a restart within the session timeout. */
  readonly instanceId?: string | undefined
  /** Reads from replicas in this rack, if there are any (KIP-392), and prefers partitions that have some (KIP-881). */
  readonly rack?: string | undefined
  /** With `protocol: 'consumer'` that of the brokers is decisive (group.consumer.session.timeout.ms). Default 45 000. */
  readonly sessionTimeoutMs?: number | undefined
  /** For the classic protocol; else the brokers decide. Default 3 000. */
  readonly heartbeatIntervalMs?: number | undefined
  /** How long a rebalance waits for this member, including its hooks. Default 300 000. */
  readonly rebalanceTimeoutMs?: number | undefined
  /**
   * Longest time to process one message or batch; after it the consumer leaves the group (Java: max.poll.interval.ms).
   * Default 300 000.
   */
  readonly maxProcessingMs?: number | undefined
  /** How long a revocation waits for running handlers. Default 5 000. */
  readonly revokeGraceMs?: number | undefined
  /** Bytes the broker should collect before it responds to a fetch. Default 1. */
  readonly minBytes?: number | undefined
  /** How long the broker may hold a fetch to reach `minBytes`. Default 500. */
  readonly maxWaitMs?: number | undefined
  /** Maximum size of a fetch response. Default 50 MiB. */
  readonly maxBytes?: number | undefined
  /** Maximum per partition in a fetch response. Default 1 MiB. */
  readonly partitionMaxBytes?: number | undefined
  /** Maximum of fetched and decompressed bytes that wait for delivery. Default 64 MiB. */
  readonly maxBufferedBytes?: number | undefined
  /** A budget of `createByteBudget` (of ottla/engine) that several consumers share, instead of `maxBufferedBytes`. */
  readonly fetchBudget?: ByteBudget | undefined
  /** Maximum decompressed size of a record batch. Default 128 MiB. */
  readonly maxDecompressedBytes?: number | undefined
  /** Default true. */
  readonly checkCrcs?: boolean | undefined
  /** Where `run` sends messages whose handler fails for good, unless its own options say it. Default: nowhere. */
  readonly deadLetter?: DeadLetterOptions | undefined
  /**
   * What happens to a batch that cannot be read: 'fail', 'skip', 'dead-letter' (a description is sent to `deadLetter`), or a function
   * that decides. Default 'fail': the reader rejects, and the partition is not read until a seek.
   */
  readonly onUnreadable?: OnUnreadable | undefined
  /** Awaited before the first record of the partitions is delivered; may seek. */
  readonly onAssigned?: RebalanceHook | undefined
  /**
   * Awaited before the partitions are released; may mark items as processed and commit. Its second argument is a signal, which
   * aborts when the partitions are lost meanwhile.
   */
  readonly onRevoked?: RebalanceHook | undefined
  /** Awaited after the partitions were lost: another member may own them, so nothing can be committed. */
  readonly onLost?: RebalanceHook | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
export const isPartition = (value: unknown) =>
  isObject(value) &&
  (typeof value.topic === 'string' || isTopic(value.topic)) &&
  Number.isInteger(value.partition) &&
  (value.partition as number) >= 0 &&
  Object.keys(value).every((key) => key === 'topic' || key === 'partition' || key === 'offset') &&
  (value.offset === undefined || isStartOffset(value.offset))
const isCount = (value: unknown) => value === undefined || (Number.isSafeInteger(value) && (value as number) > 0)
const isCommitMode = (value: unknown) =>
  value === 'auto' ||
  value === 'manual' ||
  value === 'none' ||
  (isObject(value) &&
    Object.keys(value).every((key) => key === 'intervalMs' || key === 'count') &&
    isCount(value.intervalMs) &&
    isCount(value.count))

const offsetResetRule: OptionRule<StartPlace | 'none'> = {
  default: 'latest',
  check: (value) => (value === 'none' || isStartPlace(value) ? undefined : `must be one of 'none', ${startPlaces}`),
}

const badRecordRule: OptionRule<BadRecordPolicy> = {
  default: 'fail',
  check: (value) =>
    typeof value === 'function' || value === 'fail' || value === 'skip' || value === 'dead-letter'
      ? undefined
      : "must be 'fail', 'skip', 'dead-letter' or a function",
}

/** Every option of a consumer with its default. */
export const consumerOptions = Object.freeze({
  groupId: text(undefined),
  topics: optionalValue<TopicSelector | readonly TopicSelector[]>(areSelectors, selectorsText),
  assign: optionalValue<readonly AssignedPartition<string | Topic>[]>(
    (value) => Array.isArray(value) && value.every(isPartition),
    'must list partitions as { topic, partition, offset? }',
  ),
  from: optionalValue<StartPlace>(isStartPlace, `must be one of ${startPlaces}`),
  until: optionalValue<ReadEnd>(isReadEnd, "must be 'end', { timestamp } or a list of { topic, partition, offset }"),
  offsetReset: offsetResetRule,
  commit: optionalValue<CommitMode>(isCommitMode, "must be 'auto', 'manual', 'none' or { intervalMs, count }"),
  commitStart: optionalValue<boolean>((value) => typeof value === 'boolean', 'must be true or false'),
  onBadRecord: badRecordRule,
  isolation: oneOf(['read_committed', 'read_uncommitted'], 'read_committed'),
  protocol: oneOf<'classic' | 'consumer' | 'auto'>(['classic', 'consumer', 'auto'], 'classic'),
  remoteAssignor: text(undefined),
  assignors: assignorRule,
  instanceId: text(undefined),
  rack: text(undefined),
  sessionTimeoutMs: milliseconds(45_000, 1),
  heartbeatIntervalMs: milliseconds(3_000, 1),
  rebalanceTimeoutMs: milliseconds(300_000, 1),
  maxProcessingMs: milliseconds(300_000, 1),
  revokeGraceMs: milliseconds(5_000),
  minBytes: integer(1, 0, 0x7fffffff),
  maxWaitMs: milliseconds(500),
  maxBytes: integer(50 << 20, 1, 0x7fffffff),
  partitionMaxBytes: integer(1 << 20, 1, 0x7fffffff),
  maxBufferedBytes: integer(64 << 20, 1),
  fetchBudget: optionalValue<ByteBudget>(isByteBudget, 'must be a budget of createByteBudget()'),
  maxDecompressedBytes: integer(128 << 20, 1, 0x7fffffff),
  checkCrcs: flag(true),
  // Examined by `resolveDeadLetter` and `resolveOnUnreadable`.
  deadLetter: optionalValue<DeadLetterOptions>(() => true, ''),
  onUnreadable: optionalValue<OnUnreadable>(() => true, ''),
  onAssigned: optionalFunction<RebalanceHook>(),
  onRevoked: optionalFunction<RebalanceHook>(),
  onLost: optionalFunction<RebalanceHook>(),
})

/** When to commit by itself; `mark` says what `next()` does with the item before. */
export interface CommitPolicy {
  readonly mark: boolean
  readonly automatic: boolean
  readonly intervalMs: number
  readonly count: number
}

type Table = ReturnType<typeof resolveOptions<typeof consumerOptions>>

export interface ResolvedConsumerOptions
  extends Omit<Table, 'topics' | 'assign' | 'commit' | 'commitStart' | 'assignors' | 'deadLetter' | 'onUnreadable'> {
  readonly deadLetter: ResolvedDeadLetter | undefined
  readonly onUnreadable: UnreadablePolicy
  readonly commitStart: boolean
  readonly topics: readonly UntypedSelector[]
  readonly assign: readonly AssignedPartition[]
  /** The topics with serdes, by name. */
  readonly serdes: ReadonlyMap<string, TypedTopic>
  readonly commit: CommitPolicy
  readonly assignors: readonly ProtocolAssignor[]
}

const owner = 'kafka.consumer()'

/** Validates the options of `kafka.consumer(…)`; throws INVALID_OPTION. */
export function resolveConsumerOptions(given: ConsumerOptions<TopicSelector>): ResolvedConsumerOptions {
  const { topics, assign, commit, commitStart, assignors, ...rest } = resolveOptions(owner, consumerOptions, given)
  checkSource(owner, { topics, assign, ...rest })
  if (given.maxBufferedBytes !== undefined && given.fetchBudget !== undefined) {
    throw invalidOption(`Options 'maxBufferedBytes' and 'fetchBudget' of ${owner} exclude each other`)
  }
  checkProtocol(given, rest.protocol, topics)
  if (rest.heartbeatIntervalMs >= rest.sessionTimeoutMs) {
    const hint = 'Choose a third of it, so that two heartbeats may be lost.'
    throw optionError('heartbeatIntervalMs', owner, "must be less than 'sessionTimeoutMs'", hint)
  }
  if (rest.groupId === undefined && commit !== undefined && commit !== 'none') {
    throw optionError('commit', owner, "requires 'groupId': offsets are committed for a group")
  }
  const policy = commitPolicy(commit ?? (rest.groupId === undefined ? 'none' : 'auto'))
  const deadLetter =
    rest.deadLetter === undefined ? undefined : resolveDeadLetter(rest.deadLetter, owner, 'deadLetter.')
  return Object.freeze({
    ...rest,
    deadLetter,
    offsetReset: given.offsetReset ?? (rest.from === undefined ? rest.offsetReset : 'earliest'),
    onUnreadable: resolveOnUnreadable(rest.onUnreadable, deadLetter),
    commitStart: rest.groupId !== undefined && (commitStart ?? policy.automatic),
    topics: selectorsOf(topics).map(untyped),
    assign: (assign ?? []).map((place) => ({ ...place, topic: nameOf(place.topic) })),
    serdes: serdesOf(owner, [...selectorsOf(topics), ...(assign ?? []).map(({ topic }) => topic)]),
    commit: policy,
    assignors: resolveAssignors(owner, assignors),
  })
}

/** Options of the other protocol have no effect: that would not be what was meant. */
function checkProtocol(
  given: ConsumerOptions<TopicSelector>,
  protocol: 'classic' | 'consumer' | 'auto',
  topics: unknown,
): void {
  const hint = "Set protocol: 'consumer'."
  if (protocol !== 'consumer') {
    if ([topics].flat().some(isRe2)) throw optionError('topics', owner, "requires protocol 'consumer' for re2()", hint)
    if (given.remoteAssignor !== undefined)
      throw optionError('remoteAssignor', owner, "requires protocol 'consumer'", hint)
    return
  }
  for (const name of ['assignors', 'heartbeatIntervalMs'] as const) {
    if (given[name] === undefined) continue
    const problem = "has no effect with protocol 'consumer': the brokers decide"
    throw optionError(name, owner, problem, "Leave it out, or choose protocol 'classic'.")
  }
}

function commitPolicy(mode: CommitMode): CommitPolicy {
  const byDefault = { mark: true, automatic: true, intervalMs: 5_000, count: Infinity }
  if (mode === 'manual') return { ...byDefault, mark: false, automatic: false }
  if (mode === 'none') return { ...byDefault, automatic: false }
  if (mode === 'auto') return byDefault
  return { ...byDefault, intervalMs: mode.intervalMs ?? byDefault.intervalMs, count: mode.count ?? Infinity }
}
