import type { Cluster } from '../cluster/cluster.ts'
import { CoordinatorConnection } from '../cluster/coordinator-connection.ts'
import { Emitter } from '../emitter.ts'
import { asKafkaError, type KafkaError } from '../errors.ts'
import type { GroupIdentity } from '../group/membership.ts'
import type { OriginGroup } from '../group/origin.ts'
import type { Mutable } from '../mutable.ts'
import { Assignment } from './assignment.ts'
import { ConsumerCore } from './core.ts'
import { createMembership } from './create-membership.ts'
import { createBadRecords, decoderOf } from './decoding/connect.ts'
import { createFailureParts } from './failures/failure-parts.ts'
import type { OwnSender } from './failures/record-sender.ts'
import { ByteBudget } from './fetching/byte-budget.ts'
import { Prefetch } from './fetching/prefetch.ts'
import { Source } from './fetching/source.ts'
import { GroupMember } from './group-member.ts'
import { Lifecycle } from './lifecycle.ts'
import { ManualAssignment } from './manual-assignment.ts'
import { MissingTopics } from './missing-topics.ts'
import { CommitHealth } from './offsets/commit-health.ts'
import { Committer } from './offsets/committer.ts'
import { OffsetRequests } from './offsets/offset-requests.ts'
import { Positions } from './offsets/positions.ts'
import type { ProgressFlush } from './offsets/progress-flush.ts'
import { ReadEnds } from './offsets/read-ends.ts'
import type { ResolvedConsumerOptions } from './options.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { ConsumerConnections, ConsumerParts } from './parts.ts'
import { HandOut } from './reading/hand-out.ts'
import { Marks } from './reading/marks.ts'
import { Poll } from './reading/poll.ts'
import { TimeSlice } from './reading/time-slice.ts'
import { Watchdog } from './reading/watchdog.ts'
import { register } from './register.ts'
import { Subscription } from './subscription.ts'
import { Turns } from './turns.ts'
import { Ungrouped } from './ungrouped.ts'

export interface AssembleOptions {
  /** For retry topics and dead letters. */
  readonly createSender?: (() => OwnSender) | undefined
  /** Stores the progress in place of commits; what is delivered and not stored can be delivered again. */
  readonly createFlush?: ((parts: ConsumerParts) => ProgressFlush) | undefined
}

/** Creates the parts of a consumer and connects them. Opens no connection. */
export function assemble(
  cluster: Cluster,
  options: ResolvedConsumerOptions,
  { createSender, createFlush }: AssembleOptions = {},
): ConsumerCore {
  const parts: Mutable<ConsumerParts> = {
    ...({} as ConsumerParts),
    cluster,
    runtime: cluster.runtime,
    turns: new Turns(cluster.runtime),
    options,
    connections: createConnections(cluster),
    events: new Emitter(cluster.logger),
    lifecycle: new Lifecycle(),
    ends: options.until === undefined ? undefined : new ReadEnds(options.until),
    commitHealth: new CommitHealth(),
    subscription: new Subscription(cluster, options.topics),
    get identity() {
      return identityOf(parts)
    },
    get graceMs() {
      return Math.min(options.revokeGraceMs, parts.lifecycle.closeTimeoutMs / 2)
    },
  }
  Object.assign(
    parts,
    createFailureParts(parts, createSender, (partition, error) => failPartition(parts, partition, error)),
  )
  parts.missing = new MissingTopics(cluster, parts.subscription)
  parts.prefetch = createPrefetch(parts, createFlush !== undefined)
  parts.handOut = createHandOut(parts)
  parts.badRecords = createBadRecords(parts)
  parts.marks = new Marks(parts.handOut.deliveries, (partition) => partition.buffer.isOf(parts.prefetch))
  parts.poll = new Poll(cluster.runtime, parts.handOut)
  parts.assignment = createAssignment(parts)
  parts.source = createSource(parts)
  parts.lookups = new OffsetRequests(cluster, {
    identity: () => parts.identity,
    hasEpochs: () => parts.member?.membership?.hasEpochs === true,
    fenced: (code, generation) => parts.member?.membership?.fenced(code, generation),
    connection: parts.connections.member.offsets,
    isolation: options.isolation,
    closing: parts.lifecycle.closing,
    turns: parts.turns,
  })
  parts.positions = createPositions(parts)
  parts.committer = createCommitter(parts)
  parts.flush = createFlush?.(parts) ?? parts.committer
  parts.member = createMember(parts)
  parts.ungrouped = new Ungrouped(parts)
  parts.watchdog = createWatchdog(parts)
  const core = new ConsumerCore(parts, () => register(parts))
  parts.start = () => core.start()
  parts.ready = (partition) => core.ready(partition)
  parts.fail = (error) => core.fail(error)
  parts.evict = (error) => core.evict(error)
  parts.leaveUnread = (elapsedMs) => core.leaveUnread(elapsedMs)
  parts.manual = new ManualAssignment(parts, options.assign)
  return core
}

function createConnections(cluster: Cluster): ConsumerConnections {
  const own = cluster.ownConnections()
  return {
    own,
    fetch: own.purpose('fetch'),
    late: own.purpose('late-fetch'),
    member: {
      coordinator: new CoordinatorConnection(own.purpose('coordinator')),
      heartbeat: new CoordinatorConnection(own.purpose('heartbeat')),
      offsets: new CoordinatorConnection(own.purpose('offsets')),
    },
  }
}

function createPrefetch(parts: ConsumerParts, keepsDelivered: boolean): Prefetch {
  const { checkCrcs, maxBufferedBytes, fetchBudget, maxDecompressedBytes } = parts.options
  return new Prefetch({
    ...{ checkCrcs, maxDecompressedBytes, codecs: parts.cluster.options.codecs },
    budget: fetchBudget ?? new ByteBudget(maxBufferedBytes),
    keepsDelivered,
    partitions: () => parts.assignment.partitions.all,
    onSkipped: (partition) => parts.flush.follow(partition),
    onDrained: (partition) => parts.source.wake(partition),
    onRoom: () => parts.source.wake(),
    onUnreadable: (partition, cause, range) => parts.unreadable.handle(partition, cause, range),
  })
}

function createHandOut(parts: ConsumerParts): HandOut {
  const { runtime, lifecycle, cluster, options } = parts
  const slice = new TimeSlice(runtime, () => parts.member?.membership?.checkSession())
  const counters = {
    batches: cluster.metrics.counter('consumer.batches'),
    records: cluster.metrics.counter('consumer.records'),
    bytes: cluster.metrics.counter('consumer.bytes'),
  }
  const host = {
    start: () => parts.start(),
    get fatal() {
      return lifecycle.fatal
    },
    get isOpen() {
      return lifecycle.isRunning
    },
    get isAtEnd() {
      return isAtEnd(parts)
    },
    slice,
    counted: (records: number) => parts.flush.counted(records),
    nowMs: () => runtime.monoNow(),
    get badRecords() {
      return parts.badRecords
    },
  }
  return new HandOut(host, parts.prefetch, counters, options.commit.mark)
}

function createAssignment(parts: ConsumerParts): Assignment {
  const { runtime, turns, options, lifecycle, prefetch, handOut, subscription } = parts
  return new Assignment({
    ...{ runtime, turns, options, ended: lifecycle.ended, deliveries: handOut.deliveries, buffers: prefetch },
    group: originGroupOf(parts),
    decoderOf: (place) => decoderOf(parts, place),
    added: (partitions) => parts.source.add(partitions),
    watch: (topics) => subscription.watch(topics),
    resolve: (partitions) => parts.positions.resolve(partitions),
    revoking: (partitions, graceMs) => {
      for (const partition of partitions) handOut.revoking(partition)
      parts.flush.revoking(partitions, graceMs)
    },
    commit: (partitions, timeoutMs) => parts.flush.commitProgress(partitions, { timeoutMs, rebalance: 'fail' }),
    released: (partitions) => {
      for (const partition of partitions) handOut.moved(partition)
      parts.positions.release(partitions)
      parts.flush.revoked(partitions)
      parts.source.remove(partitions)
    },
    ready: (partition) => parts.ready(partition),
    onHookFailed: (error) => parts.fail(error),
    onCommitFailed: (error) => commitFailed(parts, error),
  })
}

function createSource(parts: ConsumerParts): Source {
  const { cluster, turns, options, connections, prefetch, assignment } = parts
  const { minBytes, maxWaitMs, maxBytes, partitionMaxBytes, isolation, rack } = options
  const limits = { minBytes, maxWaitMs, maxBytes, partitionMaxBytes, isolation, rack }
  return new Source({
    cluster,
    options: { ...limits, purpose: connections.fetch, latePurpose: connections.late },
    turns,
    budget: prefetch,
    partitions: assignment.partitions,
    host: {
      onOutOfRange: (partition) => parts.positions.outOfRange(partition),
      onNewEpoch: (partition) => parts.positions.validate(partition),
      onRecreated: (partition) => {
        // Assignments by topic id do not include the new topic: this member gives the partition up.
        if (parts.member?.membership?.hasEpochs === true) parts.positions.abandon(partition)
        else parts.positions.recreated(partition)
      },
      onForbidden: (partition, error) => forbidden(parts, partition, error),
      hold: () => parts.lookups.hold(),
      onFatal: (error) => parts.fail(asKafkaError(error, 'Fetching')),
    },
  })
}

function createPositions(parts: ConsumerParts): Positions {
  const { runtime, turns, options, subscription, events, cluster, lookups } = parts
  return new Positions(lookups, {
    ...{ runtime, turns },
    offsetReset: options.offsetReset,
    from: options.from,
    ends: parts.ends,
    inGroup: options.groupId !== undefined,
    isNew: (partition) => subscription.isNew(partition),
    onReady: (partition) => {
      parts.ready(partition)
      if (partition.isAtEnd) parts.handOut.wake()
    },
    onStartChosen: (partitions) => {
      if (options.commitStart) parts.flush.commitStart(partitions)
    },
    onReset: ({ topic, partition }, from, to, reason) => {
      if (reason !== 'no-committed-offset') {
        cluster.logger.warn('the position was reset', { topic, partition, from, to, reason })
      }
      const before = from < 0 ? undefined : BigInt(from)
      events.emit('positionReset', { topic, partition, from: before, to: BigInt(to), reason })
    },
    onFailed: (partition, error) => partition.buffer.fail(error),
    onFatal: (error) => parts.fail(error.with({ fatal: true })),
  })
}

function createCommitter(parts: ConsumerParts): Committer {
  const { cluster, options, events, assignment } = parts
  return new Committer(cluster, options.commit, {
    turns: parts.turns,
    identity: () => parts.identity,
    connection: parts.connections.member.offsets,
    isStable: () => parts.member === undefined || parts.member.state === 'stable',
    partitions: () => assignment.partitions.all,
    find: (place) => assignment.partitions.get(place),
    fenced: (code, generation) => parts.member?.membership?.fenced(code, generation),
    rebalanceSeen: (generation) => parts.member?.membership?.rebalanceSeen(generation),
    // The source reports it where the metadata has another topic of the name; a topic that is only deleted may be missing for a while.
    onRecreated: () => parts.source.update(),
    onCommitted: (offsets) => {
      parts.commitHealth.succeeded()
      if (!events.hasListeners('committed')) return
      const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }))
      events.emit('committed', { offsets: list })
    },
    onAutoFailure: (error) => {
      parts.commitHealth.failed(parts.runtime.monoNow())
      commitFailed(parts, error)
    },
  })
}

function createMember(parts: ConsumerParts): GroupMember | undefined {
  const { groupId, topics } = parts.options
  if (groupId === undefined || topics.length === 0) return undefined
  return new GroupMember(
    () => createMembership(parts, groupId),
    () => parts.runtime.monoNow(),
  )
}

function createWatchdog(parts: ConsumerParts): Watchdog {
  const { runtime, options, handOut, assignment, cluster, events } = parts
  const { maxProcessingMs, revokeGraceMs: graceMs, maxWaitMs } = options
  return new Watchdog(runtime, {
    ...{ maxProcessingMs, graceMs, longestFetchMs: maxWaitMs + cluster.options.requestTimeoutMs },
    deliveries: handOut.deliveries,
    partitions: assignment.partitions.all,
    fetchedAtMs: ({ fetching }) => fetching.fetchedAtMs,
    idleSinceMs: () => handOut.idleSinceMs,
    onStalled: (delivery, error, elapsedMs) => {
      const { topic = '', partition = -1, offset = -1n } = error
      cluster.logger.warn('message processing exceeded maxProcessingMs', { topic, partition, offset, elapsedMs })
      events.emit('stalled', { topic, partition, offset, elapsedMs })
      delivery.abort(error)
    },
    // Without a next poll the member has left already, and joins again with it.
    onOverdue: ({ kind }, error) => {
      if (kind !== 'poll') parts.evict(error)
    },
    onStuck: ({ partition: { topic, partition }, reason, elapsedMs, error }) => {
      cluster.logger.warn('a partition is stuck', { topic, partition, reason, elapsedMs, error: error?.message })
      events.emit('stuck', { topic, partition, reason, elapsedMs, error })
    },
    onNoReader: (elapsedMs) => parts.leaveUnread(elapsedMs),
  })
}

// ---- what several parts need

/** The identity for commits: the member's, or an anonymous one for manually assigned partitions. */
function identityOf({ member, options: { groupId, instanceId } }: ConsumerParts): GroupIdentity {
  const anonymous = { groupId: groupId ?? '', memberId: '', generation: -1, instanceId: instanceId ?? null }
  return member?.identity ?? anonymous
}

/** The group, for transactions that commit offsets of this consumer. */
function originGroupOf(parts: ConsumerParts): OriginGroup | undefined {
  if (parts.options.groupId === undefined) return undefined
  return {
    get identity() {
      return parts.identity
    },
    get isSettled() {
      return parts.member?.isSettled ?? true
    },
    refused: (code, generation) => parts.member?.membership?.fenced(code, generation),
  }
}

function commitFailed({ events }: ConsumerParts, error: unknown): void {
  events.emit('commitFailed', { error: asKafkaError(error, 'Committing offsets') })
}

/** The reader rejects once; the partition is not read until a seek, and the other partitions are. */
function failPartition({ runtime, handOut }: ConsumerParts, partition: AssignedPartition, error: KafkaError): void {
  partition.obstruct('failed', error, runtime.monoNow())
  handOut.fail(error)
}

/** Whether a reader ends by itself: nothing is left to deliver. */
function isAtEnd({ ends, lifecycle, member, assignment }: ConsumerParts): boolean {
  if (ends === undefined || !lifecycle.isAssigned || (member?.state ?? 'stable') !== 'stable') return false
  return ends.isReached(assignment.partitions.all)
}

/** A right is missing: the partition is read once it is granted. The reader rejects only if nothing else can be read. */
function forbidden(parts: ConsumerParts, partition: AssignedPartition, error: KafkaError): void {
  const { cluster, handOut, assignment } = parts
  const { topic, partition: index } = partition
  cluster.logger.warn('reading is not authorized', { topic, partition: index, error: error.message, hint: error.hint })
  if (parts.ends !== undefined) {
    partition.buffer.fail(error)
    return
  }
  for (const { paused, trouble } of assignment.partitions.all) {
    if (!paused && trouble?.obstacle !== 'forbidden' && trouble?.obstacle !== 'failed') return
  }
  handOut.fail(error)
}
