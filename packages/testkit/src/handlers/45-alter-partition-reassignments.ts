import { AlterPartitionReassignments } from '@ottla/codec'
import { reassign } from '../controllers/reassignment.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof AlterPartitionReassignments> = ({ cluster }, request) => {
  const { controller, config } = cluster
  const { allowReplicationFactorChange: mayChangeFactor } = request
  const responses = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => {
      const refused = reassign(controller, config, {
        topic: name,
        partition: partitionIndex,
        replicas,
        mayChangeFactor,
      })
      return { partitionIndex, errorCode: codes.of(refused?.error), errorMessage: refused?.message ?? null }
    }),
  }))
  // Without topics the broker responds without the controller, with an empty message instead of null.
  const errorMessage = request.topics.length === 0 ? '' : null
  return { throttleTimeMs: 0, allowReplicationFactorChange: mayChangeFactor, errorCode: 0, errorMessage, responses }
}

export const alterPartitionReassignmentsHandler = serves(
  AlterPartitionReassignments,
  allVersions(AlterPartitionReassignments),
  handle,
)
