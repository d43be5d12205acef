import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import type { Controller } from '../controllers/controller.ts'
import { ensureShareStateTopic } from '../controllers/internal-topics.ts'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { groupConfigs } from '../state/configs/resource-configs.ts'
import { partitionOf } from '../state/coordinators/coordinator-shards.ts'
import type { GroupCoordinator } from '../state/group-coordinator/group-coordinator.ts'
import { shareStateTopic } from '../state/internal-topics.ts'
import type { MetadataView } from '../state/metadata-view.ts'
import type { Replica } from '../state/replicas/replica.ts'
import { shareConfigOf } from '../state/shares/share-config.ts'
import { ShareCoordinator } from '../state/shares/share-coordinator.ts'
import { ShareGroupService } from '../state/shares/share-group-service.ts'
import { SharePartitions } from '../state/shares/share-partitions.ts'
import { SharePersister } from '../state/shares/share-persister.ts'
import { type ShareKey, shareKeyText } from '../state/shares/share-state-records.ts'
import type { ShareStateShard } from '../state/shares/share-state-shard.ts'

/** The services for share groups. */
export type ShareServices = {
  /** The share coordinator: persists the state of share partitions. */
  readonly shareState: ShareCoordinator
  /** The share partitions that this broker leads. */
  readonly shares: SharePartitions
  /** Coordinates share groups, together with `groups`. */
  readonly shareGroups: ShareGroupService
}

/** What the services for share groups need of their broker. */
export interface ShareHost {
  readonly runtime: Runtime
  readonly config: BrokerConfig
  readonly controller: Controller
  readonly view: MetadataView
  partitionCount(topic: string): number
  leaderOf(topic: string, partition: number): number | undefined
  replica(topic: string, partition: number): Replica | undefined
  broker(id: number): ShareCoordinatorNode | undefined
  isConnectedTo(brokerId: number): boolean
}

/** A broker that may be the share coordinator. */
export interface ShareCoordinatorNode {
  readonly isUp: boolean
  readonly isPaused: boolean
  readonly services: { readonly shareState: ShareCoordinator }
}

export function createShareServices(broker: ShareHost, groups: () => GroupCoordinator): ShareServices {
  const { runtime, config } = broker
  const configOf = (groupId: string) =>
    shareConfigOf(config, groupConfigs(broker.view.areas.resourceConfigs, groupId), Math.floor(runtime.wallNow()))
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

/** The shard that coordinates a share partition, on any broker: brokers call each other directly. */
function coordinatorOf(broker: ShareHost, key: ShareKey): ShareStateShard | ErrorName {
  const count = broker.partitionCount(shareStateTopic)
  if (count === 0) {
    ensureShareStateTopic(broker.controller, broker.config)
    return 'COORDINATOR_NOT_AVAILABLE'
  }
  const leader = broker.leaderOf(shareStateTopic, partitionOf(shareKeyText(key), count)) ?? -1
  const coordinator = broker.broker(leader)
  if (coordinator === undefined || !coordinator.isUp || coordinator.isPaused) return 'COORDINATOR_NOT_AVAILABLE'
  return broker.isConnectedTo(leader) ? coordinator.services.shareState.shardOf(key) : 'COORDINATOR_NOT_AVAILABLE'
}
