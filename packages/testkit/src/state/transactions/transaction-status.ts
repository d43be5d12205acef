import type { Transaction, TransactionState } from './transaction.ts'

/** A transactional id as its coordinator has it. */
export interface TransactionStatus {
  readonly transactionalId: string
  readonly state: TransactionState
  readonly producerId: bigint
  readonly producerEpoch: number
  /** transaction.timeout.ms of the producer. */
  readonly timeoutMs: number
  /** Wall time at which the open transaction began; undefined when none is open. */
  readonly startMs: number | undefined
  /** What takes part in it. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

export function transactionStatus({ transactionalId, image }: Transaction): TransactionStatus {
  const { state, producerId, producerEpoch, timeoutMs, startMs } = image
  const partitions = Array.from(image.partitions, ([topic, indexes]) =>
    Array.from(indexes, (partition) => ({ topic, partition })),
  ).flat()
  return {
    transactionalId,
    state,
    producerId,
    producerEpoch,
    timeoutMs,
    startMs: state === 'Empty' || startMs < 0 ? undefined : startMs,
    partitions,
  }
}
