export type { AclOptions } from './authorization/options.ts'
export {
  createCluster,
  TestCluster,
} from './cluster/cluster.ts'
export type { DisconnectOptions } from './cluster/cluster-operations.ts'
export type {
  BrokerState,
  ClusterState,
  GroupState,
  Leaks,
  PartitionState,
  ReplicaState,
  TopicState,
  TransactionalIdState,
} from './cluster/cluster-state.ts'
export type { ListenerOptions, ListenOptions } from './cluster/listener-options.ts'
export type { ClusterOptions, TopicOptions } from './cluster/options.ts'
export type { PartitionStatus, ReplicaStatus } from './cluster/partition-status.ts'
export type { QuirkOptions } from './cluster/quirk-options.ts'
export type { RunOptions, VirtualStatus } from './cluster/scenario.ts'
export type { ClusterSnapshot } from './cluster/snapshot.ts'
export type { KillOptions, RestartOptions, TestBroker } from './cluster/test-broker.ts'
export type { Fault, Faults } from './faults/faults.ts'
export type {
  FaultAction,
  FaultMatch,
  FaultRule,
  FaultTrigger,
  RequestMatch,
} from './faults/rule.ts'
export type { WaitOptions } from './faults/waiters.ts'
export type { ApiName, RequestOf } from './messages/api-name.ts'
export type { ErrorLevel } from './messages/places.ts'
export type { Identity } from './network/certificates.ts'
export type { NetworkNode } from './network/links.ts'
export type { SecurityProtocol } from './network/security-protocol.ts'
export type { ClientAuth } from './network/tls.ts'
export type { TlsOptions } from './network/tls-material.ts'
export type { Clock, Duration } from './runtime/clock.ts'
export type { RandomStream, RandomStreams } from './runtime/streams.ts'
export type {
  GroupMemberStatus,
  GroupState as GroupStateName,
  GroupStatus,
  TopicPartition,
} from './state/coordinators/group-kind.ts'
export type { ReleaseName } from './state/releases.ts'
export type { ProducerStatus } from './state/replicas/producer-states.ts'
export type { BearerIdentity, OauthOptions, SaslOptions } from './state/rights/sasl-options.ts'
export type { TransactionStatus } from './state/transactions/transaction-status.ts'
export type { Fsync } from './storage/data-directory.ts'
export type { SeenRequest, Traffic, TrafficOptions } from './traffic/traffic.ts'
