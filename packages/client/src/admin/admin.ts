import type { Api, Decoded, Encodable } from '@ottla/codec'
import type { Cluster } from '../cluster/cluster.ts'
import { KafkaError } from '../errors.ts'
import { type CallOptions, onAnyBroker } from './call.ts'
import * as description from './cluster-description.ts'
import * as groupOffsets from './group-offsets.ts'
import * as groups from './groups.ts'
import * as offsets from './offsets.ts'
import * as topics from './topics.ts'

type Rest<F> = F extends (cluster: Cluster, ...rest: infer R) => infer V ? (...rest: R) => V : never

/**
 * The operations of Java's Admin under the same names. Each takes `{ signal, timeoutMs }`, retries what a retry can mend
 * until its deadline, and rejects with the error of the one entry that failed, or with an `AdminError` that holds the
 * result of each where several were asked for.
 */
export class Admin {
  readonly #cluster: Cluster
  #closed = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Creates topics; resolves when the controller has taken them, which is a moment before every broker knows them. */
  readonly createTopics = this.#bind(topics.createTopics)
  readonly deleteTopics = this.#bind(topics.deleteTopics)
  /** Raises partition counts: `createPartitions({ users: 4 })`. */
  readonly createPartitions = this.#bind(topics.createPartitions)
  readonly listTopics = this.#bind(topics.listTopics)
  readonly describeTopics = this.#bind(topics.describeTopics)
  readonly describeCluster = this.#bind(description.describeCluster)
  /** Offsets by position or time: `listOffsets([{ topic, partition, at: 'latest' }])`. */
  readonly listOffsets = this.#bind(offsets.listOffsets)
  readonly listGroups = this.#bind(groups.listGroups)
  readonly describeConsumerGroups = this.#bind(groups.describeConsumerGroups)
  readonly deleteConsumerGroups = this.#bind(groups.deleteConsumerGroups)
  readonly listConsumerGroupOffsets = this.#bind(groupOffsets.listConsumerGroupOffsets)
  readonly alterConsumerGroupOffsets = this.#bind(groupOffsets.alterConsumerGroupOffsets)
  readonly deleteConsumerGroupOffsets = this.#bind(groupOffsets.deleteConsumerGroupOffsets)

  /** Any request of the protocol, typed by the codec's table; answers come as they are, error codes included. */
  request<A extends Api>(
    api: A,
    body: Encodable<A['request']>,
    options: CallOptions & { readonly broker?: number } = {},
  ): Promise<Decoded<A['response']>> {
    this.#checkOpen(api.name)
    const { broker: id } = options
    return onAnyBroker(this.#cluster, api.name, options, (any, request) => {
      const broker = id === undefined ? any : this.#cluster.broker(id)
      if (broker !== undefined) return broker.request(api, body, request)
      const message = `${api.name}: the cluster has no broker ${id}`
      throw new KafkaError('BROKER_NOT_AVAILABLE', message, { retriable: true })
    })
  }

  /** Later calls reject; calls under way go on until their deadline or the client's close. */
  async close(): Promise<void> {
    this.#closed = true
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(operation: string): void {
    if (!this.#closed) return
    throw new KafkaError('CLOSED', `${operation}: this admin client was closed`, { retriable: false })
  }

  #bind<F extends (cluster: Cluster, ...rest: never[]) => Promise<unknown>>(operation: F): Rest<F> {
    const bound = async (...rest: never[]) => {
      this.#checkOpen(operation.name)
      return operation(this.#cluster, ...rest)
    }
    return bound as unknown as Rest<F>
  }
}
