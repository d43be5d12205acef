import type { Cluster } from '../../cluster/cluster.ts'
import type { TopicPartition } from '../../cluster/topology.ts'
import { meaningOf } from '../../error-meaning.ts'
import type { KafkaError } from '../../errors.ts'

/** What the metadata shows of a topic that the coordinator does not have. */
export type TopicState = 'exists' | 'recreated' | 'missing'

/** From the cached metadata. `topicId`: the id in the failed request. */
export function topicState(
  cluster: Pick<Cluster, 'topic'>,
  { topic, partition }: TopicPartition,
  topicId: string | undefined,
): TopicState {
  const info = cluster.topic(topic)
  // The cache keeps a deleted topic for a while.
  if (info === undefined || meaningOf(info.errorCode).missingTopic) return 'missing'
  if (topicId !== undefined && info.topicId !== topicId) return 'recreated'
  return info.partitions[partition] === undefined ? 'missing' : 'exists'
}

const explanations: Readonly<Record<Exclude<TopicState, 'exists'>, string>> = {
  recreated: 'the topic was deleted and created again, and the offset belongs to the earlier one',
  missing: 'the metadata does not list it either, because it was deleted or never existed',
}

const hints: Readonly<Record<Exclude<TopicState, 'exists'>, string>> = {
  recreated: 'Do not commit it again: offsets of the new topic start from 0.',
  missing: 'Check the name of the topic and the number of the partition.',
}

/** The error of the coordinator, with what the metadata shows: a retry does not help. */
export function missingTopicError(error: KafkaError, state: Exclude<TopicState, 'exists'>): KafkaError {
  return error.with({ message: `${error.message}; ${explanations[state]}`, hint: hints[state], retriable: false })
}
