import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { GroupStatus } from '../state/coordinators/group-kind.ts'
import type { ProducerStatus } from '../state/replicas/producer-states.ts'
import type { TransactionStatus } from '../state/transactions/transaction-status.ts'
import { transactionsOf } from './cluster-operations.ts'

export interface ReplicaState {
  readonly brokerId: number
  readonly isLeader: boolean
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logEndOffset: number
  /** The idempotent producers in its log, with their ids as strings. */
  readonly producers: readonly ProducerStatus[]
}

export interface PartitionState {
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** Replicas outside the ISR that may become leader (KIP-966). */
  readonly elr: readonly number[]
  /** In the state of each broker, including brokers that are down. */
  readonly logs: readonly ReplicaState[]
}

export interface TopicState {
  readonly name: string
  readonly topicId: string
  readonly configs: Readonly<Record<string, string>>
  readonly partitions: readonly PartitionState[]
}

/** A group with its offsets as strings: JSON has no bigint. */
export type GroupState = Omit<GroupStatus, 'offsets'> & {
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: string }[]
}

/** A transactional id, with its producer id as a string. */
export type TransactionalIdState = Omit<TransactionStatus, 'producerId'> & { readonly producerId: string }

export interface BrokerState {
  readonly id: number
  readonly isUp: boolean
  readonly connections: number
}

/** The whole state of a cluster at one moment, as plain JSON. */
export interface ClusterState {
  readonly clusterId: string
  readonly nowMs: number
  readonly brokers: readonly BrokerState[]
  readonly topics: readonly TopicState[]
  readonly groups: readonly GroupState[]
  readonly transactions: readonly TransactionalIdState[]
}

export function stateOf(cluster: ClusterContext, groups: readonly GroupStatus[]): ClusterState {
  const brokers = cluster.brokers()
  return {
    clusterId: cluster.clusterId,
    nowMs: cluster.runtime.wallNow(),
    brokers: brokers.map(({ id, isUp, connectionCount }) => ({ id, isUp, connections: connectionCount })),
    topics: Array.from(cluster.controller.state.topics(), ({ name, id, configs, partitions }) => ({
      name,
      topicId: id,
      configs: Object.fromEntries(configs),
      partitions: partitions.map(({ partition, leader, leaderEpoch, replicas, isr, elr = [] }) => ({
        partition,
        leader,
        leaderEpoch,
        replicas,
        isr,
        elr,
        logs: logsOf(brokers, name, partition),
      })),
    })),
    groups: groups.map((group) => ({
      ...group,
      offsets: group.offsets.map((committed) => ({ ...committed, offset: String(committed.offset) })),
    })),
    transactions: transactionsOf(brokers).map((status) => ({ ...status, producerId: String(status.producerId) })),
  }
}

function logsOf(brokers: readonly Broker[], topic: string, partition: number): ReplicaState[] {
  return brokers.flatMap((broker) => {
    const replica = broker.replica(topic, partition)
    if (replica === undefined) return []
    const { isLeader, leaderEpoch, logStartOffset, highWatermark, lastStableOffset, logEndOffset, log } = replica
    const offsets = { logStartOffset, highWatermark, lastStableOffset, logEndOffset }
    return [{ brokerId: broker.id, isLeader, leaderEpoch, ...offsets, producers: log.producers.statuses() }]
  })
}

/** What clients of the cluster left open. */
export interface Leaks {
  /** Connections that are still open. */
  readonly connections: readonly {
    readonly node: number
    readonly connection: number
    readonly client: string | null
  }[]
  /** Pending timers of clients on the cluster's clock. */
  readonly timers: number
}

export function openConnections(brokers: Iterable<Broker>): Leaks['connections'] {
  return Array.from(brokers).flatMap((broker) =>
    Array.from(broker.connections(), ({ id, clientId }) => ({ node: broker.id, connection: id, client: clientId })),
  )
}

/** Throws when anything was left open. */
export function refuseLeaks({ connections, timers }: Leaks): void {
  if (connections.length === 0 && timers === 0) return
  const open = connections.map(
    ({ node, connection, client }) => `${client ?? 'a client'}, connection ${connection} of broker ${node}`,
  )
  throw new Error(
    `Clients left ${connections.length} connections` +
      `${open.length > 0 ? ` (${open.join(', ')})` : ''} and ${timers} timers open`,
  )
}
