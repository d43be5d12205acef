import type { Broker } from '../broker/broker.ts'
import type { Struct } from '../messages/blank.ts'
import type { Picked } from '../messages/entities.ts'
import type { SessionPartition } from '../state/shares/share-sessions.ts'

interface NamedTopic {
  readonly topic?: string
  readonly topicId: string
  readonly partitions: readonly Struct[]
}

/** A request on its broker. */
interface Received {
  readonly api: { readonly name: string }
  readonly request: Struct
  readonly context: { readonly broker: Broker }
}

interface Known extends SessionPartition {
  readonly topic?: string
}

/** The request with the partitions of its fetch session, or share session, that it does not name. */
export function withSessionPartitions(received: Received): Struct {
  const { api, request } = received
  const index = api.name === 'Fetch' ? 'partition' : 'partitionIndex'
  const known = sessionOf(received)
  if (known.length === 0) return request
  const named = request.topics as readonly NamedTopic[]
  const forgotten = (request.forgottenTopicsData ?? []) as readonly {
    topicId: string
    topic?: string
    partitions: number[]
  }[]
  const isIn = (topic: Omit<NamedTopic, 'partitions'>, one: Known) =>
    topic.topicId === one.topicId && (topic.topic ?? '') === (one.topic ?? '')
  const others = known.filter((one) => {
    const isNamed = named.some((each) => isIn(each, one) && each.partitions.some((p) => p[index] === one.partition))
    return !isNamed && !forgotten.some((each) => isIn(each, one) && each.partitions.includes(one.partition))
  })
  const merged = [...named]
  for (const one of others) {
    const at = merged.findIndex((each) => isIn(each, one))
    const topic = merged[at] ?? { topic: one.topic ?? '', topicId: one.topicId, partitions: [] }
    merged[at < 0 ? merged.length : at] = { ...topic, partitions: [...topic.partitions, { [index]: one.partition }] }
  }
  return { ...request, topics: merged }
}

function sessionOf({ api, request, context: { broker } }: Received): readonly Known[] {
  if (api.name === 'Fetch' && Number(request.sessionEpoch) > 0) {
    return broker.fetchSessions.partitionsOf(Number(request.sessionId))
  }
  if (api.name === 'ShareFetch' && Number(request.shareSessionEpoch) > 0)
    return shareSession(request, broker)?.partitions ?? []
  return []
}

/**
 * Handles a ShareFetch request without the partitions: no records of them are acquired. They stay in the share session, as
 * partitions with an error do.
 */
export function withoutInShareSession<T>(
  { request, context: { broker } }: Received,
  picked: readonly Picked[],
  work: () => T,
): T {
  const failed = picked.flatMap(({ identity, partitions = [] }) =>
    partitions.map((partition) => ({ topicId: String(identity.topicId), partition })),
  )
  shareSession(request, broker)?.update([], failed)
  try {
    return work()
  } finally {
    shareSession(request, broker)?.update(failed, [])
  }
}

function shareSession({ groupId, memberId }: Struct, broker: Broker) {
  return broker.services.shares.sessions.get(String(groupId), String(memberId))
}
