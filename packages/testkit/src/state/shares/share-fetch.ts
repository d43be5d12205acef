import type { ErrorName } from '@ottla/codec'
import type { StoredBatch } from '../replicas/log-segment.ts'
import type { Replica } from '../replicas/replica.ts'
import type { ReplicaLog } from '../replicas/replica-log.ts'
import type { Acquired } from './share-acquire.ts'
import type { SharePartition } from './share-partition.ts'
import type { SharePartitions } from './share-partitions.ts'
import type { SessionPartition } from './share-sessions.ts'
import { failed, type ShareFailure } from './share-state-shard.ts'

export interface ShareFetchWish {
  readonly groupId: string
  readonly memberId: string
  readonly isRecordLimit: boolean
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxRecords: number
  readonly batchSize: number
}

export interface ShareFetched {
  readonly at: SessionPartition
  readonly failure: ShareFailure | undefined
  readonly records: readonly Uint8Array[]
  readonly acquired: readonly Acquired[]
}

interface Target {
  readonly at: SessionPartition
  readonly share: SharePartition
  readonly replica: Replica
}

interface Read {
  readonly target: Target
  readonly fetchOffset: number
  readonly batches: readonly StoredBatch[]
  readonly error: ErrorName | undefined
}

/** One ShareFetch request, until it has enough records or times out. */
export class ShareFetchWork {
  readonly #wish: ShareFetchWish
  readonly #readsCommitted: boolean
  readonly #targets: Target[] = []
  readonly #failures = new Map<SessionPartition, ShareFailure>()

  /** `partitions` in the order in which they acquire records. */
  constructor(shares: SharePartitions, wish: ShareFetchWish, partitions: readonly SessionPartition[]) {
    this.#wish = wish
    const { groupId } = wish
    this.#readsCommitted = shares.configOf(groupId).readsCommitted
    for (const at of partitions) {
      const opened = shares.open(groupId, at)
      if (typeof opened === 'string') {
        this.#failures.set(at, failed(opened))
        continue
      }
      this.#targets.push({ at, ...opened })
      opened.share.initialize((failure) => {
        shares.drop(groupId, at)
        this.#failures.set(at, failure)
      })
    }
  }

  /** True when waiting cannot yield records. */
  get isHopeless(): boolean {
    return this.#targets.length === 0
  }

  /** True when the response can be sent: an error, or at least `minBytes`. */
  isReady(): boolean {
    const reads = this.#acquirable().map((target) => this.#read(target, this.#wish.maxBytes, true))
    if (reads.length === 0) return false
    if (reads.some(({ error }) => error !== undefined)) return true
    const share = Math.floor(this.#wish.maxBytes / reads.length)
    let size = 0
    for (const { target, fetchOffset } of reads) {
      const { log } = target.replica
      size += Math.min(log.sizeBetween(fetchOffset, this.#endOf(target), this.#wish.minBytes), share)
    }
    return size >= this.#wish.minBytes
  }

  watch(listener: () => void): void {
    for (const { share, replica } of this.#targets) {
      share.watch(listener)
      replica.watch(listener)
    }
  }

  unwatch(listener: () => void): void {
    for (const { share, replica } of this.#targets) {
      share.unwatch(listener)
      replica.unwatch(listener)
    }
  }

  /** Acquires the available records. */
  take(): ShareFetched[] {
    const targets = this.#acquirable()
    const each = Math.floor(this.#wish.maxBytes / Math.max(1, targets.length))
    let rest = this.#wish.maxBytes % Math.max(1, targets.length)
    let left = this.#wish.maxBytes
    let hasRecords = false
    const reads = targets.map((target) => {
      const read = this.#read(target, Math.min(each + rest, left), !hasRecords)
      rest = 0
      const size = read.batches.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
      left = Math.max(0, left - size)
      hasRecords ||= size > 0
      return read
    })
    let count = 0
    const fetched = reads.map((read) => {
      const result = this.#acquire(read, this.#wish.maxRecords - count)
      count += result.count
      return result.fetched
    })
    for (const [at, failure] of this.#failures) fetched.push({ at, failure, records: [], acquired: [] })
    return fetched
  }

  #acquirable(): Target[] {
    return this.#targets.filter(({ at, share }) => !this.#failures.has(at) && share.isActive && share.canAcquire)
  }

  #endOf({ replica }: Target): number {
    return this.#readsCommitted ? replica.lastStableOffset : replica.highWatermark
  }

  #read(target: Target, maxBytes: number, atLeastOne: boolean): Read {
    const { share, replica } = target
    const fetchOffset = share.nextFetchOffset
    const check = replica.checkRead({ fetchOffset, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }, true)
    if (check.kind !== 'ok') {
      const error = check.kind === 'error' ? check.error : 'OFFSET_OUT_OF_RANGE'
      return { target, fetchOffset, batches: [], error }
    }
    const upTo = this.#endOf(target)
    const isWorthwhile = fetchOffset < upTo && (maxBytes > 0 || atLeastOne)
    const batches = isWorthwhile ? replica.log.read(fetchOffset, { upTo, maxBytes, atLeastOne }) : []
    return { target, fetchOffset, batches, error: undefined }
  }

  #acquire(
    { target, fetchOffset, batches, error }: Read,
    maxRecords: number,
  ): { readonly fetched: ShareFetched; readonly count: number } {
    const { at, share, replica } = target
    const none = { fetched: { at, failure: undefined, records: [], acquired: [] }, count: 0 }
    if (error === 'OFFSET_OUT_OF_RANGE') {
      // Records were deleted: the member's next fetch starts at the new log start offset.
      share.logStartMoved(replica.logStartOffset)
      return none
    }
    if (error !== undefined) return { fetched: { ...none.fetched, failure: failed(error) }, count: 0 }
    const { memberId, isRecordLimit, batchSize } = this.#wish
    const wish = { memberId, isRecordLimit, batchSize, maxRecords, fetchOffset, batches }
    const { records: acquired, count } = share.acquire(wish)
    const aborted = this.#readsCommitted ? abortedBatches(replica.log, batches) : []
    for (const { baseOffset, lastOffset } of aborted) share.archiveAborted(baseOffset, lastOffset)
    const left = aborted.reduce(withoutBatch, acquired)
    const leftCount = left === acquired ? count : left.reduce((sum, each) => sum + lengthOf(each), 0)
    if (left.length === 0) return none
    return { fetched: { at, failure: undefined, records: slice(batches, left), acquired: left }, count: leftCount }
  }
}

const lengthOf = ({ firstOffset, lastOffset }: Acquired) => lastOffset - firstOffset + 1

function withoutBatch(acquired: readonly Acquired[], gone: StoredBatch): readonly Acquired[] {
  const { baseOffset, lastOffset } = gone
  if (!acquired.some((each) => each.firstOffset <= lastOffset && each.lastOffset >= baseOffset)) return acquired
  return acquired.flatMap((each) => {
    if (each.firstOffset > lastOffset || each.lastOffset < baseOffset) return [each]
    const before = { ...each, lastOffset: baseOffset - 1 }
    const after = { ...each, firstOffset: lastOffset + 1 }
    return [before, after].filter((part) => lengthOf(part) > 0)
  })
}

/** The batches that contain the acquired records. */
function slice(batches: readonly StoredBatch[], acquired: readonly Acquired[]): Uint8Array[] {
  const { firstOffset } = acquired[0] as Acquired
  const { lastOffset } = acquired.at(-1) as Acquired
  const from = Math.max(
    0,
    batches.findLastIndex(({ baseOffset }) => baseOffset <= firstOffset),
  )
  return batches
    .slice(from)
    .filter(({ baseOffset }, index) => index === 0 || baseOffset <= lastOffset)
    .map(({ bytes }) => bytes)
}

/** The batches of aborted transactions among those read. */
function abortedBatches(log: ReplicaLog, batches: readonly StoredBatch[]): StoredBatch[] {
  const [first] = batches
  const last = batches.at(-1)
  if (first === undefined || last === undefined) return []
  const aborted = log.transactions.abortedIn(first.baseOffset, last.lastOffset + 1)
  if (aborted.length === 0) return []
  return batches.filter(({ transactional, baseOffset }) =>
    aborted.some(
      ({ producerId, firstOffset, lastOffset }) =>
        transactional?.kind === 'data' &&
        transactional.producerId === producerId &&
        baseOffset >= firstOffset &&
        baseOffset <= lastOffset,
    ),
  )
}
