import { AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, errorCode, InitProducerId } from '@ottla/codec'
import type { Broker } from '../../cluster/broker.ts'
import type { CoordinatorConnection } from '../../cluster/coordinator-connection.ts'
import { onCoordinator } from '../../cluster/on-coordinator.ts'
import type { RetryOptions } from '../../cluster/retry.ts'
import { groupByTopic, type TopicPartition } from '../../cluster/topology.ts'
import { meaningOf } from '../../error-meaning.ts'
import { KafkaError, kafkaErrorOf } from '../../errors.ts'
import type { Identity } from '../identity.ts'
import type { TransactionCluster } from './transaction-cluster.ts'

/** 1: partitions and groups are added to a transaction by requests. 2 (KIP-890): the brokers add them, and each end raises the epoch. */
export type TransactionProtocol = 1 | 2

/** Limits of a call. */
export type CallLimits = Pick<RetryOptions, 'deadlineMs' | 'timeoutMs' | 'signal' | 'closing'>

/** How a transaction ended at the coordinator. */
export interface Ended {
  /** For the next transaction; undefined: the same as before. */
  readonly identity: Identity | undefined
  /** An attempt got no response: a copy of the request may reach the coordinator late. */
  readonly isRepeated: boolean
}

/** The finalized feature whose level 2 is KIP-890. */
const feature = 'transaction.version'

/** From this version on EndTxn raises the epoch. */
const raisingEndVersion = 5

/** Of a partition: another one has an error. */
const notAttempted = errorCode('OPERATION_NOT_ATTEMPTED')

/** The requests of one transactionalId to its coordinator, repeated until the coordinator decides or a limit is reached. */
export class CoordinatorRequests {
  readonly #cluster: TransactionCluster
  readonly #transactionalId: string
  readonly #timeoutMs: number
  readonly #connection: CoordinatorConnection

  constructor(
    cluster: TransactionCluster,
    connection: CoordinatorConnection,
    { transactionalId, transactionTimeoutMs }: { transactionalId: string; transactionTimeoutMs: number },
  ) {
    this.#cluster = cluster
    this.#connection = connection
    this.#transactionalId = transactionalId
    this.#timeoutMs = transactionTimeoutMs
  }

  /** The protocol of the coordinator, as of its last connection. */
  protocol(limits: CallLimits): Promise<TransactionProtocol> {
    const operation = `Beginning a transaction of '${this.#transactionalId}'`
    const what = { operation, ...limits }
    return onCoordinator(this.#cluster, 'transaction', this.#transactionalId, what, async (coordinator, signal) => {
      const version = await coordinator.versionOf(EndTxn, { signal, purpose: this.#connection.to(coordinator) })
      return version >= raisingEndVersion && coordinator.featureLevel(feature) >= 2 ? 2 : 1
    })
  }

  /**
   * An identity that fences all earlier ones of the transactionalId. `current`: the producer's own, which gets the next epoch
   * (KIP-360); undefined at the start, which also aborts what another instance has left open.
   */
  async init(current: Identity | undefined, limits: CallLimits): Promise<Identity> {
    const operation = `Initializing the transactions of '${this.#transactionalId}'`
    const body = {
      transactionalId: this.#transactionalId,
      transactionTimeoutMs: this.#timeoutMs,
      producerId: current?.producerId ?? -1n,
      producerEpoch: current?.epoch ?? -1,
    }
    // Without KIP-360 the coordinator does not read the current identity: it returns the next epoch in any case.
    const { producerId, producerEpoch } = await this.#call(operation, limits, async (broker, options) => {
      const request = { ...options, maxVersion: 5 }
      const older = (version: number) => (version < 3 ? { ...body, producerId: -1n, producerEpoch: -1 } : body)
      const response = await broker.request(InitProducerId, older, request)
      return { code: response.errorCode, response }
    })
    return { producerId, epoch: producerEpoch, transactional: true }
  }

  /** Protocol 1: before the first record of each partition. */
  async addPartitions(identity: Identity, partitions: readonly TopicPartition[], limits: CallLimits): Promise<void> {
    const operation = `Adding partitions to the transaction of '${this.#transactionalId}'`
    const body = {
      v3AndBelowTransactionalId: this.#transactionalId,
      v3AndBelowProducerId: identity.producerId,
      v3AndBelowProducerEpoch: identity.epoch,
      v3AndBelowTopics: groupByTopic(partitions, ({ partition }) => partition).map(({ topic, partitions }) => ({
        name: topic,
        partitions,
      })),
    }
    await this.#call(operation, limits, async (broker, options) => {
      const response = await broker.request(AddPartitionsToTxn, body, { ...options, maxVersion: 3 })
      return { ...worstOf(response.resultsByTopicV3AndBelow), response }
    })
  }

  /** Protocol 1: before the first offsets of each group. */
  async addGroup(identity: Identity, groupId: string, limits: CallLimits): Promise<void> {
    const operation = `Adding group '${groupId}' to the transaction of '${this.#transactionalId}'`
    const body = { ...this.#fields(identity), groupId }
    await this.#call(operation, limits, async (broker, options) => {
      const response = await broker.request(AddOffsetsToTxn, body, { ...options, maxVersion: 3 })
      return { code: response.errorCode, response }
    })
  }

  /** Commits or aborts. Repeated until the coordinator has decided: it recognizes the repetition of the same decision. */
  async end(
    identity: Identity,
    { committed, protocol }: { readonly committed: boolean; readonly protocol: TransactionProtocol },
    limits: CallLimits,
  ): Promise<Ended> {
    const operation = `${committed ? 'Committing' : 'Aborting'} the transaction of '${this.#transactionalId}'`
    const body = { ...this.#fields(identity), committed }
    const versions = protocol === 2 ? { minVersion: raisingEndVersion } : { maxVersion: raisingEndVersion - 1 }
    let isRepeated = false
    const response = await this.#call(operation, limits, async (broker, options) => {
      try {
        const response = await broker.request(EndTxn, body, { ...options, ...versions })
        return { code: response.errorCode, response }
      } catch (error) {
        if (KafkaError.is(error) && error.outcome !== 'not-written') isRepeated = true
        throw error
      }
    })
    const { producerId, producerEpoch } = response
    const raised = protocol === 2 ? { producerId, epoch: producerEpoch, transactional: true } : undefined
    return { identity: raised, isRepeated }
  }

  close(): void {
    this.#connection.close()
  }

  #fields({ producerId, epoch: producerEpoch }: Identity) {
    return { transactionalId: this.#transactionalId, producerId, producerEpoch }
  }

  #call<T>(operation: string, limits: CallLimits, send: Send<T>): Promise<T> {
    const what = { operation, soonReady: true, ...limits }
    return onCoordinator(this.#cluster, 'transaction', this.#transactionalId, what, async (broker, signal) => {
      const purpose = this.#connection.to(broker)
      const { code, response, topic, partition } = await send(broker, { signal, purpose })
      if (code === 0) return response
      throw kafkaErrorOf(code, operation, { broker, topic, partition, outcome: 'not-written' })
    })
  }
}

type Send<T> = (
  broker: Broker,
  options: { readonly signal: AbortSignal; readonly purpose: ReturnType<CoordinatorConnection['to']> },
) => Promise<{
  readonly code: number
  readonly response: T
  readonly topic?: string | undefined
  readonly partition?: number | undefined
}>

/** The error of a partition that decides about the request: one that no retry heals, else any. */
function worstOf(
  topics: readonly {
    readonly name: string
    readonly resultsByPartition: readonly { readonly partitionIndex: number; readonly partitionErrorCode: number }[]
  }[],
) {
  let worst: { code: number; topic?: string; partition?: number } = { code: 0 }
  for (const { name: topic, resultsByPartition } of topics) {
    for (const { partitionIndex: partition, partitionErrorCode: code } of resultsByPartition) {
      if (code === 0 || code === notAttempted) continue
      if (worst.code === 0 || meaningOf(worst.code).transient) worst = { code, topic, partition }
    }
  }
  return worst
}
