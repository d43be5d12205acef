import type { Transaction, TransactionState } from './transaction.ts'

/** A transactional id's state at its coordinator. */
export interface TransactionStatus {
  readonly transactionalId: string
  readonly state: TransactionState
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The producer's transaction.timeout.ms. */
  readonly timeoutMs: number
  /** Wall time of the start of the open transaction; undefined when none is open. */
  readonly startMs: number | undefined
  /** The partitions in the transaction. */
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
