import { DescribeCluster } from '@ottla/codec'
import { onListener } from '../state/metadata-view.ts'
import { type Handler, serves } from './handler.ts'
import { allOperations, allVersions, codes, noOperations } from './support.ts'

const brokerEndpoints = 1
const controllerEndpoints = 2

function refused(endpointType: number) {
  const isControllers = endpointType === controllerEndpoints
  const error = isControllers ? 'MISMATCHED_ENDPOINT_TYPE' : 'UNSUPPORTED_ENDPOINT_TYPE'
  const mismatched = 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER'
  const errorMessage = isControllers ? mismatched : `Unsupported endpoint type ${endpointType}`
  const errorCode = codes.of(error)
  return { throttleTimeMs: 0, errorCode, errorMessage, endpointType: brokerEndpoints, clusterId: '', brokers: [] }
}

const handle: Handler<typeof DescribeCluster> = ({ broker, cluster, connection }, request) => {
  const { clusterId } = cluster
  const common = { throttleTimeMs: 0, endpointType: brokerEndpoints, clusterId }
  if (request.endpointType !== brokerEndpoints) return refused(request.endpointType)
  const alive = broker.view.aliveBrokers()
  const shown = request.includeFencedBrokers ? broker.view.allBrokers() : alive
  const { listener } = connection.origin
  return {
    ...common,
    errorCode: 0,
    controllerId: alive[0]?.id ?? -1,
    brokers: shown.map((image) => {
      const { id, host, port, rack, isFenced } = onListener(image, listener)
      return { brokerId: id, host, port, rack, isFenced }
    }),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? allOperations.cluster : noOperations,
  }
}

export const describeClusterHandler = serves(DescribeCluster, allVersions(DescribeCluster), handle)
