import type { MetadataView, TopicImage } from './metadata-view.ts'

/** Kafka's rules for names of topics; undefined when the name is fine. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'Topic name is invalid: the empty string is not allowed'
  if (name === '.' || name === '..') return `Topic name is invalid: '${name}' is not allowed`
  if (name.length > 249)
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length 249`
  if (/^[a-zA-Z0-9._-]+$/.test(name)) return undefined
  return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
}

/** The topic whose metrics would have the same name: metric names do not distinguish '.' and '_'. */
export function collisionOf(name: string, topics: Iterable<TopicImage>): string | undefined {
  if (!/[._]/.test(name)) return undefined
  const flat = name.replaceAll('.', '_')
  for (const topic of topics) {
    if (topic.name !== name && topic.name.replaceAll('.', '_') === flat) return topic.name
  }
  return undefined
}

/** Why a manual replica assignment is invalid: replicas must be registered, distinct, and equal in number per partition. */
export function assignmentProblem(
  assignment: readonly (readonly number[])[],
  view: MetadataView,
  replicationFactor: number = assignment[0]?.length ?? 0,
): string | undefined {
  for (const replicas of assignment) {
    if (replicas.length === 0) return 'The manual partition assignment includes an empty replica list.'
    const repeated = replicas.find((id, at) => replicas.indexOf(id) !== at)
    if (repeated !== undefined) {
      return `The manual partition assignment includes the broker ${repeated} more than once.`
    }
    const unknown = replicas.find((id) => view.broker(id) === undefined)
    if (unknown !== undefined) {
      return `The manual partition assignment includes broker ${unknown}, but no such broker is registered.`
    }
    if (replicas.length !== replicationFactor) {
      return `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${replicationFactor} replica(s).`
    }
    if (!replicas.some((id) => view.isAlive(id))) {
      return `All brokers specified in the manual partition assignment for partition ${assignment.indexOf(replicas)} are fenced or in controlled shutdown.`
    }
  }
  return undefined
}
