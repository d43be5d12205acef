import type { Broker } from '../cluster/broker.ts'
import { type RetryClock, retryBackoffMs } from '../cluster/retry-backoff.ts'
import { meaningOf } from '../error-meaning.ts'
import { type KafkaError, kafkaErrorOf } from '../errors.ts'
import type { AckQueue, QueuedAck } from './ack-queue.ts'
import { type AckResult, noResultError } from './acknowledgement.ts'
import { keyOf, type SharePartition } from './share-partition.ts'

/** What a response reports of the acknowledgements of one partition. */
export interface AckOutcome {
  readonly errorCode: number
  readonly message: string | null
}

/** The outcomes of a response, by the key of the partition. */
export type AckOutcomes = ReadonlyMap<string, AckOutcome>

/** Settles what was sent, or puts it into the queue again. */
export class AckSettlement {
  readonly #clock: RetryClock
  readonly #queue: AckQueue

  constructor(clock: RetryClock, queue: AckQueue) {
    this.#clock = clock
    this.#queue = queue
  }

  /** `lockEndsMs`: when renewed locks end. */
  settle(sent: readonly QueuedAck[], outcomes: AckOutcomes, broker: Broker, lockEndsMs: number): void {
    const again: QueuedAck[] = []
    for (const [key, entries] of byPartition(sent)) {
      const { partition } = entries[0]!.ack
      const outcome = outcomes.get(key)
      if (outcome === undefined) settleAll(entries, { error: noResultError(partition) })
      else if (outcome.errorCode === 0) settleAll(entries, { lockEndsMs })
      else again.push(...this.#refused(partition, entries, outcome, broker))
    }
    this.#queue.requeue(again)
  }

  /** The broker applied nothing of the request. */
  again(sent: readonly QueuedAck[]): void {
    this.#queue.requeue(sent)
  }

  /** Returns those to send again. */
  #refused(
    partition: SharePartition,
    entries: readonly QueuedAck[],
    { errorCode, message }: AckOutcome,
    broker: Broker,
  ): readonly QueuedAck[] {
    const { topic, partition: index } = partition
    const error = kafkaErrorOf(errorCode, 'Acknowledging', { topic, partition: index, broker, message })
    const { transient, moved, missingTopic } = meaningOf(errorCode)
    const isElsewhere = moved === 'leader' || missingTopic
    if (transient && !isElsewhere) return entries.map((entry) => this.#later(entry))
    // All were refused because of one.
    if (!isElsewhere && entries.length > 1) return entries.map((entry) => ({ ...entry, isAlone: true }))
    settleAll(entries, { error: explained(error, isElsewhere) })
    return []
  }

  #later(entry: QueuedAck): QueuedAck {
    const failures = entry.failures + 1
    const notBeforeMs = this.#clock.runtime.monoNow() + retryBackoffMs(this.#clock, failures)
    return { ...entry, failures, notBeforeMs }
  }
}

/** What follows for the record. */
function explained(error: KafkaError, isElsewhere: boolean): KafkaError {
  const hasLock = !isElsewhere && !meaningOf(error.code).notLocked
  if (hasLock) return error
  const why = isElsewhere ? 'another broker leads the partition, and locks do not move' : 'the lock of the record ended'
  return error.with({ message: `${error.message}; ${why}, so the record will be delivered again` })
}

export function settleAll(entries: readonly QueuedAck[], result: AckResult): void {
  for (const { ack } of entries) ack.settled(result)
}

function byPartition(entries: readonly QueuedAck[]): Map<string, QueuedAck[]> {
  const found = new Map<string, QueuedAck[]>()
  for (const entry of entries) {
    const key = keyOf(entry.ack.partition)
    const list = found.get(key)
    if (list === undefined) found.set(key, [entry])
    else list.push(entry)
  }
  return found
}
