import type { Api, Decoded, Encodable } from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { closedError, KafkaError } from '../errors.ts'
import { onAnyBroker } from './call.ts'
import * as description from './cluster-description.ts'
import * as groupOffsets from './group-offsets.ts'
import * as groups from './groups.ts'
import * as offsets from './offsets.ts'
import * as topics from './topics.ts'

type Rest<F> = F extends (cluster: Cluster, ...rest: infer R) => infer V ? (...rest: R) => V : never

/**
 * The operations of Java's Admin under the same names. Each takes `{ signal, timeoutMs }` and retries transient failures until its
 * deadline. A call for one entry rejects with the error of that entry; a call for several rejects with an `AdminError` that holds
 * the result of each.
 */
export class Admin {
  readonly #cluster: Cluster
  readonly #onClosed: () => void
  #closed = false

  /** @internal */
  constructor(cluster: Cluster, onClosed: () => void = () => {}) {
    this.#cluster = cluster
    this.#onClosed = onClosed
  }

  /** Creates topics. Resolves when the controller has created them; it can take a moment until every broker has them. */
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

  /** Sends any request of the protocol, typed by the codec's table. Returns the response unchanged, error codes included. */
  request<A extends Api>(
    api: A,
    body: Encodable<A['request']>,
    options: CallOptions & { readonly broker?: number | undefined } = {},
  ): Promise<Decoded<A['response']>> {
    this.#checkOpen()
    const { broker: id } = options
    return onAnyBroker(this.#cluster, api.name, options, (any, request) => {
      const broker = id === undefined ? any : this.#cluster.broker(id)
      if (broker !== undefined) return broker.request(api, body, request)
      const message = `${api.name} failed: the cluster has no broker ${id} at the moment`
      throw new KafkaError('BROKER_NOT_AVAILABLE', message, { retriable: true })
    })
  }

  /** Later calls reject. Calls in flight continue until their deadline, or until the client is closed. */
  async close(): Promise<void> {
    this.#closed = true
    this.#onClosed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError('admin client')
  }

  #bind<F extends (cluster: Cluster, ...rest: never[]) => Promise<unknown>>(operation: F): Rest<F> {
    const bound = async (...rest: never[]) => {
      this.#checkOpen()
      return operation(this.#cluster, ...rest)
    }
    return bound as unknown as Rest<F>
  }
}
