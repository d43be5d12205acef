import type { ErrorName } from '@ottla/codec'
import type { Broker } from './broker.ts'
import { ensureShareStateTopic } from './controllers/internal-topics.ts'
import { groupConfigs } from './state/configs/resource-configs.ts'
import { partitionOf } from './state/coordinators/coordinator-shards.ts'
import type { GroupCoordinator } from './state/groups/group-coordinator.ts'
import { shareStateTopic } from './state/internal-topics.ts'
import { shareConfigOf } from './state/shares/share-config.ts'
import { ShareCoordinator } from './state/shares/share-coordinator.ts'
import { ShareGroupService } from './state/shares/share-group-service.ts'
import { SharePartitions } from './state/shares/share-partitions.ts'
import { SharePersister } from './state/shares/share-persister.ts'
import { type ShareKey, shareKeyText } from './state/shares/share-state-records.ts'
import type { ShareStateShard } from './state/shares/share-state-shard.ts'

/** What a broker needs for share groups. */
export type ShareServices = {
  /** Coordinates share partitions: keeps their states. */
  readonly shareState: ShareCoordinator
  /** The share partitions of the partitions that the broker leads. */
  readonly shares: SharePartitions
  /** Coordinates share groups, together with `groups`. */
  readonly shareGroups: ShareGroupService
}

export function createShareServices(broker: Broker, groups: () => GroupCoordinator): ShareServices {
  const { runtime, config } = broker.cluster
  const configOf = (groupId: string) =>
    shareConfigOf(config, groupConfigs(broker.view, groupId), Math.floor(runtime.wallNow()))
  const shareState = new ShareCoordinator({
    runtime,
    view: { topicById: (id) => broker.view.topicById(id) },
    writeTimeoutMs: config.number('share.coordinator.write.timeout.ms'),
    updatesPerSnapshot: config.number('share.coordinator.snapshot.update.records.per.snapshot'),
    pruneIntervalMs: config.number('share.coordinator.state.topic.prune.interval.ms'),
    partitionCount: () => broker.partitionCount(shareStateTopic),
  })
  const persister = new SharePersister({ runtime, shardOf: (key) => coordinatorOf(broker, key) })
  const shares = new SharePartitions({
    ...{ runtime, persister, configOf },
    replicaOf: ({ topicId, partition }) => {
      const topic = broker.view.topicById(topicId)
      const replica = topic && broker.replica(topic.name, partition)
      return replica?.topicId === topicId ? replica : undefined
    },
    maxSessions: config.number('group.share.max.share.sessions'),
  })
  const shareGroups = new ShareGroupService({
    ...{ runtime, persister, configOf },
    view: () => broker.view,
    limits: {
      maxSize: config.number('group.share.max.size'),
      initializeRetryIntervalMs: config.number('group.share.initialize.retry.interval.ms'),
    },
    shards: () => groups().shards(),
  })
  return { shareState, shares, shareGroups }
}

/** The shard that coordinates a share partition, on whichever broker: brokers ask each other directly. */
function coordinatorOf(broker: Broker, key: ShareKey): ShareStateShard | ErrorName {
  const { cluster } = broker
  const count = broker.partitionCount(shareStateTopic)
  if (count === 0) {
    ensureShareStateTopic(cluster.controller, cluster.config)
    return 'COORDINATOR_NOT_AVAILABLE'
  }
  const leader = broker.leaderOf(shareStateTopic, partitionOf(shareKeyText(key), count))
  const coordinator = leader === undefined ? undefined : cluster.broker(leader)
  if (coordinator === undefined || !coordinator.isUp || coordinator.isPaused) return 'COORDINATOR_NOT_AVAILABLE'
  const { links } = cluster
  const isReached =
    coordinator === broker || (links.isOpen(broker.id, coordinator.id) && links.isOpen(coordinator.id, broker.id))
  return isReached ? coordinator.services.shareState.shardOf(key) : 'COORDINATOR_NOT_AVAILABLE'
}
