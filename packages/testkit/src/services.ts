import type { Broker } from './broker.ts'
import { createShareServices, type ShareServices } from './share-services.ts'
import type { BrokerConfig } from './state/configs/broker-config.ts'
import { groupConfigs } from './state/configs/resource-configs.ts'
import { consumerGroupConfigOf } from './state/consumer-groups/consumer-group-config.ts'
import { GroupCoordinator } from './state/groups/group-coordinator.ts'
import { defaultGroupConfig, type GroupConfig } from './state/groups/group-shard.ts'
import { BrokerTopics } from './state/groups/group-topics.ts'
import { offsetsTopic, transactionTopic } from './state/internal-topics.ts'
import { Loggers } from './state/loggers.ts'
import type { MetadataDelta } from './state/metadata-view.ts'
import { ClientThrottles } from './state/quotas/client-throttles.ts'
import type { Replica } from './state/replicas/replica.ts'
import { Users } from './state/rights/users.ts'
import { startShareSessions } from './state/shares/share-heartbeat.ts'
import { streamsGroupConfigOf } from './state/streams-groups/streams-group-config.ts'
import { TransactionCoordinator } from './state/transactions/transaction-coordinator.ts'
import { writeMarker } from './state/transactions/transaction-markers.ts'

/**
 * What runs on a broker above its partitions: coordinators whose state lives in the log of an internal topic. A service is
 * made when its broker starts and closed when it dies; it keeps nothing but what it can read again from the log.
 */
export interface BrokerService {
  /** The broker became the leader: read the state with `replica.read…`, then serve. */
  onLeadershipGained?(replica: Replica): void
  /** The broker is no longer the leader: forget the state and fail what waits with NOT_COORDINATOR. */
  onLeadershipLost?(topic: string, partition: number): void
  /** A topic is gone: committed offsets for it must go too. */
  onTopicDeleted?(topic: string, topicId: string): void
  /** A client is gone. */
  onConnectionClosed?(connectionId: number): void
  /** News of the cluster was read. */
  onMetadata?(delta: MetadataDelta): void
  /** The broker dies or the cluster closes: clear timers, cancel what is held. */
  close(): void
}

/** The services by name, as handlers reach them: `context.broker.services.groups`. */
export type BrokerServices = {
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly users: Users
  readonly loggers: Loggers
  readonly throttles: ClientThrottles
} & ShareServices

export function createServices(broker: Broker): BrokerServices {
  const { runtime, config, sasl, controller } = broker.cluster
  const shares = createShareServices(broker, () => groups)
  const own = (groupId: string) => groupConfigs(broker.view, groupId)
  const groups: GroupCoordinator = new GroupCoordinator({
    runtime,
    config: groupConfigOf(config),
    partitionCount: () => broker.partitionCount(offsetsTopic),
    onLoaded: (shard) => startShareSessions(shares.shareGroups, shard),
    topics: new BrokerTopics(() => broker.view),
    consumerConfig: (groupId) => consumerGroupConfigOf(config, own(groupId)),
    streamsConfig: (groupId) => streamsGroupConfigOf(config, own(groupId)),
  })
  const transactions = new TransactionCoordinator({
    runtime,
    config: {
      maxTimeoutMs: config.number('transaction.max.timeout.ms'),
      abortTimedOutIntervalMs: config.number('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
      idExpirationMs: config.number('transactional.id.expiration.ms'),
      removeExpiredIntervalMs: config.number('transaction.remove.expired.transaction.cleanup.interval.ms'),
    },
    partitionCount: () => broker.partitionCount(transactionTopic),
    newProducerId: () => controller.allocateProducerId(),
    writeMarker: (marker, done) => writeMarker(broker, marker, done),
  })
  const users = new Users(sasl, runtime, () => broker.view.areas)
  const throttles = new ClientThrottles(runtime, config, () => broker.view)
  return { groups, transactions, users, loggers: new Loggers(), throttles, ...shares }
}

function groupConfigOf(config: BrokerConfig): GroupConfig {
  return {
    ...defaultGroupConfig,
    initialRebalanceDelayMs: config.number('group.initial.rebalance.delay.ms'),
    minSessionTimeoutMs: config.number('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: config.number('group.max.session.timeout.ms'),
    maxSize: config.number('group.max.size'),
    offsetMetadataMaxBytes: config.number('offset.metadata.max.bytes'),
    offsetsCommitTimeoutMs: config.number('offsets.commit.timeout.ms'),
    offsetsRetentionMs: config.number('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckIntervalMs: config.number('offsets.retention.check.interval.ms'),
  }
}
