/** Kafka's APIs that these brokers neither serve nor advertise, with the reason. */
export const unsupported: Readonly<Record<string, string>> = {
  Vote: 'between controllers',
  BeginQuorumEpoch: 'between controllers',
  EndQuorumEpoch: 'between controllers',
  AlterPartition: 'between broker and controller',
  Envelope: 'between broker and controller',
  FetchSnapshot: 'between controllers',
  BrokerRegistration: 'between broker and controller',
  BrokerHeartbeat: 'between broker and controller',
  AllocateProducerIds: 'between broker and controller',
  ControllerRegistration: 'between controllers',
  GetTelemetrySubscriptions: 'telemetry',
  PushTelemetry: 'telemetry',
  AssignReplicasToDirs: 'between broker and controller',
  UpdateRaftVoter: 'between controllers',
}
