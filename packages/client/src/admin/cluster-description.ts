import { DescribeCluster } from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
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
    const response = await broker.request(DescribeCluster, body, request)
    checkCode(response.errorCode, operation, { broker, message: response.errorMessage })
    const brokers = response.brokers
      .map(({ brokerId: id, host, port, rack }) => ({ id, host, port, rack }))
      .sort((a, b) => a.id - b.id)
    return { clusterId: response.clusterId, controllerId: response.controllerId, brokers }
  })
}
