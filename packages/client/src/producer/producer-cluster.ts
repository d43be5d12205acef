import type { Cluster } from '../cluster/cluster.ts'

/** What a producer uses of the cluster. */
export type ProducerCluster = Pick<
  Cluster,
  | 'runtime'
  | 'options'
  | 'clusterId'
  | 'events'
  | 'metrics'
  | 'logger'
  | 'topic'
  | 'awaitTopic'
  | 'refreshMetadata'
  | 'watchTopics'
  | 'onMetadata'
  | 'updateLeader'
  | 'addBrokers'
  | 'broker'
  | 'ownConnections'
  | 'firstResult'
  | 'retry'
>
