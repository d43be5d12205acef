import { type Decoded, DescribeQuorum, type Encodable, zeroUuid } from '@ottla/codec'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'
import { controllerListener } from './voters.ts'

type Request = Decoded<typeof DescribeQuorum.request>
type Partition = Encodable<typeof DescribeQuorum.response>['topics'][number]['partitions'][number]

const metadataTopic = '__cluster_metadata'
const unknownMessage = 'This server does not host this topic-partition.'

const handle: Handler<typeof DescribeQuorum> = (context, request) => {
  const { apiVersion } = context
  // There is only one partition: a request for any other one fails as a whole.
  const isValid = isMetadataOnly(request)
  const topics = request.topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partitionIndex }) =>
      isValid ? quorumOf(context, partitionIndex) : unknown(partitionIndex, apiVersion),
    ),
  }))
  const common = { errorCode: 0, errorMessage: '', topics }
  return apiVersion < 2 ? common : { ...common, nodes: isValid ? voterNodes(context) : [] }
}

function voterNodes({ cluster }: HandlerContext) {
  const { quorum, state } = cluster.controller
  const voters = cluster.brokers().filter(({ id }) => quorum.isVoter(id))
  return voters.map(({ id }) => {
    const { host = '', port = 0 } = state.broker(id) ?? {}
    return { nodeId: id, listeners: [{ name: controllerListener, host, port }] }
  })
}

function isMetadataOnly({ topics }: Request): boolean {
  const [topic] = topics
  const isOne = topics.length === 1 && topic?.topicName === metadataTopic && topic.partitions.length === 1
  return isOne && topic.partitions[0]?.partitionIndex === 0
}

function unknown(partitionIndex: number, apiVersion: number): Partition {
  return {
    partitionIndex,
    errorCode: codes.of('UNKNOWN_TOPIC_OR_PARTITION'),
    errorMessage: apiVersion >= 2 ? unknownMessage : '',
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0n,
    currentVoters: [],
    observers: [],
  }
}

/** A voter's log ends at the last decision that its broker has applied. */
function quorumOf({ cluster, now }: HandlerContext, partitionIndex: number): Partition {
  const { quorum, state } = cluster.controller
  const replicas = cluster.brokers().map((broker) => {
    const { id } = broker
    const isRunning = broker.isUp && !broker.isPaused
    const lost = quorum.lastSeen(id)
    const atMs = BigInt(Math.floor(isRunning ? now() : (lost?.atMs ?? -1)))
    const offset = id === quorum.leaderId ? state.areas.metadataOffset : broker.view.areas.metadataOffset
    return {
      replicaId: id,
      replicaDirectoryId: zeroUuid,
      logEndOffset: BigInt(broker.isUp ? offset : (lost?.offset ?? -1)),
      lastFetchTimestamp: atMs,
      lastCaughtUpTimestamp: atMs,
    }
  })
  return {
    partitionIndex,
    errorCode: 0,
    errorMessage: '',
    leaderId: quorum.leaderId,
    leaderEpoch: quorum.epoch,
    highWatermark: BigInt(state.areas.metadataOffset),
    currentVoters: replicas.filter(({ replicaId }) => quorum.isVoter(replicaId)),
    observers: replicas.filter(({ replicaId }) => !quorum.isVoter(replicaId)),
  }
}

export const describeQuorumHandler = serves(DescribeQuorum, allVersions(DescribeQuorum), handle)
