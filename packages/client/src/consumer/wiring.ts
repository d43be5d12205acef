import { asKafkaError } from '../errors.ts'
import { ClassicMembership } from '../group/classic.ts'
import type { GroupIdentity, Membership } from '../group/membership.ts'
import { Committer } from './committer.ts'
import type { ConsumerCore } from './core.ts'
import { Positions } from './positions.ts'
import { Assignment } from './rebalance.ts'
import { Source } from './source.ts'
import { processingError, StallWatch } from './stall-watch.ts'

// How the parts of a consumer reach each other. Each part knows only what it is given here.

export function createSource(core: ConsumerCore): Source {
  const { minBytes, maxWaitMs, maxBytes, partitionMaxBytes, maxBufferedBytes, isolation, rack } = core.options
  const options = {
    purpose: core.fetchPurpose,
    lateConnection: core.lateConnection,
    minBytes,
    maxWaitMs,
    maxBytes,
    partitionMaxBytes,
    maxBufferedBytes,
    isolation,
    rack,
  }
  return new Source(
    core.cluster,
    {
      ...options,
      onOutOfRange: (cursor) => core.positions.outOfRange(cursor),
      onNewEpoch: (cursor) => core.positions.validate(cursor),
      onRecreated: (cursor) => core.positions.recreated(cursor),
      onFatal: (error) => core.fail(asKafkaError(error, 'Fetching')),
    },
    core.prefetch,
    core.cursors,
  )
}

/** None for partitions that were assigned by hand: their consumer is in no group, it may only commit to one. */
export function createMembership(core: ConsumerCore): Membership | undefined {
  const { groupId, topics, instanceId, rack, sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs, assignors } =
    core.options
  if (groupId === undefined || topics.length === 0) return undefined
  const times = { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs }
  const { subscription, closing, cluster } = core
  return new ClassicMembership(
    cluster,
    { groupId, instanceId: instanceId ?? null, rack: rack ?? null, ...times, assignors, purpose: core.groupPurpose },
    {
      subscribedTopics: async () => {
        const names = await subscription.topics(closing)
        core.missing.look()
        return names
      },
      knownSubscription: () => subscription.known(),
      partitionCounts: (names) => subscription.counts(names, closing),
      knownPartitionCount: (name) => cluster.topic(name)?.partitions.length,
      onRevoked: (partitions) => core.assignment.revoke(partitions, core.graceMs),
      onAssigned: (partitions) => core.assignment.add(partitions),
      onLost: async (partitions) => {
        await core.assignment.lose(partitions)
        core.emit('lost', { partitions })
      },
      beforeJoin: () => commitBeforeJoin(core),
      onRebalanced: (info) => {
        core.assigned()
        cluster.metrics.counter('consumer.rebalances').add(1)
        core.emit('rebalanced', info)
      },
      onFatal: (error) => core.fail(error),
    },
  )
}

async function commitBeforeJoin(core: ConsumerCore): Promise<void> {
  if (!core.options.commit.automatic) return
  const offsets = core.committer.pending(core.cursors.all)
  await core.committer
    .commit(offsets, { timeoutMs: core.options.revokeGraceMs })
    .catch((error: unknown) => commitFailed(core, error))
}

function commitFailed(core: ConsumerCore, error: unknown): void {
  core.emit('commitFailed', { error: asKafkaError(error, 'Committing offsets') })
}

/** Who commits: the member, or nobody in particular when the partitions were assigned by hand. */
export function identityOf({ membership, options: { groupId, instanceId } }: ConsumerCore): GroupIdentity {
  const nobody = { groupId: groupId ?? '', memberId: '', generation: -1, instanceId: instanceId ?? null }
  return membership?.identity ?? nobody
}

export function createCommitter(core: ConsumerCore): Committer {
  return new Committer(core.cluster, core.options.commit, {
    identity: () => identityOf(core),
    ready: () => core.membership === undefined || core.membership.state === 'stable',
    cursors: () => core.cursors.all,
    fenced: (code, generation) => core.membership?.fenced(code, generation),
    rebalanceSeen: (generation) => core.membership?.rebalanceSeen(generation),
    onCommitted: (offsets) => {
      if (core.events.listenerCount('committed') === 0) return
      const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }))
      core.emit('committed', { offsets: list })
    },
    onAutoFailure: (error) => commitFailed(core, error),
  })
}

export function createPositions(core: ConsumerCore): Positions {
  const { offsetReset, groupId } = core.options
  const host = {
    offsetReset,
    identity: groupId === undefined ? undefined : () => identityOf(core),
    manual: !core.mark,
    isNew: core.subscription.isNew.bind(core.subscription),
    onReady: core.source.ready.bind(core.source),
    onFatal: (error: unknown) => core.fail(asKafkaError(error, 'Looking up offsets')),
  }
  const positions = new Positions(
    core.lookup,
    core.prefetch,
    {
      ...host,
      onReset: ({ topic, partition }, from, to, reason) => {
        if (reason !== 'no-committed-offset') {
          core.cluster.logger.warn('the position was reset', { topic, partition, from, to, reason })
        }
        const before = from < 0 ? undefined : BigInt(from)
        core.emit('positionReset', { topic, partition, from: before, to: BigInt(to), reason })
      },
    },
    core.closing,
  )
  return positions
}

export function createAssignment(core: ConsumerCore): Assignment {
  const { runtime, options, cursors, prefetch, committer, positions } = core
  return new Assignment({
    ...{ runtime, options, cursors, prefetch, committer, positions },
    changed: () => core.source.update(),
    watch: (topics) => core.subscription.watch(topics),
    onHookFailed: (error) => core.fail(error),
    onCommitFailed: (error) => commitFailed(core, error),
  })
}

export function createWatch(core: ConsumerCore): StallWatch {
  const { maxProcessingMs, revokeGraceMs } = core.options
  return new StallWatch(core.runtime, {
    maxProcessingMs,
    graceMs: revokeGraceMs,
    cursors: core.cursors.all,
    onStalled: (cursor, elapsedMs) => {
      const { topic, partition, handedEnd } = cursor
      const offset = BigInt(handedEnd - 1)
      core.cluster.logger.warn('message processing exceeded maxProcessingMs', { topic, partition, offset, elapsedMs })
      core.emit('stalled', { topic, partition, offset, elapsedMs })
      cursor.abort(processingError(cursor, maxProcessingMs))
    },
    onEvict: (cursor) => core.evict(processingError(cursor, maxProcessingMs)),
  })
}

/** Gauges, the part of `kafka.health()`, and word of metadata. Returns the releases. */
export function register(core: ConsumerCore): (() => void)[] {
  const { metrics } = core.cluster
  return [
    core.cluster.onMetadata(() => {
      core.source.update()
      core.membership?.metadataChanged()
    }),
    metrics.gauge('consumer.bufferedBytes', () => core.prefetch.bufferedBytes),
    metrics.gauge('consumer.lag', () => core.lag()),
    metrics.gauge('consumer.partitions', () => core.cursors.all.size),
    metrics.health(() => ({
      kind: 'consumer',
      name: core.options.groupId ?? 'assigned',
      healthy: core.fatal === undefined,
      details: {
        state: core.membership?.state ?? core.state,
        partitions: core.cursors.all.size,
        bufferedBytes: core.prefetch.bufferedBytes,
        lag: core.lag(),
      },
    })),
  ]
}
