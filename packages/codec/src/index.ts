export { allApis, apiOf } from './api/registry.ts'
export type { Remedy } from './error-table.ts'
export { allErrors, type ErrorInfo, type ErrorName, errorCode, errorOf } from './errors.ts'
export { headerVersions } from './frame/headers.ts'
export {
  type DecodedRequestHeader,
  decodeRequest,
  decodeRequestHeader,
  encodeRequest,
  type RequestMeta,
} from './frame/request.ts'
export { correlationIdOf, type DecodedResponse, decodeResponse, encodeResponse } from './frame/response.ts'
export { FrameSplitter, type FrameSplitterOptions } from './frame/splitter.ts'
export type { Api, MessageTable } from './schema/api.ts'
export { decodeMessage, encodeMessage } from './schema/codec.ts'
export type { Decoded, Encodable } from './schema/infer.ts'
export { type UnknownTag, unknownTagsOf } from './schema/unknown-tags.ts'
export type { VersionRange } from './schema/versions.ts'
export { DecodeError, type DecodeErrorDetails } from './wire/decode-error.ts'
export { zeroUuid } from './wire/uuid.ts'

// From here on written by scripts/import-messages.mjs.

export { Produce, type ProduceRequest, type ProduceResponse } from './api/00-produce.ts'
export { Fetch, type FetchRequest, type FetchResponse } from './api/01-fetch.ts'
export { ListOffsets, type ListOffsetsRequest, type ListOffsetsResponse } from './api/02-list-offsets.ts'
export { Metadata, type MetadataRequest, type MetadataResponse } from './api/03-metadata.ts'
export { OffsetCommit, type OffsetCommitRequest, type OffsetCommitResponse } from './api/08-offset-commit.ts'
export { OffsetFetch, type OffsetFetchRequest, type OffsetFetchResponse } from './api/09-offset-fetch.ts'
export {
  FindCoordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
} from './api/10-find-coordinator.ts'
export { JoinGroup, type JoinGroupRequest, type JoinGroupResponse } from './api/11-join-group.ts'
export { Heartbeat, type HeartbeatRequest, type HeartbeatResponse } from './api/12-heartbeat.ts'
export { LeaveGroup, type LeaveGroupRequest, type LeaveGroupResponse } from './api/13-leave-group.ts'
export { SyncGroup, type SyncGroupRequest, type SyncGroupResponse } from './api/14-sync-group.ts'
export { DescribeGroups, type DescribeGroupsRequest, type DescribeGroupsResponse } from './api/15-describe-groups.ts'
export { ListGroups, type ListGroupsRequest, type ListGroupsResponse } from './api/16-list-groups.ts'
export { SaslHandshake, type SaslHandshakeRequest, type SaslHandshakeResponse } from './api/17-sasl-handshake.ts'
export { ApiVersions, type ApiVersionsRequest, type ApiVersionsResponse } from './api/18-api-versions.ts'
export { CreateTopics, type CreateTopicsRequest, type CreateTopicsResponse } from './api/19-create-topics.ts'
export { DeleteTopics, type DeleteTopicsRequest, type DeleteTopicsResponse } from './api/20-delete-topics.ts'
export { DeleteRecords, type DeleteRecordsRequest, type DeleteRecordsResponse } from './api/21-delete-records.ts'
export { InitProducerId, type InitProducerIdRequest, type InitProducerIdResponse } from './api/22-init-producer-id.ts'
export {
  OffsetForLeaderEpoch,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
} from './api/23-offset-for-leader-epoch.ts'
export {
  AddPartitionsToTxn,
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponse,
} from './api/24-add-partitions-to-txn.ts'
export {
  AddOffsetsToTxn,
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponse,
} from './api/25-add-offsets-to-txn.ts'
export { EndTxn, type EndTxnRequest, type EndTxnResponse } from './api/26-end-txn.ts'
export {
  WriteTxnMarkers,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponse,
} from './api/27-write-txn-markers.ts'
export {
  TxnOffsetCommit,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitResponse,
} from './api/28-txn-offset-commit.ts'
export { DescribeAcls, type DescribeAclsRequest, type DescribeAclsResponse } from './api/29-describe-acls.ts'
export { CreateAcls, type CreateAclsRequest, type CreateAclsResponse } from './api/30-create-acls.ts'
export { DeleteAcls, type DeleteAclsRequest, type DeleteAclsResponse } from './api/31-delete-acls.ts'
export {
  DescribeConfigs,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
} from './api/32-describe-configs.ts'
export { AlterConfigs, type AlterConfigsRequest, type AlterConfigsResponse } from './api/33-alter-configs.ts'
export {
  AlterReplicaLogDirs,
  type AlterReplicaLogDirsRequest,
  type AlterReplicaLogDirsResponse,
} from './api/34-alter-replica-log-dirs.ts'
export {
  DescribeLogDirs,
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponse,
} from './api/35-describe-log-dirs.ts'
export {
  SaslAuthenticate,
  type SaslAuthenticateRequest,
  type SaslAuthenticateResponse,
} from './api/36-sasl-authenticate.ts'
export {
  CreatePartitions,
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
} from './api/37-create-partitions.ts'
export {
  CreateDelegationToken,
  type CreateDelegationTokenRequest,
  type CreateDelegationTokenResponse,
} from './api/38-create-delegation-token.ts'
export {
  RenewDelegationToken,
  type RenewDelegationTokenRequest,
  type RenewDelegationTokenResponse,
} from './api/39-renew-delegation-token.ts'
export {
  ExpireDelegationToken,
  type ExpireDelegationTokenRequest,
  type ExpireDelegationTokenResponse,
} from './api/40-expire-delegation-token.ts'
export {
  DescribeDelegationToken,
  type DescribeDelegationTokenRequest,
  type DescribeDelegationTokenResponse,
} from './api/41-describe-delegation-token.ts'
export { DeleteGroups, type DeleteGroupsRequest, type DeleteGroupsResponse } from './api/42-delete-groups.ts'
export { ElectLeaders, type ElectLeadersRequest, type ElectLeadersResponse } from './api/43-elect-leaders.ts'
export {
  IncrementalAlterConfigs,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
} from './api/44-incremental-alter-configs.ts'
export {
  AlterPartitionReassignments,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
} from './api/45-alter-partition-reassignments.ts'
export {
  ListPartitionReassignments,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponse,
} from './api/46-list-partition-reassignments.ts'
export { OffsetDelete, type OffsetDeleteRequest, type OffsetDeleteResponse } from './api/47-offset-delete.ts'
export {
  DescribeClientQuotas,
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasResponse,
} from './api/48-describe-client-quotas.ts'
export {
  AlterClientQuotas,
  type AlterClientQuotasRequest,
  type AlterClientQuotasResponse,
} from './api/49-alter-client-quotas.ts'
export {
  DescribeUserScramCredentials,
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsResponse,
} from './api/50-describe-user-scram-credentials.ts'
export {
  AlterUserScramCredentials,
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsResponse,
} from './api/51-alter-user-scram-credentials.ts'
export { Vote, type VoteRequest, type VoteResponse } from './api/52-vote.ts'
export {
  BeginQuorumEpoch,
  type BeginQuorumEpochRequest,
  type BeginQuorumEpochResponse,
} from './api/53-begin-quorum-epoch.ts'
export { EndQuorumEpoch, type EndQuorumEpochRequest, type EndQuorumEpochResponse } from './api/54-end-quorum-epoch.ts'
export { DescribeQuorum, type DescribeQuorumRequest, type DescribeQuorumResponse } from './api/55-describe-quorum.ts'
export { AlterPartition, type AlterPartitionRequest, type AlterPartitionResponse } from './api/56-alter-partition.ts'
export { UpdateFeatures, type UpdateFeaturesRequest, type UpdateFeaturesResponse } from './api/57-update-features.ts'
export { Envelope, type EnvelopeRequest, type EnvelopeResponse } from './api/58-envelope.ts'
export { FetchSnapshot, type FetchSnapshotRequest, type FetchSnapshotResponse } from './api/59-fetch-snapshot.ts'
export {
  DescribeCluster,
  type DescribeClusterRequest,
  type DescribeClusterResponse,
} from './api/60-describe-cluster.ts'
export {
  DescribeProducers,
  type DescribeProducersRequest,
  type DescribeProducersResponse,
} from './api/61-describe-producers.ts'
export {
  BrokerRegistration,
  type BrokerRegistrationRequest,
  type BrokerRegistrationResponse,
} from './api/62-broker-registration.ts'
export {
  BrokerHeartbeat,
  type BrokerHeartbeatRequest,
  type BrokerHeartbeatResponse,
} from './api/63-broker-heartbeat.ts'
export {
  UnregisterBroker,
  type UnregisterBrokerRequest,
  type UnregisterBrokerResponse,
} from './api/64-unregister-broker.ts'
export {
  DescribeTransactions,
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponse,
} from './api/65-describe-transactions.ts'
export {
  ListTransactions,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
} from './api/66-list-transactions.ts'
export {
  AllocateProducerIds,
  type AllocateProducerIdsRequest,
  type AllocateProducerIdsResponse,
} from './api/67-allocate-producer-ids.ts'
export {
  ConsumerGroupHeartbeat,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
} from './api/68-consumer-group-heartbeat.ts'
export {
  ConsumerGroupDescribe,
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeResponse,
} from './api/69-consumer-group-describe.ts'
export {
  ControllerRegistration,
  type ControllerRegistrationRequest,
  type ControllerRegistrationResponse,
} from './api/70-controller-registration.ts'
export {
  GetTelemetrySubscriptions,
  type GetTelemetrySubscriptionsRequest,
  type GetTelemetrySubscriptionsResponse,
} from './api/71-get-telemetry-subscriptions.ts'
export { PushTelemetry, type PushTelemetryRequest, type PushTelemetryResponse } from './api/72-push-telemetry.ts'
export {
  AssignReplicasToDirs,
  type AssignReplicasToDirsRequest,
  type AssignReplicasToDirsResponse,
} from './api/73-assign-replicas-to-dirs.ts'
export {
  ListConfigResources,
  type ListConfigResourcesRequest,
  type ListConfigResourcesResponse,
} from './api/74-list-config-resources.ts'
export {
  DescribeTopicPartitions,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
} from './api/75-describe-topic-partitions.ts'
export {
  ShareGroupHeartbeat,
  type ShareGroupHeartbeatRequest,
  type ShareGroupHeartbeatResponse,
} from './api/76-share-group-heartbeat.ts'
export {
  ShareGroupDescribe,
  type ShareGroupDescribeRequest,
  type ShareGroupDescribeResponse,
} from './api/77-share-group-describe.ts'
export { ShareFetch, type ShareFetchRequest, type ShareFetchResponse } from './api/78-share-fetch.ts'
export {
  ShareAcknowledge,
  type ShareAcknowledgeRequest,
  type ShareAcknowledgeResponse,
} from './api/79-share-acknowledge.ts'
export { AddRaftVoter, type AddRaftVoterRequest, type AddRaftVoterResponse } from './api/80-add-raft-voter.ts'
export {
  RemoveRaftVoter,
  type RemoveRaftVoterRequest,
  type RemoveRaftVoterResponse,
} from './api/81-remove-raft-voter.ts'
export {
  UpdateRaftVoter,
  type UpdateRaftVoterRequest,
  type UpdateRaftVoterResponse,
} from './api/82-update-raft-voter.ts'
export {
  InitializeShareGroupState,
  type InitializeShareGroupStateRequest,
  type InitializeShareGroupStateResponse,
} from './api/83-initialize-share-group-state.ts'
export {
  ReadShareGroupState,
  type ReadShareGroupStateRequest,
  type ReadShareGroupStateResponse,
} from './api/84-read-share-group-state.ts'
export {
  WriteShareGroupState,
  type WriteShareGroupStateRequest,
  type WriteShareGroupStateResponse,
} from './api/85-write-share-group-state.ts'
export {
  DeleteShareGroupState,
  type DeleteShareGroupStateRequest,
  type DeleteShareGroupStateResponse,
} from './api/86-delete-share-group-state.ts'
export {
  ReadShareGroupStateSummary,
  type ReadShareGroupStateSummaryRequest,
  type ReadShareGroupStateSummaryResponse,
} from './api/87-read-share-group-state-summary.ts'
export {
  StreamsGroupHeartbeat,
  type StreamsGroupHeartbeatRequest,
  type StreamsGroupHeartbeatResponse,
} from './api/88-streams-group-heartbeat.ts'
export {
  StreamsGroupDescribe,
  type StreamsGroupDescribeRequest,
  type StreamsGroupDescribeResponse,
} from './api/89-streams-group-describe.ts'
export {
  DescribeShareGroupOffsets,
  type DescribeShareGroupOffsetsRequest,
  type DescribeShareGroupOffsetsResponse,
} from './api/90-describe-share-group-offsets.ts'
export {
  AlterShareGroupOffsets,
  type AlterShareGroupOffsetsRequest,
  type AlterShareGroupOffsetsResponse,
} from './api/91-alter-share-group-offsets.ts'
export {
  DeleteShareGroupOffsets,
  type DeleteShareGroupOffsetsRequest,
  type DeleteShareGroupOffsetsResponse,
} from './api/92-delete-share-group-offsets.ts'
export { ConsumerGroupCurrentMemberAssignmentKey } from './data/consumer-group-current-member-assignment-key.ts'
export { ConsumerGroupCurrentMemberAssignmentValue } from './data/consumer-group-current-member-assignment-value.ts'
export { ConsumerGroupMemberMetadataKey } from './data/consumer-group-member-metadata-key.ts'
export { ConsumerGroupMemberMetadataValue } from './data/consumer-group-member-metadata-value.ts'
export { ConsumerGroupMetadataKey } from './data/consumer-group-metadata-key.ts'
export { ConsumerGroupMetadataValue } from './data/consumer-group-metadata-value.ts'
export { ConsumerGroupPartitionMetadataKey } from './data/consumer-group-partition-metadata-key.ts'
export { ConsumerGroupPartitionMetadataValue } from './data/consumer-group-partition-metadata-value.ts'
export { ConsumerGroupRegularExpressionKey } from './data/consumer-group-regular-expression-key.ts'
export { ConsumerGroupRegularExpressionValue } from './data/consumer-group-regular-expression-value.ts'
export { ConsumerGroupTargetAssignmentMemberKey } from './data/consumer-group-target-assignment-member-key.ts'
export { ConsumerGroupTargetAssignmentMemberValue } from './data/consumer-group-target-assignment-member-value.ts'
export { ConsumerGroupTargetAssignmentMetadataKey } from './data/consumer-group-target-assignment-metadata-key.ts'
export { ConsumerGroupTargetAssignmentMetadataValue } from './data/consumer-group-target-assignment-metadata-value.ts'
export { ConsumerProtocolAssignment } from './data/consumer-protocol-assignment.ts'
export { ConsumerProtocolSubscription } from './data/consumer-protocol-subscription.ts'
export { ControlRecordTypeSchema } from './data/control-record-type-schema.ts'
export { DefaultPrincipalData } from './data/default-principal-data.ts'
export { EndTxnMarker } from './data/end-txn-marker.ts'
export { GroupMetadataKey } from './data/group-metadata-key.ts'
export { GroupMetadataValue } from './data/group-metadata-value.ts'
export { KRaftVersionRecord } from './data/k-raft-version-record.ts'
export { LeaderChangeMessage } from './data/leader-change-message.ts'
export { LegacyOffsetCommitKey } from './data/legacy-offset-commit-key.ts'
export { LegacyOffsetCommitValue } from './data/legacy-offset-commit-value.ts'
export { OffsetCommitKey } from './data/offset-commit-key.ts'
export { OffsetCommitValue } from './data/offset-commit-value.ts'
export { RequestHeader } from './data/request-header.ts'
export { ResponseHeader } from './data/response-header.ts'
export { ShareGroupCurrentMemberAssignmentKey } from './data/share-group-current-member-assignment-key.ts'
export { ShareGroupCurrentMemberAssignmentValue } from './data/share-group-current-member-assignment-value.ts'
export { ShareGroupMemberMetadataKey } from './data/share-group-member-metadata-key.ts'
export { ShareGroupMemberMetadataValue } from './data/share-group-member-metadata-value.ts'
export { ShareGroupMetadataKey } from './data/share-group-metadata-key.ts'
export { ShareGroupMetadataValue } from './data/share-group-metadata-value.ts'
export { ShareGroupStatePartitionMetadataKey } from './data/share-group-state-partition-metadata-key.ts'
export { ShareGroupStatePartitionMetadataValue } from './data/share-group-state-partition-metadata-value.ts'
export { ShareGroupTargetAssignmentMemberKey } from './data/share-group-target-assignment-member-key.ts'
export { ShareGroupTargetAssignmentMemberValue } from './data/share-group-target-assignment-member-value.ts'
export { ShareGroupTargetAssignmentMetadataKey } from './data/share-group-target-assignment-metadata-key.ts'
export { ShareGroupTargetAssignmentMetadataValue } from './data/share-group-target-assignment-metadata-value.ts'
export { ShareSnapshotKey } from './data/share-snapshot-key.ts'
export { ShareSnapshotValue } from './data/share-snapshot-value.ts'
export { ShareUpdateKey } from './data/share-update-key.ts'
export { ShareUpdateValue } from './data/share-update-value.ts'
export { SnapshotFooterRecord } from './data/snapshot-footer-record.ts'
export { SnapshotHeaderRecord } from './data/snapshot-header-record.ts'
export { StreamsGroupCurrentMemberAssignmentKey } from './data/streams-group-current-member-assignment-key.ts'
export { StreamsGroupCurrentMemberAssignmentValue } from './data/streams-group-current-member-assignment-value.ts'
export { StreamsGroupMemberMetadataKey } from './data/streams-group-member-metadata-key.ts'
export { StreamsGroupMemberMetadataValue } from './data/streams-group-member-metadata-value.ts'
export { StreamsGroupMetadataKey } from './data/streams-group-metadata-key.ts'
export { StreamsGroupMetadataValue } from './data/streams-group-metadata-value.ts'
export { StreamsGroupTargetAssignmentMemberKey } from './data/streams-group-target-assignment-member-key.ts'
export { StreamsGroupTargetAssignmentMemberValue } from './data/streams-group-target-assignment-member-value.ts'
export { StreamsGroupTargetAssignmentMetadataKey } from './data/streams-group-target-assignment-metadata-key.ts'
export { StreamsGroupTargetAssignmentMetadataValue } from './data/streams-group-target-assignment-metadata-value.ts'
export { StreamsGroupTopologyKey } from './data/streams-group-topology-key.ts'
export { StreamsGroupTopologyValue } from './data/streams-group-topology-value.ts'
export { TransactionLogKey } from './data/transaction-log-key.ts'
export { TransactionLogValue } from './data/transaction-log-value.ts'
export { VotersRecord } from './data/voters-record.ts'
