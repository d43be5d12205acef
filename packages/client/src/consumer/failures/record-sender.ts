/** A header to send. */
export interface OutgoingHeader {
  readonly key: string
  readonly value: string | Uint8Array | null
}

/** A record to send: the raw bytes of a consumed one, with more headers. */
export interface OutgoingRecord {
  readonly topic: string
  readonly partition?: number | undefined
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly OutgoingHeader[]
  /** Ms since the epoch. Default: now. */
  readonly timestamp?: number | undefined
}

/** Where a record was stored. */
export interface StoredRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint | undefined
}

/**
 * What the consumer needs of a producer: `kafka.producer()` fits. `send` resolves when the record is acknowledged, and takes a record
 * that was never sent back when the signal aborts.
 */
export interface RecordSender {
  send(record: OutgoingRecord, options?: { readonly signal?: AbortSignal | undefined }): Promise<StoredRecord>
  readonly options?: { readonly acks?: unknown } | undefined
}

/** A sender that the consumer creates, and closes with itself. */
export interface OwnSender extends RecordSender {
  close(options?: { readonly timeoutMs?: number | undefined }): Promise<void>
}
