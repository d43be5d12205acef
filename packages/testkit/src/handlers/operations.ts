import { writeTxnMarkers } from './27-write-txn-markers.ts'
import { alterReplicaLogDirs } from './34-alter-replica-log-dirs.ts'
import { describeLogDirs } from './35-describe-log-dirs.ts'
import { alterPartitionReassignments } from './45-alter-partition-reassignments.ts'
import { listPartitionReassignments } from './46-list-partition-reassignments.ts'
import { describeQuorum } from './55-describe-quorum.ts'
import { updateFeaturesHandler } from './57-update-features.ts'
import { unregisterBroker } from './64-unregister-broker.ts'
import { addRaftVoter } from './80-add-raft-voter.ts'
import { removeRaftVoter } from './81-remove-raft-voter.ts'
import type { HandlerEntry } from './handler.ts'

/** What operators ask a cluster for: where replicas are, features, the quorum. */
export const operationHandlers: readonly HandlerEntry[] = [
  writeTxnMarkers,
  alterReplicaLogDirs,
  describeLogDirs,
  alterPartitionReassignments,
  listPartitionReassignments,
  describeQuorum,
  updateFeaturesHandler,
  unregisterBroker,
  addRaftVoter,
  removeRaftVoter,
]
