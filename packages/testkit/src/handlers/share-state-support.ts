import { Held } from '../state/held.ts'
import { toldOf } from '../state/shares/share-group-service.ts'
import type { ShareKey } from '../state/shares/share-state-records.ts'
import { failed, type ShareFailure, type ShareStateShard } from '../state/shares/share-state-shard.ts'
import type { HandlerContext } from './handler.ts'

interface StateTopic<P> {
  readonly topicId: string
  readonly partitions: readonly P[]
}

export interface StateAsk<P, T> {
  /** In the words of an error of the coordinator: `read share group state`. */
  readonly verb: string
  readonly groupId: string
  readonly topics: readonly StateTopic<P>[]
  readonly run: (shard: ShareStateShard, key: ShareKey, partition: P, done: (result: T | ShareFailure) => void) => void
}

export interface StateOutcome<T> {
  readonly partition: number
  readonly result: T | ShareFailure
}

/** Runs an operation on the state of each share partition that a request names, and answers when all are done. */
export function askStates<P extends { readonly partition: number }, T extends object, A>(
  { broker, cluster }: HandlerContext,
  { verb, groupId, topics, run }: StateAsk<P, T>,
  responseOf: (results: readonly { readonly topicId: string; readonly outcomes: readonly StateOutcome<T>[] }[]) => A,
): A | Held<A> {
  // What is not complete is answered with nothing.
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

/** The fields of an answer that has nothing to tell but whether it went well. */
export function plainResult<T extends object>({ partition, result }: StateOutcome<T>) {
  const failure = 'error' in result && result.error !== undefined ? (result as ShareFailure) : undefined
  return { partition, ...toldOf(failure) }
}

export function failureOf(result: object): ShareFailure | undefined {
  return 'error' in result && result.error !== undefined ? (result as ShareFailure) : undefined
}
