import type { MetadataView, TopicImage } from './metadata-view.ts'

/** The topic whose metrics would have the same name: '.' and '_' are not told apart there. */
export function collisionOf(name: string, topics: Iterable<TopicImage>): string | undefined {
  if (!/[._]/.test(name)) return undefined
  const flat = name.replaceAll('.', '_')
  for (const topic of topics) {
    if (topic.name !== name && topic.name.replaceAll('.', '_') === flat) return topic.name
  }
  return undefined
}

/** Every partition has the same number of replicas, each on another broker that is registered. */
export function isValidAssignment(assignment: readonly (readonly number[])[], view: MetadataView): boolean {
  const size = assignment[0]?.length ?? 0
  if (size === 0) return false
  return assignment.every((replicas) => {
    const isDistinct = new Set(replicas).size === replicas.length
    const isKnown = replicas.every((id) => view.broker(id) !== undefined)
    return replicas.length === size && isDistinct && isKnown && replicas.some((id) => view.isAlive(id))
  })
}
