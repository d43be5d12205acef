export {
  createCluster,
  type DisconnectOptions,
  type PartitionStatus,
  type ReplicaStatus,
  TestCluster,
} from './cluster.ts'
export type { SaslOptions } from './cluster-context.ts'
export type { NetworkNode } from './network/links.ts'
export type { ClusterOptions, ListenOptions, TopicOptions } from './options.ts'
export type { GroupMemberStatus, GroupStatus } from './state/group-status.ts'
export type { KillOptions, RestartOptions, TestBroker } from './test-broker.ts'
