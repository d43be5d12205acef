import { ElectLeaders, type ErrorName } from '@ottla/codec'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const preferredElection = 0
const uncleanElection = 1

const messages: Partial<Record<ErrorName, string>> = {
  ELECTION_NOT_NEEDED: 'Leader election not needed for topic partition.',
  PREFERRED_LEADER_NOT_AVAILABLE: 'The preferred leader was not available.',
  ELIGIBLE_LEADERS_NOT_AVAILABLE: 'Eligible topic partition leaders are not available.',
}

const handle: Handler<typeof ElectLeaders> = (context, request) => {
  // Version 0 has only preferred elections.
  const electionType = context.apiVersion === 0 ? preferredElection : request.electionType
  const isKnown = electionType === preferredElection || electionType === uncleanElection
  const kind = electionType === uncleanElection ? 'unclean' : 'preferred'
  const { controller } = context.cluster
  // A request for all partitions leaves out those that need no election.
  const isForAll = request.topicPartitions === null
  const replicaElectionResults = (request.topicPartitions ?? allPartitions(context)).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.flatMap((partitionId) => {
      if (!isKnown) {
        const errorMessage = `Unknown election type ${electionType}`
        return [{ partitionId, errorCode: codes.of('INVALID_REQUEST'), errorMessage }]
      }
      const error = controller.electLeader(topic, partitionId, kind)
      if (isForAll && error === 'ELECTION_NOT_NEEDED') return []
      return [
        {
          partitionId,
          errorCode: codes.of(error),
          errorMessage: messages[error] ?? unknown(context, topic, partitionId, error),
        },
      ]
    }),
  }))
  const results = replicaElectionResults.filter(({ partitionResult }) => partitionResult.length > 0)
  return { throttleTimeMs: 0, errorCode: isKnown ? 0 : codes.of('INVALID_REQUEST'), replicaElectionResults: results }
}

function unknown({ cluster }: HandlerContext, topic: string, partition: number, error: ErrorName): string | null {
  if (error !== 'UNKNOWN_TOPIC_OR_PARTITION') return null
  const isTopic = cluster.controller.state.topic(topic) !== undefined
  return isTopic ? `No such partition as ${topic}-${partition}` : `No such topic as ${topic}`
}

function allPartitions({ cluster }: HandlerContext) {
  return Array.from(cluster.controller.state.topics(), ({ name, partitions }) => ({
    topic: name,
    partitions: partitions.map(({ partition }) => partition),
  }))
}

export const electLeadersHandler = serves(ElectLeaders, allVersions(ElectLeaders), handle)
