export {
  createCluster,
  type PartitionStatus,
  type ReplicaStatus,
  type TestBroker,
  TestCluster,
} from './cluster.ts'
export type { SaslOptions } from './cluster-context.ts'
export type { ClusterOptions, ListenOptions, TopicOptions } from './options.ts'
export type { GroupMemberStatus, GroupStatus } from './state/group-status.ts'
