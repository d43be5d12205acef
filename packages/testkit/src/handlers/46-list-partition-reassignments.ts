import { ListPartitionReassignments } from '@ottla/codec'
import { reassignmentOf } from '../controllers/reassignment.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'

const handle: Handler<typeof ListPartitionReassignments> = ({ cluster }, request) => {
  const { state } = cluster.controller
  const requested =
    request.topics ??
    Array.from(state.topics(), ({ name, partitions }) => ({
      name,
      partitionIndexes: partitions.map(({ partition }) => partition),
    }))
  const topics = requested.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.flatMap((partitionIndex) => {
      const moving = reassignmentOf(state.topic(name)?.partitions[partitionIndex])
      if (moving === undefined) return []
      const { replicas, adding, removing } = moving
      return [{ partitionIndex, replicas, addingReplicas: adding, removingReplicas: removing }]
    }),
  }))
  const moving = topics.filter(({ partitions }) => partitions.length > 0)
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: moving }
}

export const listPartitionReassignmentsHandler = serves(
  ListPartitionReassignments,
  allVersions(ListPartitionReassignments),
  handle,
)
