import { errorOf } from '@ottla/codec'
import { meaningOf } from '../../error-meaning.ts'
import { type BrokerAddress, describePartition, KafkaError, kafkaErrorOf } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Backoffs } from './backoffs.ts'
import type { FetchContext, PartitionListener, PartitionResponse } from './fetch-response.ts'
import type { MetadataRequests } from './metadata-requests.ts'
import type { SourceCluster, SourceHost } from './source-host.ts'

/** A missing right is granted by a person: a longer pause than for other errors. */
const longestForbiddenMs = 10_000

/** How long the leader is read after the first preferred replica that could not be. */
const firstAvoidMs = 10_000

export interface OutcomeServices {
  readonly cluster: SourceCluster
  readonly host: SourceHost
  readonly backoffs: Backoffs
  readonly metadata: MetadataRequests
  /** The partition is fetched from another broker. */
  moved(partition: AssignedPartition): void
}

type Retry = 'no-leader' | 'forbidden' | 'backing-off'

/**
 * What follows when a partition could not be fetched. Each outcome concerns one partition and keeps it out of the next fetch from
 * this broker: it backs off, has an obstacle, or is read from another broker.
 */
export class FetchOutcomes implements PartitionListener {
  readonly #services: OutcomeServices

  constructor(services: OutcomeServices) {
    this.#services = services
  }

  failed(partition: AssignedPartition, response: PartitionResponse, context: FetchContext): void {
    const { fetching } = partition
    const { name } = errorOf(response.errorCode)
    const meaning = meaningOf(name)
    const wasFollower = fetching.preferredId === context.broker.id
    if (wasFollower) this.#avoidReplicas(partition)
    if (meaning.moved === 'leader') this.#leaderMoved(partition, response, context)
    else if (meaning.outOfRange) {
      // A follower may lag behind: only the leader decides about the offset.
      if (!wasFollower) this.#outOfRange(partition, response, context)
    } else if (meaning.forbidden !== undefined)
      this.#forbidden(partition, errorFor(partition, response, context.broker))
    else if (meaning.missingTopic) {
      fetching.missTopic(true)
      this.#retry(partition, 'no-leader', errorFor(partition, response, context.broker))
      this.#services.metadata.request(name, partition.topic)
    } else if (meaning.transient || wasFollower) {
      this.#dropHint(partition)
      this.#retry(partition, 'backing-off', errorFor(partition, response, context.broker))
      if (meaning.staleMetadata) this.#services.metadata.request(name, partition.topic)
    } else partition.buffer.fail(errorFor(partition, response, context.broker))
  }

  prefer(partition: AssignedPartition, response: PartitionResponse, { broker, nowMs }: FetchContext): boolean {
    const { cluster, metadata, moved } = this.#services
    const { fetching } = partition
    const { preferredReadReplica: replicaId, records } = response
    const isUsable = fetching.brokerId === fetching.leaderId && replicaId !== broker.id
    if (isUsable && !fetching.avoidsReplicas(nowMs)) {
      if (cluster.broker(replicaId) !== undefined) {
        fetching.prefer(replicaId, nowMs + cluster.options.metadataMaxAgeMs)
        moved(partition)
        return true
      }
      metadata.request('unknown preferred replica', undefined)
      this.#avoidReplicas(partition)
    }
    if (records !== null && records.length > 0) return false
    if (!isUsable) this.#avoidReplicas(partition)
    this.#retry(partition, 'backing-off', replicaError(partition, replicaId, broker))
    return true
  }

  confirmed(partitions: readonly AssignedPartition[]): void {
    const { cluster, host } = this.#services
    const leaders = partitions.map(({ topic, partition, fetching }) => {
      return { topic, partition, leader: fetching.leaderId, leaderEpoch: fetching.requestEpoch }
    })
    for (const { fetching } of partitions) fetching.confirmHint()
    cluster.updateLeaders(leaders)
    for (const partition of partitions) host.onNewEpoch(partition)
  }

  oversized(partition: AssignedPartition, bytes: number): void {
    partition.buffer.fail(new Error(`no whole batch in ${bytes} bytes`))
  }

  /** A request to the broker failed: its partitions are read elsewhere, if possible. */
  unreachable(partitions: Iterable<AssignedPartition>, brokerId: number, error: KafkaError): void {
    const nowMs = this.#services.cluster.runtime.monoNow()
    for (const partition of [...partitions]) {
      const { fetching } = partition
      const wasFollower = fetching.preferredId === brokerId
      if (wasFollower) this.#avoidReplicas(partition)
      if (this.#dropHint(partition) || wasFollower) this.#retry(partition, 'backing-off', error)
      else fetching.obstruct('backing-off', error, nowMs)
    }
  }

  /** The metadata does not list the broker. */
  brokerMissing(partition: AssignedPartition, brokerId: number): void {
    const { fetching } = partition
    if (fetching.brokerId !== brokerId) return
    const error = brokerError(partition, brokerId)
    if (fetching.preferredId === brokerId) {
      this.#avoidReplicas(partition)
      this.#retry(partition, 'backing-off', error)
    } else if (!this.#dropHint(partition)) {
      fetching.obstruct('no-leader', error, this.#services.cluster.runtime.monoNow())
    }
  }

  /** The metadata refuses the topic, or has no leader. */
  unavailable(partition: AssignedPartition): void {
    const { cluster, host } = this.#services
    const { topic, fetching } = partition
    const code = cluster.topicErrorCode(topic)
    const isForbidden = meaningOf(code).forbidden !== undefined
    const obstacle = isForbidden ? 'forbidden' : 'no-leader'
    if (fetching.trouble?.obstacle === obstacle) return
    const place = { topic, partition: partition.partition }
    const error = code === 0 ? leaderError(partition) : kafkaErrorOf(code, 'Fetching', place)
    fetching.obstruct(obstacle, error, cluster.runtime.monoNow())
    if (isForbidden) host.onForbidden(partition, error)
  }

  #leaderMoved(partition: AssignedPartition, response: PartitionResponse, context: FetchContext): void {
    const wasHinted = this.#dropHint(partition)
    if (!wasHinted && this.#follow(partition, response, context)) return
    this.#retry(partition, 'backing-off', errorFor(partition, response, context.broker))
    this.#services.metadata.request(errorOf(response.errorCode).name, partition.topic)
  }

  /** The broker may name the new leader (KIP-951). The address of a broker that the metadata lists is that of the metadata. */
  #follow(partition: AssignedPartition, { currentLeader }: PartitionResponse, { endpoints }: FetchContext): boolean {
    const { cluster, moved } = this.#services
    const { leaderId, leaderEpoch } = currentLeader
    if (leaderId < 0 || leaderEpoch <= partition.fetching.leaderEpoch) return false
    if (cluster.broker(leaderId) === undefined) {
      const own = endpoints.filter(({ nodeId }) => nodeId === leaderId)
      cluster.addBrokers(own.map((node) => ({ ...node, id: node.nodeId })))
    }
    if (cluster.broker(leaderId) === undefined) return false
    if (!partition.fetching.followHint(leaderId, leaderEpoch)) return false
    moved(partition)
    return true
  }

  #outOfRange(partition: AssignedPartition, response: PartitionResponse, context: FetchContext): void {
    const { cluster, host, backoffs } = this.#services
    const { fetching, buffer } = partition
    if (fetching.isHinted) this.confirmed([partition])
    // The position is being validated in the newer epoch.
    if (!partition.isFetchable(context.nowMs)) return
    if (!buffer.isDrained) {
      // Buffered records are delivered first: a reset would drop them.
      fetching.leaveRange(true)
      backoffs.add(partition, cluster.options.retryBackoffMaxMs)
      return
    }
    const { era } = partition
    host.onOutOfRange(partition)
    const isHandled = partition.era !== era || !partition.isFetchable(context.nowMs)
    if (!isHandled) this.#retry(partition, 'backing-off', errorFor(partition, response, context.broker))
  }

  #forbidden(partition: AssignedPartition, error: KafkaError): void {
    const begins = partition.fetching.trouble?.obstacle !== 'forbidden'
    this.#retry(partition, 'forbidden', error)
    if (begins) this.#services.host.onForbidden(partition, error)
  }

  #retry(partition: AssignedPartition, obstacle: Retry, error: KafkaError): void {
    const { cluster, backoffs } = this.#services
    partition.fetching.obstruct(obstacle, error, cluster.runtime.monoNow())
    backoffs.add(partition, obstacle === 'forbidden' ? longestForbiddenMs : cluster.options.retryBackoffMaxMs)
  }

  #avoidReplicas(partition: AssignedPartition): void {
    const { cluster, moved } = this.#services
    partition.fetching.avoidReplicas(cluster.runtime.monoNow(), firstAvoidMs, cluster.options.metadataMaxAgeMs)
    moved(partition)
  }

  /** Returns whether the partition was read from a hinted leader. */
  #dropHint(partition: AssignedPartition): boolean {
    if (!partition.fetching.isHinted) return false
    partition.fetching.dropHint()
    this.#services.moved(partition)
    return true
  }
}

function errorFor(
  { topic, partition }: AssignedPartition,
  { errorCode }: PartitionResponse,
  broker: BrokerAddress,
): KafkaError {
  return kafkaErrorOf(errorCode, 'Fetching', { topic, partition, broker })
}

function leaderError({ topic, partition }: AssignedPartition): KafkaError {
  const message = `Fetching ${describePartition({ topic, partition })} failed: it has no leader at the moment`
  return new KafkaError('LEADER_NOT_AVAILABLE', message, { retriable: true, topic, partition })
}

function brokerError({ topic, partition }: AssignedPartition, brokerId: number): KafkaError {
  const place = describePartition({ topic, partition })
  const message = `Fetching ${place} failed: the cluster does not list its leader, broker ${brokerId}`
  return new KafkaError('LEADER_NOT_AVAILABLE', message, { retriable: true, topic, partition })
}

function replicaError({ topic, partition }: AssignedPartition, replicaId: number, broker: BrokerAddress): KafkaError {
  const place = describePartition({ topic, partition })
  const message = `Fetching ${place} failed: its preferred replica, broker ${replicaId}, cannot be read`
  return new KafkaError('REPLICA_NOT_AVAILABLE', message, { retriable: true, topic, partition, broker })
}
