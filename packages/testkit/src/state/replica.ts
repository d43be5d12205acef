/** How an append that is to be replicated ended. */
export interface AppendDone {
  /** Kafka's error code; 0 when all of the ISR has it. */
  readonly errorCode: number
  /** -1 on an error that came before the append. */
  readonly baseOffset: number
}

/** One replica of a partition on one broker. */
export interface Replica {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** True while this broker leads the partition. */
  readonly isLeader: boolean
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number

  /**
   * Coordinators write with this: one sealed record batch (magic 2), acks=all. The bytes become the log's: they must not
   * change any more. `done` is called once, in this turn when the error comes before the append, else when the high
   * watermark has passed the batch, the leadership ends, or after `timeoutMs`.
   */
  appendAndReplicate(batch: Uint8Array, timeoutMs: number, done: (outcome: AppendDone) => void): void

  /** The batches of the log from its start to its end (a coordinator reloads all of them), each whole, in order. */
  batches(): Iterable<Uint8Array>
}
