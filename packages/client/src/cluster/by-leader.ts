import { describePartition, KafkaError } from '../errors.ts'
import type { Broker } from './broker.ts'
import type { Cluster } from './cluster.ts'
import type { RetryOptions } from './retry.ts'
import type { TopicPartition } from './topology.ts'

/**
 * One request, to one leader, for its part of the entries. Resolves with the outcome of each; an entry without one is requested
 * again. A rejection concerns all these entries: they are requested again if it is transient, else the whole call fails.
 */
export type LeaderRequest<E, V> = (
  leader: Broker,
  entries: readonly E[],
  signal: AbortSignal,
) => Promise<Iterable<readonly [E, V | KafkaError]>>

/**
 * Splits a request about partitions by their leaders, one request per broker. Entries with a transient error are repeated, with
 * fresh metadata, until each has a value or a permanent error, or the deadline passes.
 */
export async function byLeader<E extends TopicPartition, V>(
  cluster: Pick<Cluster, 'leaderOf' | 'retry'>,
  what: RetryOptions,
  entries: readonly E[],
  request: LeaderRequest<E, V>,
): Promise<ReadonlyMap<E, V | KafkaError>> {
  const outcomes = new Map<E, V | KafkaError>()
  const isTransient = what.isTransient ?? (({ retriable }: KafkaError) => retriable)
  const isOpen = (entry: E): boolean => {
    const outcome = outcomes.get(entry)
    return outcome === undefined || (KafkaError.is(outcome) && isTransient(outcome))
  }
  const send = async (leader: Broker, own: readonly E[], signal: AbortSignal): Promise<void> => {
    try {
      const found = new Map(await request(leader, own, signal))
      for (const entry of own) outcomes.set(entry, found.get(entry) ?? missingError(entry, leader, what.operation))
    } catch (error) {
      if (!KafkaError.is(error) || !isTransient(error)) throw error
      for (const entry of own) outcomes.set(entry, error)
    }
  }
  const topics = () => [...new Set(entries.filter(isOpen).map(({ topic }) => topic))]
  await cluster.retry({ ...what, topics }, async (_attemptNo, signal) => {
    const parts = new Map<Broker, E[]>()
    for (const entry of entries.filter(isOpen)) {
      const leader = cluster.leaderOf(entry.topic, entry.partition)
      const own = leader && parts.get(leader)
      if (leader === undefined) outcomes.set(entry, leaderlessError(entry, what.operation))
      else if (own === undefined) parts.set(leader, [entry])
      else own.push(entry)
    }
    await Promise.all(Array.from(parts, ([leader, own]) => send(leader, own, signal)))
    const open = entries.find(isOpen)
    if (open !== undefined) throw outcomes.get(open) as KafkaError
  })
  return outcomes
}

function leaderlessError({ topic, partition }: TopicPartition, operation: string): KafkaError {
  const message = `${operation} failed: no leader at the moment for ${describePartition({ topic, partition })}`
  return new KafkaError('LEADER_NOT_AVAILABLE', message, { retriable: true, topic, partition })
}

function missingError({ topic, partition }: TopicPartition, broker: Broker, operation: string): KafkaError {
  const message = `${operation} failed: the response is missing ${describePartition({ topic, partition })}`
  return new KafkaError('PROTOCOL_ERROR', message, { retriable: true, topic, partition, broker })
}
