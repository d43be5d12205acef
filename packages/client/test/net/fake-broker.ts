import { allApis } from '@ottla/codec'
import type { FakeHandler, FakeNetwork, FakeRequest } from './fake-network.ts'

export interface FakePartition {
  readonly leader: number
  readonly leaderEpoch?: number
  readonly errorCode?: number
}

/** A cluster that answers ApiVersions, Metadata and FindCoordinator from plain data, and the rest by `handlers`. */
export class FakeCluster {
  readonly network: FakeNetwork
  /** Node id → port at host 'broker'. */
  readonly nodes = new Map<number, number>()
  readonly topics = new Map<string, { topicId?: string; errorCode?: number; partitions: FakePartition[] }>()
  readonly handlers = new Map<string, FakeHandler>()
  /** API name → the versions to advertise in place of the codec's. */
  readonly versions = new Map<string, { min: number; max: number } | null>()
  controllerId = 1

  constructor(network: FakeNetwork, nodes: number) {
    this.network = network
    for (let id = 1; id <= nodes; id++) this.start(id, 9090 + id)
  }

  get bootstrap(): string[] {
    return [...this.nodes.values()].map((port) => `broker:${port}`)
  }

  start(id: number, port: number): void {
    this.nodes.set(id, port)
    this.network.brokers.set(`broker:${port}`, (request) => this.respond(request))
  }

  /** Takes a node away: it refuses, and its sockets close. */
  stop(id: number): void {
    const port = this.nodes.get(id)!
    this.network.brokers.delete(`broker:${port}`)
    for (const socket of this.network.open) if (socket.target.port === port) socket.close()
  }

  respond(request: FakeRequest): unknown {
    const handler = this.handlers.get(request.api.name)
    if (handler !== undefined) return handler(request)
    return this.standard(request)
  }

  standard(request: FakeRequest): unknown {
    switch (request.api.name) {
      case 'ApiVersions':
        return this.apiVersions()
      case 'Metadata':
        return this.metadata(request.body.topics)
      case 'SaslHandshake':
        return { errorCode: 34, mechanisms: [] }
      case 'FindCoordinator':
        return this.coordinators(request)
      default:
        return undefined
    }
  }

  apiVersions() {
    const apiKeys = allApis.flatMap((api) => {
      const range = this.versions.has(api.name) ? this.versions.get(api.name)! : api.versions
      return range === null ? [] : [{ apiKey: api.key, minVersion: range.min, maxVersion: range.max }]
    })
    return { errorCode: 0, apiKeys }
  }

  metadata(asked: { name: string | null }[] | null) {
    const names = asked === null ? [...this.topics.keys()] : asked.map(({ name }) => name!)
    const replicas = [...this.nodes.keys()]
    return {
      brokers: [...this.nodes].map(([nodeId, port]) => ({ nodeId, host: 'broker', port })),
      clusterId: 'fake',
      controllerId: this.controllerId,
      errorCode: 0,
      topics: names.map((name) => {
        const topic = this.topics.get(name)
        const {
          topicId = 'AAAAAAAAAAAAAAAAAAAAAA',
          errorCode = 0,
          partitions,
        } = topic ?? { errorCode: 3, partitions: [] }
        return {
          errorCode,
          name,
          topicId,
          isInternal: false,
          partitions: partitions.map(({ leader, leaderEpoch = 0, errorCode: code = 0 }, partitionIndex) => ({
            errorCode: code,
            partitionIndex,
            leaderId: leader,
            leaderEpoch,
            replicaNodes: replicas,
            isrNodes: replicas,
            offlineReplicas: [],
          })),
        }
      }),
    }
  }

  coordinators({ version, body }: FakeRequest) {
    const nodeId = 1
    const place = { nodeId, host: 'broker', port: this.nodes.get(nodeId)!, errorCode: 0, errorMessage: null }
    if (version < 4) return place
    return { coordinators: body.coordinatorKeys.map((key: string) => ({ key, ...place })) }
  }
}
