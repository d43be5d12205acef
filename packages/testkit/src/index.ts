export type { AclOptions } from './authorization/options.ts'
export {
  createCluster,
  type DisconnectOptions,
  type PartitionStatus,
  type ReplicaStatus,
  TestCluster,
} from './cluster.ts'
export type { SaslOptions } from './cluster-context.ts'
export type {
  BrokerState,
  ClusterState,
  GroupState,
  Leaks,
  PartitionState,
  ReplicaState,
  TopicState,
} from './cluster-state.ts'
export type { Fault, Faults } from './faults/faults.ts'
export type {
  ApiName,
  FaultAction,
  FaultMatch,
  FaultRule,
  FaultTrigger,
  RequestMatch,
  RequestOf,
} from './faults/rule.ts'
export type { WaitOptions } from './faults/waiters.ts'
export type { ListenerOptions, SecurityProtocol } from './listeners.ts'
export type { NetworkNode } from './network/links.ts'
export type { ClusterOptions, ListenOptions, TopicOptions } from './options.ts'
export type { ClusterClock, Duration } from './runtime/clock.ts'
export type { GroupMemberStatus, GroupStatus } from './state/group-status.ts'
export type { ProducerStatus } from './state/producer-states.ts'
export type { KillOptions, RestartOptions, TestBroker } from './test-broker.ts'
export type { SeenRequest, Traffic, TrafficOptions } from './traffic/traffic.ts'
