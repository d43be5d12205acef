import { type Decoded, type Encodable, type ErrorName, TxnOffsetCommit, zeroUuid } from '@ottla/codec'
import { partitionOf } from '../state/coordinators/coordinator-shards.ts'
import { Held } from '../state/held.ts'
import { offsetsTopic } from '../state/internal-topics.ts'
import { commitTransactionalOffsets } from '../state/offsets/offset-commit.ts'
import { type Handler, serves } from './handler.ts'
import { codes } from './support.ts'
import { type VerificationStyle, verifyTransaction } from './transactions-support.ts'

type Response = Encodable<typeof TxnOffsetCommit.response>
type Topics = Response['topics']

const handle: Handler<typeof TxnOffsetCommit> = (context, request) => {
  const { broker, apiVersion, cluster } = context
  const { groupId } = request
  const failing = (error: ErrorName, topics: Decoded<typeof TxnOffsetCommit.request>['topics']): Topics =>
    topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: codes.of(error) })),
    }))
  const respond = (topics: Topics): Response => ({ throttleTimeMs: 0, topics })
  const shard = broker.services.groups.shardOf(groupId)
  if (typeof shard === 'string') return respond(failing(shard, request.topics))
  if (groupId === '') return respond(failing('INVALID_GROUP_ID', request.topics))
  const isKnown = (topic: string, partition: number) => partition >= 0 && partition < broker.partitionCount(topic)
  const known = request.topics.flatMap((topic) => {
    const partitions = topic.partitions.filter(({ partitionIndex }) => isKnown(topic.name, partitionIndex))
    return partitions.length === 0 ? [] : [{ ...topic, partitions }]
  })
  const merged = (results: Topics): Topics =>
    failing('UNKNOWN_TOPIC_OR_PARTITION', request.topics).map(({ name, partitions }) => {
      const found = results.find((result) => result.name === name)?.partitions ?? []
      const of = (index: number) => found.find(({ partitionIndex }) => partitionIndex === index)
      return { name, partitions: partitions.map((each) => of(each.partitionIndex) ?? each) }
    })
  if (known.length === 0) return respond(merged([]))
  const held = new Held<Response>(cluster.runtime)
  const partition = partitionOf(groupId, broker.partitionCount(offsetsTopic))
  const partitions = [{ topic: offsetsTopic, partitions: [partition] }]
  verifyTransaction(context, request, { partitions, style: styleOf(apiVersion) }, (error) => {
    if (error !== undefined) {
      held.complete(respond(merged(failing(error, known))))
      return
    }
    const topicIdOf = (topic: string) => broker.view.topic(topic)?.id ?? zeroUuid
    commitTransactionalOffsets(shard, { ...request, topics: known }, topicIdOf, (result) =>
      held.complete(respond(merged(typeof result === 'string' ? failing(result, known) : [...result]))),
    )
  })
  return held
}

function styleOf(apiVersion: number): VerificationStyle {
  if (apiVersion >= 5) return 'adds-partitions'
  return apiVersion === 4 ? 'abortable' : 'old'
}

export const txnOffsetCommitHandler = serves(TxnOffsetCommit, { min: 0, max: 5 }, handle)
