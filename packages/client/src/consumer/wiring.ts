import { asKafkaError } from '../errors.ts'
import { ClassicMembership } from '../group/classic.ts'
import type { GroupIdentity, Membership } from '../group/membership.ts'
import { Committer } from './committer.ts'
import type { ConsumerParts } from './parts.ts'
import { Positions } from './positions.ts'
import { ProcessingWatchdog, processingError } from './processing-watchdog.ts'
import { Assignment } from './rebalance.ts'
import { Source } from './source.ts'

// Creates the parts of a consumer and connects them.

export function createSource(parts: ConsumerParts): Source {
  const { minBytes, maxWaitMs, maxBytes, partitionMaxBytes, maxBufferedBytes, isolation, rack } = parts.options
  const options = {
    purpose: parts.fetchPurpose,
    latePurpose: parts.latePurpose,
    minBytes,
    maxWaitMs,
    maxBytes,
    partitionMaxBytes,
    maxBufferedBytes,
    isolation,
    rack,
  }
  return new Source(
    parts.cluster,
    {
      ...options,
      onOutOfRange: (cursor) => parts.positions.outOfRange(cursor),
      onNewEpoch: (cursor) => parts.positions.validate(cursor),
      onRecreated: (cursor) => parts.positions.recreated(cursor),
      onFatal: (error) => parts.fail(asKafkaError(error, 'Fetching')),
    },
    parts.prefetch,
    parts.cursors,
  )
}

/** Undefined for manually assigned partitions: their consumer is not a member of a group and only commits to it. */
export function createMembership(parts: ConsumerParts): Membership | undefined {
  const { groupId, topics, instanceId, rack, sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs, assignors } =
    parts.options
  if (groupId === undefined || topics.length === 0) return undefined
  const times = {
    sessionTimeoutMs,
    heartbeatIntervalMs,
    rebalanceTimeoutMs,
    revokeGraceMs: parts.options.revokeGraceMs,
  }
  const purposes = { coordinator: parts.groupPurpose, heartbeat: parts.heartbeatPurpose }
  const { subscription, cluster } = parts
  return new ClassicMembership(
    cluster,
    { groupId, instanceId: instanceId ?? null, rack: rack ?? null, ...times, assignors, purposes },
    {
      subscribedTopics: async (signal) => {
        const names = await subscription.topics(signal)
        parts.missing.look()
        return names
      },
      knownSubscription: () => subscription.known(),
      partitionCounts: (names, signal) => subscription.counts(names, signal),
      knownPartitionCount: (name) => cluster.topic(name)?.partitions.length,
      onRevoked: (partitions, signal) => parts.assignment.revoke(partitions, parts.graceMs, signal),
      onAssigned: (partitions, signal) => parts.assignment.add(partitions, signal),
      lost: (partitions) => {
        parts.assignment.lose(partitions)
        parts.emit('lost', { partitions })
      },
      onLost: (partitions, signal) => parts.assignment.afterLoss(partitions, signal),
      // Provisional: positions are looked up after the assignment.
      positioned: async () => {},
      beforeJoin: () => commitBeforeJoin(parts),
      onRebalanced: (info) => {
        parts.assigned()
        cluster.metrics.counter('consumer.rebalances').add(1)
        parts.emit('rebalanced', info)
      },
      onFatal: (error) => parts.fail(error),
    },
  )
}

async function commitBeforeJoin(parts: ConsumerParts): Promise<void> {
  if (!parts.options.commit.automatic) return
  const offsets = parts.committer.pending(parts.cursors.all)
  await parts.committer
    .commit(offsets, { timeoutMs: parts.options.revokeGraceMs })
    .catch((error: unknown) => commitFailed(parts, error))
}

function commitFailed(parts: ConsumerParts, error: unknown): void {
  parts.emit('commitFailed', { error: asKafkaError(error, 'Committing offsets') })
}

/** The identity for commits: the member's, or an anonymous one for manually assigned partitions. */
export function identityOf({ membership, options: { groupId, instanceId } }: ConsumerParts): GroupIdentity {
  const anonymous = { groupId: groupId ?? '', memberId: '', generation: -1, instanceId: instanceId ?? null }
  return membership?.identity ?? anonymous
}

export function createCommitter(parts: ConsumerParts): Committer {
  return new Committer(parts.cluster, parts.options.commit, {
    identity: () => identityOf(parts),
    ready: () => parts.membership === undefined || parts.membership.state === 'stable',
    cursors: () => parts.cursors.all,
    fenced: (code, generation) => parts.membership?.fenced(code, generation),
    rebalanceSeen: (generation) => parts.membership?.rebalanceSeen(generation),
    onCommitted: (offsets) => {
      if (parts.events.listenerCount('committed') === 0) return
      const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }))
      parts.emit('committed', { offsets: list })
    },
    onAutoFailure: (error) => commitFailed(parts, error),
  })
}

export function createPositions(parts: ConsumerParts): Positions {
  const { offsetReset, groupId } = parts.options
  const host = {
    offsetReset,
    identity: groupId === undefined ? undefined : () => identityOf(parts),
    manual: !parts.mark,
    isNew: parts.subscription.isNew.bind(parts.subscription),
    onReady: parts.source.ready.bind(parts.source),
    onFatal: (error: unknown) => parts.fail(asKafkaError(error, 'Looking up offsets')),
  }
  const positions = new Positions(
    parts.lookup,
    parts.prefetch,
    {
      ...host,
      onReset: ({ topic, partition }, from, to, reason) => {
        if (reason !== 'no-committed-offset') {
          parts.cluster.logger.warn('the position was reset', { topic, partition, from, to, reason })
        }
        const before = from < 0 ? undefined : BigInt(from)
        parts.emit('positionReset', { topic, partition, from: before, to: BigInt(to), reason })
      },
    },
    parts.closing,
  )
  return positions
}

export function createAssignment(parts: ConsumerParts): Assignment {
  const { runtime, options, cursors, prefetch, committer, positions } = parts
  return new Assignment({
    ...{ runtime, options, cursors, prefetch, committer, positions },
    changed: () => parts.source.update(),
    watch: (topics) => parts.subscription.watch(topics),
    onHookFailed: (error) => parts.fail(error),
    onCommitFailed: (error) => commitFailed(parts, error),
  })
}

export function createWatchdog(parts: ConsumerParts): ProcessingWatchdog {
  const { maxProcessingMs, revokeGraceMs } = parts.options
  return new ProcessingWatchdog(parts.runtime, {
    maxProcessingMs,
    graceMs: revokeGraceMs,
    cursors: parts.cursors.all,
    onStalled: (cursor, elapsedMs) => {
      const { topic, partition, handedEnd } = cursor
      const offset = BigInt(handedEnd - 1)
      parts.cluster.logger.warn('message processing exceeded maxProcessingMs', { topic, partition, offset, elapsedMs })
      parts.emit('stalled', { topic, partition, offset, elapsedMs })
      cursor.abort(processingError(cursor, maxProcessingMs))
    },
    onEvict: (cursor) => parts.evict(processingError(cursor, maxProcessingMs)),
  })
}

/** Registers gauges, the health check and the metadata listener. Returns functions that unregister them. */
export function register(parts: ConsumerParts): (() => void)[] {
  const { metrics } = parts.cluster
  return [
    parts.cluster.onMetadata(() => {
      parts.source.update()
      parts.membership?.metadataChanged()
      parts.missing.look()
    }),
    metrics.gauge('consumer.bufferedBytes', () => parts.prefetch.bufferedBytes),
    metrics.gauge('consumer.lag', () => parts.lag()),
    metrics.gauge('consumer.partitions', () => parts.cursors.all.size),
    metrics.health(() => ({
      kind: 'consumer',
      name: parts.options.groupId ?? 'assigned',
      healthy: parts.fatal === undefined,
      details: {
        state: parts.membership?.state ?? parts.state,
        partitions: parts.cursors.all.size,
        bufferedBytes: parts.prefetch.bufferedBytes,
        lag: parts.lag(),
      },
    })),
  ]
}
