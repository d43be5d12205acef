import type { RecordDecoder } from '../consumer/decoding/record-decoder.ts'
import { Era } from '../consumer/partition/era.ts'
import type { BatchOwner } from '../consumer/partition/fetched-batch.ts'

export interface SharePlace {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** An assigned partition. Records that were acquired from it keep it when the assignment changes: their locks do not depend on it. */
export class SharePartition implements BatchOwner, SharePlace {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly signal: AbortSignal
  readonly decoder: RecordDecoder | undefined
  // A share group has no position: nothing is delivered again because of a seek, and nothing is halted.
  readonly era = new Era()
  readonly halted = false
  readonly limit = Number.POSITIVE_INFINITY
  readonly highWatermark = -1
  #brokerId = -1
  #resumeAtMs = 0
  #failures = 0

  /** `signal`: of the consumer. */
  constructor({ topic, topicId, partition }: SharePlace, signal: AbortSignal, decoder: RecordDecoder | undefined) {
    this.topic = topic
    this.topicId = topicId
    this.partition = partition
    this.signal = signal
    this.decoder = decoder
  }

  /** The broker that it is fetched from; -1: none yet. */
  get brokerId(): number {
    return this.#brokerId
  }

  /** When it is fetched again after an error, on `monoNow`. */
  get resumeAtMs(): number {
    return this.#resumeAtMs
  }

  ledBy(brokerId: number): void {
    this.#brokerId = brokerId
    this.#resumeAtMs = 0
  }

  /** Returns how many fetches have failed in sequence. */
  failed(): number {
    return ++this.#failures
  }

  pauseUntil(atMs: number): void {
    this.#resumeAtMs = atMs
  }

  recovered(): void {
    this.#failures = 0
  }
}

/** Topic ids are base64, which has no colon. */
export function keyOf({ topicId, partition }: Pick<SharePlace, 'topicId' | 'partition'>): string {
  return `${topicId}:${partition}`
}
