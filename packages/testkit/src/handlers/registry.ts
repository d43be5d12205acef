import { Produce } from '@ottla/codec'
import { type Served, versionsLeft } from '../state/quirks.ts'
import { produceHandler } from './00-produce.ts'
import { fetchHandler } from './01-fetch.ts'
import { listOffsetsHandler } from './02-list-offsets.ts'
import { metadataHandler } from './03-metadata.ts'
import { offsetCommitHandler } from './08-offset-commit.ts'
import { offsetFetchHandler } from './09-offset-fetch.ts'
import { findCoordinatorHandler } from './10-find-coordinator.ts'
import { joinGroupHandler } from './11-join-group.ts'
import { heartbeatHandler } from './12-heartbeat.ts'
import { leaveGroupHandler } from './13-leave-group.ts'
import { syncGroupHandler } from './14-sync-group.ts'
import { describeGroupsHandler } from './15-describe-groups.ts'
import { listGroupsHandler } from './16-list-groups.ts'
import { saslHandshakeHandler } from './17-sasl-handshake.ts'
import { apiVersionsHandler } from './18-api-versions.ts'
import { createTopicsHandler } from './19-create-topics.ts'
import { deleteTopicsHandler } from './20-delete-topics.ts'
import { deleteRecordsHandler } from './21-delete-records.ts'
import { initProducerIdHandler } from './22-init-producer-id.ts'
import { offsetForLeaderEpochHandler } from './23-offset-for-leader-epoch.ts'
import { addPartitionsToTxnHandler } from './24-add-partitions-to-txn.ts'
import { addOffsetsToTxnHandler } from './25-add-offsets-to-txn.ts'
import { endTxnHandler } from './26-end-txn.ts'
import { writeTxnMarkersHandler } from './27-write-txn-markers.ts'
import { txnOffsetCommitHandler } from './28-txn-offset-commit.ts'
import { describeAclsHandler } from './29-describe-acls.ts'
import { createAclsHandler } from './30-create-acls.ts'
import { deleteAclsHandler } from './31-delete-acls.ts'
import { describeConfigsHandler } from './32-describe-configs.ts'
import { alterConfigsHandler } from './33-alter-configs.ts'
import { alterReplicaLogDirsHandler } from './34-alter-replica-log-dirs.ts'
import { describeLogDirsHandler } from './35-describe-log-dirs.ts'
import { saslAuthenticateHandler } from './36-sasl-authenticate.ts'
import { createPartitionsHandler } from './37-create-partitions.ts'
import { createDelegationTokenHandler } from './38-create-delegation-token.ts'
import { renewDelegationTokenHandler } from './39-renew-delegation-token.ts'
import { expireDelegationTokenHandler } from './40-expire-delegation-token.ts'
import { describeDelegationTokenHandler } from './41-describe-delegation-token.ts'
import { deleteGroupsHandler } from './42-delete-groups.ts'
import { electLeadersHandler } from './43-elect-leaders.ts'
import { incrementalAlterConfigsHandler } from './44-incremental-alter-configs.ts'
import { alterPartitionReassignmentsHandler } from './45-alter-partition-reassignments.ts'
import { listPartitionReassignmentsHandler } from './46-list-partition-reassignments.ts'
import { offsetDeleteHandler } from './47-offset-delete.ts'
import { describeClientQuotasHandler } from './48-describe-client-quotas.ts'
import { alterClientQuotasHandler } from './49-alter-client-quotas.ts'
import { describeUserScramCredentialsHandler } from './50-describe-user-scram-credentials.ts'
import { alterUserScramCredentialsHandler } from './51-alter-user-scram-credentials.ts'
import { describeQuorumHandler } from './55-describe-quorum.ts'
import { updateFeaturesHandler } from './57-update-features.ts'
import { describeClusterHandler } from './60-describe-cluster.ts'
import { describeProducersHandler } from './61-describe-producers.ts'
import { unregisterBrokerHandler } from './64-unregister-broker.ts'
import { describeTransactionsHandler } from './65-describe-transactions.ts'
import { listTransactionsHandler } from './66-list-transactions.ts'
import { consumerGroupHeartbeatHandler } from './68-consumer-group-heartbeat.ts'
import { consumerGroupDescribeHandler } from './69-consumer-group-describe.ts'
import { listConfigResourcesHandler } from './74-list-config-resources.ts'
import { describeTopicPartitionsHandler } from './75-describe-topic-partitions.ts'
import { shareGroupHeartbeatHandler } from './76-share-group-heartbeat.ts'
import { shareGroupDescribeHandler } from './77-share-group-describe.ts'
import { shareFetchHandler } from './78-share-fetch.ts'
import { shareAcknowledgeHandler } from './79-share-acknowledge.ts'
import { addRaftVoterHandler } from './80-add-raft-voter.ts'
import { removeRaftVoterHandler } from './81-remove-raft-voter.ts'
import { initializeShareGroupStateHandler } from './83-initialize-share-group-state.ts'
import { readShareGroupStateHandler } from './84-read-share-group-state.ts'
import { writeShareGroupStateHandler } from './85-write-share-group-state.ts'
import { deleteShareGroupStateHandler } from './86-delete-share-group-state.ts'
import { readShareGroupStateSummaryHandler } from './87-read-share-group-state-summary.ts'
import { streamsGroupHeartbeatHandler } from './88-streams-group-heartbeat.ts'
import { streamsGroupDescribeHandler } from './89-streams-group-describe.ts'
import { describeShareGroupOffsetsHandler } from './90-describe-share-group-offsets.ts'
import { alterShareGroupOffsetsHandler } from './91-alter-share-group-offsets.ts'
import { deleteShareGroupOffsetsHandler } from './92-delete-share-group-offsets.ts'
import type { AdvertisedApi, HandlerEntry } from './handler.ts'

/** Everything that brokers serve, ordered by API key. What is missing here is not advertised: see `unsupported.ts`. */
export const handlers: readonly HandlerEntry[] = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  metadataHandler,
  offsetCommitHandler,
  offsetFetchHandler,
  findCoordinatorHandler,
  joinGroupHandler,
  heartbeatHandler,
  leaveGroupHandler,
  syncGroupHandler,
  describeGroupsHandler,
  listGroupsHandler,
  saslHandshakeHandler,
  apiVersionsHandler,
  createTopicsHandler,
  deleteTopicsHandler,
  deleteRecordsHandler,
  initProducerIdHandler,
  offsetForLeaderEpochHandler,
  addPartitionsToTxnHandler,
  addOffsetsToTxnHandler,
  endTxnHandler,
  writeTxnMarkersHandler,
  txnOffsetCommitHandler,
  describeAclsHandler,
  createAclsHandler,
  deleteAclsHandler,
  describeConfigsHandler,
  alterConfigsHandler,
  alterReplicaLogDirsHandler,
  describeLogDirsHandler,
  saslAuthenticateHandler,
  createPartitionsHandler,
  createDelegationTokenHandler,
  renewDelegationTokenHandler,
  expireDelegationTokenHandler,
  describeDelegationTokenHandler,
  deleteGroupsHandler,
  electLeadersHandler,
  incrementalAlterConfigsHandler,
  alterPartitionReassignmentsHandler,
  listPartitionReassignmentsHandler,
  offsetDeleteHandler,
  describeClientQuotasHandler,
  alterClientQuotasHandler,
  describeUserScramCredentialsHandler,
  alterUserScramCredentialsHandler,
  describeQuorumHandler,
  updateFeaturesHandler,
  describeClusterHandler,
  describeProducersHandler,
  unregisterBrokerHandler,
  describeTransactionsHandler,
  listTransactionsHandler,
  consumerGroupHeartbeatHandler,
  consumerGroupDescribeHandler,
  listConfigResourcesHandler,
  describeTopicPartitionsHandler,
  shareGroupHeartbeatHandler,
  shareGroupDescribeHandler,
  shareFetchHandler,
  shareAcknowledgeHandler,
  addRaftVoterHandler,
  removeRaftVoterHandler,
  initializeShareGroupStateHandler,
  readShareGroupStateHandler,
  writeShareGroupStateHandler,
  deleteShareGroupStateHandler,
  readShareGroupStateSummaryHandler,
  streamsGroupHeartbeatHandler,
  streamsGroupDescribeHandler,
  describeShareGroupOffsetsHandler,
  alterShareGroupOffsetsHandler,
  deleteShareGroupOffsetsHandler,
]

const byKey = new Map(handlers.map((entry) => [entry.api.key, entry]))

export function handlerOf(apiKey: number): HandlerEntry | undefined {
  return byKey.get(apiKey)
}

/** What the brokers list in ApiVersions. */
export function advertised(cluster: Served): readonly AdvertisedApi[] {
  return handlers.flatMap(({ api, minVersion, maxVersion }) => {
    // Kafka does so although it serves Produce from version 3 on: librdkafka compresses only if it sees 0 (KAFKA-18659).
    const lowest = api.key === Produce.key ? 0 : minVersion
    return versionsLeft(cluster, api.key, { apiKey: api.key, minVersion: lowest, maxVersion }) ?? []
  })
}
