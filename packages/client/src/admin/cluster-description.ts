import { DescribeCluster, Metadata } from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Broker, RequestOptions } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { meaningOf } from '../error-meaning.ts'
import { KafkaError } from '../errors.ts'
import { onAnyBroker } from './call.ts'
import { checkCode } from './results.ts'

export interface BrokerDescription {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface ClusterDescription {
  readonly clusterId: string
  /** In KRaft clusters any live broker, which forwards requests to the controller; -1 while there is none. */
  readonly controllerId: number
  readonly brokers: readonly BrokerDescription[]
}

export function describeCluster(cluster: Cluster, options: CallOptions = {}): Promise<ClusterDescription> {
  const operation = 'Describing the cluster'
  return onAnyBroker(cluster, operation, options, async (broker, request) => {
    const body = { includeClusterAuthorizedOperations: false, includeFencedBrokers: false }
    const response = await broker.request(DescribeCluster, body, request).catch((error: unknown) => {
      if (!KafkaError.is(error) || !meaningOf(error.code).unsupportedVersion) throw error
      return undefined
    })
    if (response === undefined) return fromMetadata(broker, request)
    checkCode(response.errorCode, operation, { broker, message: response.errorMessage })
    const brokers = response.brokers
      .map(({ brokerId: id, host, port, rack }) => ({ id, host, port, rack }))
      .sort((a, b) => a.id - b.id)
    return { clusterId: response.clusterId, controllerId: response.controllerId, brokers }
  })
}

/** Before Kafka 2.8 there is no DescribeCluster: the metadata has the same fields. */
async function fromMetadata(broker: Broker, request: RequestOptions): Promise<ClusterDescription> {
  const body = { topics: [], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
  const { brokers, clusterId, controllerId } = await broker.request(Metadata, body, { ...request, maxVersion: 9 })
  const described = brokers.map(({ nodeId: id, host, port, rack }) => ({ id, host, port, rack }))
  return { clusterId: clusterId ?? '', controllerId, brokers: described.sort((a, b) => a.id - b.id) }
}
