import { Held } from '../state/held.ts'
import { toldOf } from '../state/shares/share-group-service.ts'
import type { ShareKey } from '../state/shares/share-state-records.ts'
import { failed, type ShareFailure, type ShareStateShard } from '../state/shares/share-state-shard.ts'
import type { HandlerContext } from './handler.ts'

interface StateTopic<P> {
  readonly topicId: string
  readonly partitions: readonly P[]
}

export interface StateRequest<P, T> {
  /** The operation in the coordinator's error messages: `read share group state`. */
  readonly verb: string
  readonly groupId: string
  readonly topics: readonly StateTopic<P>[]
  readonly run: (shard: ShareStateShard, key: ShareKey, partition: P, done: (result: T | ShareFailure) => void) => void
}

export interface StateOutcome<T> {
  readonly partition: number
  readonly result: T | ShareFailure
}

/** Runs an operation on the state of each share partition of a request, and responds when all are done. */
export function forEachState<P extends { readonly partition: number }, T extends object, A>(
  { broker, cluster }: HandlerContext,
  { verb, groupId, topics, run }: StateRequest<P, T>,
  responseOf: (results: readonly { readonly topicId: string; readonly outcomes: readonly StateOutcome<T>[] }[]) => A,
): A | Held<A> {
  // An incomplete request gets an empty response.
  if (groupId === '' || topics.length === 0 || topics.some(({ partitions }) => partitions.length === 0)) {
    return responseOf([])
  }
  const held = new Held<A>(cluster.runtime)
  const results = topics.map(({ topicId }) => ({ topicId, outcomes: [] as StateOutcome<T>[] }))
  let open = topics.reduce((sum, { partitions }) => sum + partitions.length, 0)
  for (const [at, { topicId, partitions }] of topics.entries()) {
    for (const [index, each] of partitions.entries()) {
      const { partition } = each
      const key = { groupId, topicId, partition }
      const done = (result: T | ShareFailure) => {
        const { outcomes } = results[at] as (typeof results)[number]
        outcomes[index] = { partition, result }
        if (--open === 0) held.complete(responseOf(results))
      }
      const shard = broker.services.shareState.shardOf(key)
      if (typeof shard === 'string') {
        const { error, message } = failed(shard)
        done({ error, message: `Unable to ${verb}: ${message}` })
      } else run(shard, key, each, done)
    }
  }
  return held
}

/** The result of a partition without further fields. */
export function plainResult<T extends object>({ partition, result }: StateOutcome<T>) {
  return { partition, ...toldOf(failureOf(result)) }
}

export function failureOf(result: object): ShareFailure | undefined {
  return 'error' in result && result.error !== undefined ? (result as ShareFailure) : undefined
}
