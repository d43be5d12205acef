import { onAbort } from '../../runtime/wait.ts'
import type { DecodedRecord } from '../decoding/decoded-record.ts'
import type { RecordOrigin } from '../item-place.ts'
import type { RecordParts } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Era } from '../partition/era.ts'
import type { DeliveredBatch } from './delivery.ts'
import type { HandlerContext } from './run-options.ts'

/** What an item takes in memory beside the bytes of its record. */
const itemBytes = 300

/** The part of a partition's work that an item belongs to. */
export interface ItemOwner {
  /** The copies of records that wait. */
  waitingBytes: number
  readonly held: KeyedItem[]
  readonly keys: { remove(item: KeyedItem): KeyedItem | undefined }
}

/**
 * One record from its delivery until its handler has ended. It refers to the fetched bytes while its handler runs; an item that waits
 * has a copy of its record alone, so that a slow key keeps no fetch response in memory.
 */
export class KeyedItem implements RecordOrigin, RecordParts {
  readonly work: ItemOwner
  readonly owner: AssignedPartition
  readonly era: Era
  readonly baseOffset: number
  readonly leaderEpoch: number
  readonly baseTimestamp: number
  readonly fixedTimestamp: boolean
  readonly ordered = false
  readonly decoder: DecodedRecord | undefined
  readonly offset: number
  bytes: Uint8Array
  readonly offsetDelta: number
  readonly timestampDelta: number
  keyStart: number
  readonly keyLength: number
  valueStart: number
  readonly valueLength: number
  headersStart: number
  readonly headerCount: number
  /** Of its key. */
  hash = 0
  /** The first item of another key with the same hash. */
  collision: KeyedItem | undefined
  /** The next item of its key. */
  next: KeyedItem | undefined
  /** The last item of its key; only of the first one. */
  last: KeyedItem | undefined
  /** Failed attempts. */
  attempts = 0
  /** When it is to be tried again, on `monoNow`. */
  dueMs = 0
  /** Its memory while it waits. */
  waitingBytes = 0
  #end: number
  #isCopied = false
  #isRunning = false
  #abort: AbortController | undefined
  #abortReason: { readonly reason: unknown } | undefined
  #release: (() => void) | undefined

  /** The record at which the batch stopped. */
  constructor(work: ItemOwner, batch: DeliveredBatch) {
    const { records } = batch
    this.work = work
    this.owner = batch.owner
    this.era = batch.era
    this.baseOffset = batch.baseOffset
    this.leaderEpoch = batch.leaderEpoch
    this.baseTimestamp = batch.baseTimestamp
    this.fixedTimestamp = batch.fixedTimestamp
    this.offset = batch.offset
    // The decoder has the next record soon.
    this.decoder = batch.decoder && { key: batch.decoder.key, value: batch.decoder.value }
    this.bytes = records.bytes
    this.offsetDelta = records.offsetDelta
    this.timestampDelta = records.timestampDelta
    this.keyStart = records.keyStart
    this.keyLength = records.keyLength
    this.valueStart = records.valueStart
    this.valueLength = records.valueLength
    this.headersStart = records.headersStart
    this.headerCount = records.headerCount
    this.#end = records.recordEnd
  }

  /** Whether the record is still part of the log and of this assignment. */
  get isValid(): boolean {
    return this.owner.owned && this.offset < this.era.validBelow
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Copies the record, so that it no longer refers to the fetched bytes. Not from a pool, of which it would keep a whole block. */
  detach(): void {
    if (this.#isCopied) return
    this.#isCopied = true
    const from = this.keyStart
    this.bytes = new Uint8Array(this.bytes.subarray(from, this.#end))
    this.keyStart = 0
    this.valueStart -= from
    this.headersStart -= from
    this.#end -= from
  }

  /** The memory of the item while it waits. */
  get sizeBytes(): number {
    return this.#end - this.keyStart + itemBytes
  }

  hasKeyOf(other: KeyedItem): boolean {
    const { keyLength, keyStart, bytes } = this
    if (keyLength !== other.keyLength) return false
    for (let i = 0; i < keyLength; i++) if (bytes[keyStart + i] !== other.bytes[other.keyStart + i]) return false
    return true
  }

  // ---- its handler

  begin(): void {
    this.#isRunning = true
  }

  /** The handler has ended. Another attempt has another signal. */
  end(): void {
    this.#isRunning = false
    this.#release?.()
    this.#release = undefined
    this.#abort = undefined
    this.#abortReason = undefined
  }

  /** Aborts when the partition is revoked or lost, when the handler exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    if (!this.#isRunning && this.#abort === undefined) return this.owner.signal
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.#abort = abort
      const { signal } = this.owner
      if (this.#abortReason !== undefined) abort.abort(this.#abortReason.reason)
      else this.#release = onAbort(signal, () => abort.abort(signal.reason))
    }
    return this.#abort.signal
  }

  abort(reason: unknown): void {
    this.#abortReason = { reason }
    this.#abort?.abort(reason)
  }
}

/** FNV-1a with 32 bits. Different keys with one hash are distinguished by their bytes. */
export function hashOfKey({ bytes, keyStart, keyLength }: RecordParts): number {
  let hash = 0x811c9dc5
  for (let at = keyStart; at < keyStart + keyLength; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return hash
}

/** The signal is looked up when it is used: most handlers do not. */
export class ItemContext implements HandlerContext {
  readonly #item: KeyedItem
  readonly closing: AbortSignal

  constructor(item: KeyedItem, closing: AbortSignal) {
    this.#item = item
    this.closing = closing
  }

  get signal(): AbortSignal {
    return this.#item.signal
  }
}
