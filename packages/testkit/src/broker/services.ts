import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { groupConfigs } from '../state/configs/resource-configs.ts'
import { consumerGroupConfigOf } from '../state/consumer-groups/consumer-group-config.ts'
import { defaultGroupConfig, type GroupConfig } from '../state/coordinators/group-config.ts'
import { BrokerTopics } from '../state/coordinators/group-topics.ts'
import { GroupCoordinator } from '../state/group-coordinator/group-coordinator.ts'
import { offsetsTopic, transactionTopic } from '../state/internal-topics.ts'
import { Loggers } from '../state/loggers.ts'
import type { MetadataDelta } from '../state/metadata-view.ts'
import { ClientThrottles } from '../state/quotas/client-throttles.ts'
import type { Replica } from '../state/replicas/replica.ts'
import type { SaslOptions } from '../state/rights/sasl-options.ts'
import { Users } from '../state/rights/users.ts'
import { startShareSessions } from '../state/shares/share-heartbeat.ts'
import { streamsGroupConfigOf } from '../state/streams-groups/streams-group-config.ts'
import { TransactionCoordinator } from '../state/transactions/transaction-coordinator.ts'
import { createShareServices, type ShareCoordinatorNode, type ShareHost, type ShareServices } from './share-services.ts'
import { type MarkerHost, type MarkerNode, writeMarker } from './transaction-markers.ts'

/**
 * What runs on a broker on top of its partitions: coordinators whose state is stored in the log of an internal topic. Services
 * are created when their broker starts and closed when it stops; they keep no state that the log does not have.
 */
export interface BrokerService {
  /** The broker became the leader: load the state with `replica.read…`, then serve. */
  onLeadershipGained?(replica: Replica): void
  /** The broker is no longer the leader: unload the state and fail what is held with NOT_COORDINATOR. */
  onLeadershipLost?(topic: string, partition: number): void
  /** A topic was deleted: its committed offsets must be deleted too. */
  onTopicDeleted?(topic: string, topicId: string): void
  /** A client disconnected. */
  onConnectionClosed?(connectionId: number): void
  /** A change of the metadata was applied. */
  onMetadata?(delta: MetadataDelta): void
  /** The broker stops or the cluster closes: clear timers, cancel held responses. */
  close(): void
}

/** The services by name, as handlers use them: `context.broker.services.groups`. */
export type BrokerServices = {
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly users: Users
  readonly loggers: Loggers
  readonly throttles: ClientThrottles
} & ShareServices

/** What services need of their broker. */
export interface ServiceHost extends ShareHost, MarkerHost {
  readonly sasl: SaslOptions | undefined
  broker(id: number): (ShareCoordinatorNode & MarkerNode) | undefined
}

export function createServices(broker: ServiceHost): BrokerServices {
  const { runtime, config, sasl, controller } = broker
  const shares = createShareServices(broker, () => groups)
  const own = (groupId: string) => groupConfigs(broker.view.areas.resourceConfigs, groupId)
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
  const throttles = new ClientThrottles(runtime, config, () => broker.view.areas.clientQuotas)
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
