import { ListOffsets, OffsetFetch, type OffsetFetchResponse, OffsetForLeaderEpoch } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { coordinatorLost, isTransient } from '../error-meaning.ts'
import { describePartition, KafkaError, kafkaErrorOf } from '../errors.ts'
import { type GroupIdentity, groupByTopic, type TopicPartition } from '../group/membership.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { sleep } from '../runtime/wait.ts'

export type OffsetsCluster = Pick<
  Cluster,
  'runtime' | 'options' | 'logger' | 'coordinator' | 'forgetCoordinator' | 'leaderOf' | 'partition' | 'refreshMetadata'
>

export interface CommittedOffset extends TopicPartition {
  /** -1: nothing is committed. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
}

export interface FoundOffset extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch: number
}

/** Timestamps that stand for the ends of the log. */
export const earliestTimestamp = -2n
export const latestTimestamp = -1n

/** Requests that tell where to read. Passing troubles are waited out until the signal aborts: only answers count as answers. */
export class OffsetLookup {
  readonly #cluster: OffsetsCluster
  readonly #isolation: 'read_committed' | 'read_uncommitted'

  constructor(cluster: OffsetsCluster, isolation: 'read_committed' | 'read_uncommitted') {
    this.#cluster = cluster
    this.#isolation = isolation
  }

  /** What the group committed, offsets of pending transactions waited for (KIP-447). */
  async committed(
    identity: GroupIdentity,
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<CommittedOffset[]> {
    return this.#untilResponse(
      signal,
      async () => {
        const broker = await this.#cluster.coordinator('group', identity.groupId, { signal })
        const body = (version: number) => committedRequest(version, identity, partitions)
        const response = await broker.request(OffsetFetch, body, { signal, maxVersion: 9 })
        return committedResponse(response, identity.groupId, broker)
      },
      identity.groupId,
    )
  }

  /** The offsets at a time or an end of the log. Partitions whose leader has to be found first make it try again. */
  async list(partitions: readonly TopicPartition[], timestamp: bigint, signal: AbortSignal): Promise<FoundOffset[]> {
    const isolationLevel = this.#isolation === 'read_committed' ? 1 : 0
    return this.#byLeader(partitions, signal, async (broker, own) => {
      const topics = groupByTopic(own).map(({ topic, partitions: indexes }) => ({
        name: topic,
        partitions: indexes.map((partitionIndex) => ({
          partitionIndex,
          currentLeaderEpoch: this.#cluster.partition(topic, partitionIndex)?.leaderEpoch ?? -1,
          timestamp,
        })),
      }))
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

  /** Where the log of an epoch ends (KIP-320); an offset below a position says that the log was cut. -1: unknown epoch. */
  async epochEnds(
    partitions: readonly (TopicPartition & { leaderEpoch: number })[],
    signal: AbortSignal,
  ): Promise<FoundOffset[]> {
    return this.#byLeader(partitions, signal, async (broker, own) => {
      const topics = groupByTopic(own).map(({ topic, partitions: indexes }) => ({
        topic,
        partitions: indexes.map((partition) => ({
          partition,
          currentLeaderEpoch: this.#cluster.partition(topic, partition)?.leaderEpoch ?? -1,
          leaderEpoch: own.find((one) => one.topic === topic && one.partition === partition)?.leaderEpoch ?? -1,
        })),
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
    signal: AbortSignal,
    ask: (broker: Broker, own: readonly T[]) => Promise<(FoundOffset & { errorCode: number })[]>,
  ): Promise<FoundOffset[]> {
    const found: FoundOffset[] = []
    let left: readonly T[] = partitions
    await this.#untilResponse(signal, async () => {
      const byBroker = new Map<Broker | undefined, T[]>()
      for (const one of left) {
        const broker = this.#cluster.leaderOf(one.topic, one.partition)
        const list = byBroker.get(broker)
        if (list === undefined) byBroker.set(broker, [one])
        else list.push(one)
      }
      const unled = byBroker.get(undefined)
      byBroker.delete(undefined)
      const results = await Promise.allSettled(Array.from(byBroker, ([broker, own]) => ask(broker!, own)))
      let trouble = unled === undefined ? undefined : leaderless(unled[0]!)
      for (const result of results) {
        if (result.status === 'rejected') trouble ??= result.reason as KafkaError
        else for (const response of result.value) trouble = this.#take(response, found) ?? trouble
      }
      const done = new Set(found.map(({ topic, partition }) => `${topic} ${partition}`))
      left = left.filter(({ topic, partition }) => !done.has(`${topic} ${partition}`))
      if (left.length > 0) throw trouble ?? leaderless(left[0]!)
    })
    return found
  }

  #take(response: FoundOffset & { errorCode: number }, found: FoundOffset[]): KafkaError | undefined {
    const { errorCode, topic, partition } = response
    if (errorCode !== 0) return kafkaErrorOf(errorCode, 'Looking up an offset', { topic, partition })
    found.push(response)
    return undefined
  }

  /** R24: nothing but an answer ends it; in particular no trouble on the way leads to another position. */
  async #untilResponse<T>(signal: AbortSignal, attempt: () => Promise<T>, groupId?: string): Promise<T> {
    const { runtime, options, logger } = this.#cluster
    const limits = { firstMs: options.retryBackoffMs, maxMs: options.retryBackoffMaxMs }
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt()
      } catch (error) {
        if (signal.aborted || !isTransient(error)) throw error
        logger.debug('looking up offsets failed', { attempts, error: String(error) })
        if (groupId === undefined) this.#cluster.refreshMetadata('an offset could not be looked up').catch(() => {})
        else if (coordinatorLost(error)) this.#cluster.forgetCoordinator('group', groupId)
      }
      await sleep(runtime, backoffMs(runtime, attempts, limits), signal)
    }
  }
}

function leaderless({ topic, partition }: TopicPartition): KafkaError {
  const message = `No leader at the moment for ${describePartition({ topic, partition })}`
  return new KafkaError('LEADER_NOT_AVAILABLE', message, {
    retriable: true,
    topic,
    partition,
  })
}

function committedRequest(version: number, identity: GroupIdentity, partitions: readonly TopicPartition[]) {
  const topics = groupByTopic(partitions).map(({ topic, partitions: partitionIndexes }) => ({
    name: topic,
    partitionIndexes,
  }))
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
