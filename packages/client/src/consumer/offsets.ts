import { ListOffsets, OffsetFetch, type OffsetFetchResponse, OffsetForLeaderEpoch } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { byLeader } from '../cluster/by-leader.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { onCoordinator } from '../cluster/on-coordinator.ts'
import type { RetryOptions } from '../cluster/retry.ts'
import { groupByTopic, type TopicPartition } from '../cluster/topology.ts'
import { isTransient } from '../error-meaning.ts'
import { KafkaError, kafkaErrorOf } from '../errors.ts'
import type { GroupIdentity } from '../group/membership.ts'

export type OffsetsCluster = Pick<
  Cluster,
  'options' | 'retry' | 'findCoordinator' | 'forgetCoordinator' | 'leaderOf' | 'partition'
>

export interface CommittedOffset extends TopicPartition {
  /** -1 without a commit. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
}

export interface FoundOffset extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch: number
}

/** Special timestamps for the ends of the log. */
export const earliestTimestamp = -2n
export const latestTimestamp = -1n

/** The limits of a look-up: the deadline of a call, or the lifetime of its owner. */
export type LookupLimits = Pick<RetryOptions, 'deadlineMs' | 'timeoutMs' | 'signal' | 'closing'>

/**
 * Looks up offsets to read from. A failure never yields another position: transient failures are retried until the
 * limits.
 */
export class OffsetLookup {
  readonly #cluster: OffsetsCluster
  readonly #isolation: 'read_committed' | 'read_uncommitted'

  constructor(cluster: OffsetsCluster, isolation: 'read_committed' | 'read_uncommitted') {
    this.#cluster = cluster
    this.#isolation = isolation
  }

  /** The committed offsets of the group; waits for those of pending transactions (KIP-447). */
  async committed(
    identity: GroupIdentity,
    partitions: readonly TopicPartition[],
    limits: LookupLimits,
  ): Promise<CommittedOffset[]> {
    const { groupId } = identity
    const what = { operation: 'Looking up committed offsets', isTransient, ...limits }
    return onCoordinator(this.#cluster, groupId, what, async (broker, signal) => {
      const body = (version: number) => committedRequest(version, identity, partitions)
      const response = await broker.request(OffsetFetch, body, { signal, maxVersion: 9 })
      return committedResponse(response, groupId, broker)
    })
  }

  /** The offsets for a timestamp or an end of the log. */
  async list(partitions: readonly TopicPartition[], timestamp: bigint, limits: LookupLimits): Promise<FoundOffset[]> {
    const isolationLevel = this.#isolation === 'read_committed' ? 1 : 0
    return this.#byLeader(partitions, limits, async (broker, own, signal) => {
      const topics = groupByTopic(own, ({ topic, partition }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: this.#cluster.partition(topic, partition)?.leaderEpoch ?? -1,
        timestamp,
      })).map(({ topic: name, partitions: queries }) => ({ name, partitions: queries }))
      const timeoutMs = this.#cluster.options.requestTimeoutMs
      const body = { replicaId: -1, isolationLevel, topics, timeoutMs }
      const response = await broker.request(ListOffsets, body, { signal })
      return response.topics.flatMap(({ name, partitions: responses }) =>
        responses.map((one) => ({
          topic: name,
          partition: one.partitionIndex,
          offset: Number(one.offset),
          leaderEpoch: one.leaderEpoch,
          errorCode: one.errorCode,
        })),
      )
    })
  }

  /**
   * The end offsets of leader epochs (KIP-320). One below the position means that the log was truncated; -1: unknown
   * epoch.
   */
  async epochEnds(
    partitions: readonly (TopicPartition & { leaderEpoch: number })[],
    limits: LookupLimits,
  ): Promise<FoundOffset[]> {
    return this.#byLeader(partitions, limits, async (broker, own, signal) => {
      const topics = groupByTopic(own, ({ topic, partition, leaderEpoch }) => ({
        partition,
        currentLeaderEpoch: this.#cluster.partition(topic, partition)?.leaderEpoch ?? -1,
        leaderEpoch,
      }))
      const response = await broker.request(OffsetForLeaderEpoch, { replicaId: -1, topics }, { signal })
      return response.topics.flatMap(({ topic, partitions: responses }) =>
        responses.map(({ partition, endOffset, leaderEpoch, errorCode }) => ({
          topic,
          partition,
          offset: Number(endOffset),
          leaderEpoch,
          errorCode,
        })),
      )
    })
  }

  async #byLeader<T extends TopicPartition>(
    partitions: readonly T[],
    limits: LookupLimits,
    request: (
      broker: Broker,
      own: readonly T[],
      signal: AbortSignal,
    ) => Promise<(FoundOffset & { errorCode: number })[]>,
  ): Promise<FoundOffset[]> {
    const operation = 'Looking up an offset'
    const what = { operation, isTransient, ...limits }
    const found = await byLeader<T, FoundOffset>(this.#cluster, what, partitions, async (broker, own, signal) => {
      const responses = new Map<string, FoundOffset & { errorCode: number }>()
      for (const one of await request(broker, own, signal)) responses.set(`${one.partition} ${one.topic}`, one)
      return own.flatMap((entry): [T, FoundOffset | KafkaError][] => {
        const { topic, partition } = entry
        const response = responses.get(`${partition} ${topic}`)
        if (response === undefined) return []
        if (response.errorCode === 0) return [[entry, response]]
        const error = kafkaErrorOf(response.errorCode, operation, { topic, partition })
        // A permanent error of one partition ends the look-up of all.
        if (!isTransient(error)) throw error
        return [[entry, error]]
      })
    })
    return [...found.values()].filter((outcome): outcome is FoundOffset => !KafkaError.is(outcome))
  }
}

function committedRequest(version: number, identity: GroupIdentity, partitions: readonly TopicPartition[]) {
  const topics = groupByTopic(partitions, ({ partition }) => partition).map(
    ({ topic, partitions: partitionIndexes }) => ({
      name: topic,
      partitionIndexes,
    }),
  )
  const { groupId } = identity
  if (version < 8) return { groupId, topics, ...(version >= 7 && { requireStable: true }) }
  return { groups: [{ groupId, topics }], requireStable: true }
}

function committedResponse(response: OffsetFetchResponse, groupId: string, broker: Broker): CommittedOffset[] {
  const group = response.groups.find((one) => one.groupId === groupId) ?? response
  const where = { broker, group: groupId }
  if (group.errorCode !== 0) throw kafkaErrorOf(group.errorCode, 'Looking up committed offsets', where)
  return group.topics.flatMap(({ name, partitions }) =>
    partitions.map((one) => {
      const { partitionIndex: partition, errorCode } = one
      if (errorCode !== 0) {
        throw kafkaErrorOf(errorCode, 'Looking up committed offsets', { ...where, topic: name, partition })
      }
      const { committedOffset, committedLeaderEpoch, metadata } = one
      return { topic: name, partition, offset: Number(committedOffset), leaderEpoch: committedLeaderEpoch, metadata }
    }),
  )
}
