export type { AclOptions } from './authorization/options.ts'
export {
  createCluster,
  type DisconnectOptions,
  TestCluster,
} from './cluster.ts'
export type {
  BrokerState,
  ClusterState,
  GroupState,
  Leaks,
  PartitionState,
  ReplicaState,
  TopicState,
  TransactionalIdState,
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
export type { ListenerOptions, ListenOptions } from './listeners.ts'
export type { Identity } from './network/certificates.ts'
export type { NetworkNode } from './network/links.ts'
export type { SecurityProtocol } from './network/security-protocol.ts'
export type { ClientAuth } from './network/tls.ts'
export type { TlsOptions } from './network/tls-material.ts'
export type { ClusterOptions, TopicOptions } from './options.ts'
export type { PartitionStatus, ReplicaStatus } from './partition-status.ts'
export type { ReleaseName } from './releases.ts'
export type { Clock, Duration } from './runtime/clock.ts'
export type { RunOptions, VirtualStatus } from './scenario.ts'
export type { ClusterSnapshot } from './snapshot.ts'
export type { GroupMemberStatus, GroupStatus } from './state/groups/group-status.ts'
export type { ProducerStatus } from './state/replicas/producer-states.ts'
export type { BearerIdentity, OauthOptions, SaslOptions } from './state/rights/sasl-options.ts'
export type { TransactionStatus } from './state/transactions/transaction-status.ts'
export type { Fsync } from './storage/data-directory.ts'
export type { KillOptions, RestartOptions, TestBroker } from './test-broker.ts'
export type { SeenRequest, Traffic, TrafficOptions } from './traffic/traffic.ts'
