import { mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { EpochEntry } from '../state/replicas/leader-epochs.ts'
import { type LogFiles, StorageError } from '../state/replicas/log-files.ts'
import type { LogSegment, StoredBatch } from '../state/replicas/log-segment.ts'
import type { ReplicaLog } from '../state/replicas/replica-log.ts'
import { removeDirectory, syncDirectory, writeAtomically } from './atomic-file.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { OpenFiles } from './open-files.ts'
import { epochCheckpoint, swapSuffix } from './recover-log.ts'
import { SegmentFile, segmentName } from './segment-file.ts'
import type { Syncable, SyncRounds } from './sync-rounds.ts'

/** Shared by all log directories of a broker. */
export interface DiskContext {
  readonly isSynced: boolean
  readonly open: OpenFiles
  readonly rounds: SyncRounds
  readonly onProblem: (message: string) => void
  /** An offset moved that the broker's checkpoint files must contain. */
  onMoved(what: 'high watermark' | 'log start'): void
}

/** The directory of one replica, `topic-0`: one file per segment, and a checkpoint of the leader epochs. */
export class LogDirectory implements LogFiles, Syncable {
  readonly path: string
  readonly #disk: DiskContext
  readonly #files = new Map<LogSegment, SegmentFile>()
  readonly #written = new Set<SegmentFile>()
  #log: ReplicaLog | undefined
  #logStartOffset = 0
  #leaderEpoch = -1
  #hasNewNames = false

  constructor(path: string, disk: DiskContext) {
    this.path = path
    this.#disk = disk
    mkdirSync(path, { recursive: true })
  }

  get log(): ReplicaLog | undefined {
    return this.#log
  }

  /** Sets the log that is stored here; its current segments are in files already. */
  attach(log: ReplicaLog): void {
    this.#log = log
    this.#logStartOffset = log.logStartOffset
    this.#leaderEpoch = log.epochs.latestEpoch
    this.#hasNewNames = true
    for (const segment of log.segments) this.#files.set(segment, this.#fileOf(segment, segment.sizeInBytes))
  }

  append(segment: LogSegment, batch: StoredBatch): void {
    const file = this.#write(segment, batch)
    if (batch.leaderEpoch !== this.#leaderEpoch) {
      this.#writeEpochs([{ epoch: batch.leaderEpoch, startOffset: batch.baseOffset }])
    }
    this.#mark(file)
    this.#disk.onMoved('high watermark')
  }

  #write(segment: LogSegment, batch: StoredBatch): SegmentFile {
    try {
      const file = this.#files.get(segment) ?? this.#create(segment)
      // An earlier truncation of the file failed.
      if (file.size > segment.sizeInBytes) file.truncate(segment.sizeInBytes)
      file.append(batch.bytes)
      return file
    } catch (error) {
      this.#disk.onProblem(`cannot write ${this.path}: ${(error as Error).message}`)
      throw new StorageError(`Cannot write ${this.path}`, { cause: error })
    }
  }

  changed(): void {
    const log = this.#log
    if (log === undefined) return
    try {
      this.#followSegments(log)
      this.#writeEpochs([])
    } catch (error) {
      // The next change retries, and an append checks its own file.
      this.#disk.onProblem(`cannot write ${this.path}: ${(error as Error).message}`)
    }
    this.#disk.onMoved('high watermark')
    if (log.logStartOffset === this.#logStartOffset) return
    this.#logStartOffset = log.logStartOffset
    this.#disk.onMoved('log start')
  }

  async sync(): Promise<void> {
    const log = this.#log
    const end = log?.logEndOffset ?? 0
    const { cutCount } = log ?? {}
    const files = [...this.#written]
    this.#written.clear()
    if (this.#hasNewNames) for (const path of [this.path, dirname(this.path)]) syncDirectory(path)
    this.#hasNewNames = false
    await Promise.all(files.map((file) => file.sync()))
    if (log !== undefined && log.cutCount === cutCount) log.flush(end)
  }

  close(): void {
    for (const file of this.#files.values()) file.close()
  }

  /** The log was deleted: removes its directory. */
  remove(): void {
    this.close()
    this.#disk.rounds.unmark(this)
    this.#files.clear()
    this.#written.clear()
    this.#log = undefined
    removeDirectory(this.path)
  }

  // ---- internals -----------------------------------------------------------------------------------------------------

  #mark(file: SegmentFile): void {
    if (!this.#disk.isSynced) return
    this.#written.add(file)
    this.#disk.rounds.mark(this)
  }

  #fileOf(segment: LogSegment, size: number): SegmentFile {
    return new SegmentFile(this.path, segment.baseOffset, { open: this.#disk.open, size })
  }

  #create(segment: LogSegment): SegmentFile {
    const file = this.#fileOf(segment, 0)
    file.create()
    this.#files.set(segment, file)
    this.#hasNewNames = true
    this.#mark(file)
    return file
  }

  #followSegments({ segments }: ReplicaLog): void {
    const present = new Set(segments)
    const added = segments.filter((segment) => !this.#files.has(segment))
    const kept = segments.filter((segment) => this.#files.has(segment))
    const gone = [...this.#files.keys()].filter((segment) => !present.has(segment))
    const isCompaction = gone.length > 0 && added.length > 0 && (kept.length > 0 || added.some(isFilled))
    if (isCompaction) this.#replace(segments, added, gone)
    else this.#exchange(added, gone, kept[0])
    for (const segment of kept) this.#shorten(segment)
  }

  #exchange(added: readonly LogSegment[], gone: readonly LogSegment[], firstKept: LogSegment | undefined): void {
    // New segments are created before old ones are removed; an interrupted removal leaves a contiguous log.
    const taken = new Set(gone.map(({ baseOffset }) => baseOffset))
    for (const segment of added) if (!taken.has(segment.baseOffset)) this.#create(segment)
    this.#removeFiles(gone, firstKept ?? added[0])
    for (const segment of added) if (taken.has(segment.baseOffset)) this.#create(segment)
  }

  #shorten(segment: LogSegment): void {
    const file = this.#files.get(segment)
    if (file === undefined || file.size <= segment.sizeInBytes) return
    file.truncate(segment.sizeInBytes)
    this.#mark(file)
  }

  /** Removes deleted segments from the front, and truncated ones from the end. */
  #removeFiles(gone: readonly LogSegment[], first: LogSegment | undefined): void {
    const start = first?.baseOffset ?? 0
    const before = gone.filter(({ baseOffset }) => baseOffset < start)
    const after = gone.filter(({ baseOffset }) => baseOffset >= start)
    for (const segment of [...before, ...after.reverse()]) {
      const file = this.#files.get(segment)
      if (file === undefined) continue
      this.#files.delete(segment)
      this.#written.delete(file)
      file.remove()
    }
  }

  /** Writes each compacted segment next to those it replaces, under a name that lets a restart complete the replacement. */
  #replace(segments: readonly LogSegment[], added: readonly LogSegment[], gone: readonly LogSegment[]): void {
    for (const segment of added) {
      const next = segments[segments.indexOf(segment) + 1]
      const end = next?.baseOffset ?? Number.MAX_SAFE_INTEGER
      const swap = join(this.path, `${segmentName(segment.baseOffset, '')}-${segmentName(end, swapSuffix)}`)
      writeAtomically(swap, Buffer.concat(segment.batches.map(({ bytes }) => bytes)), this.#disk.isSynced)
      const replaced = gone.filter(({ baseOffset }) => baseOffset >= segment.baseOffset && baseOffset < end)
      this.#removeFiles(replaced, undefined)
      renameSync(swap, join(this.path, segmentName(segment.baseOffset)))
      this.#files.set(segment, this.#fileOf(segment, segment.sizeInBytes))
      this.#hasNewNames = true
    }
    this.#removeFiles(gone, segments[0])
  }

  #writeEpochs(more: readonly EpochEntry[]): void {
    const log = this.#log
    if (log === undefined) return
    const entries = [...log.epochs.entries.filter(({ epoch }) => more.every((entry) => entry.epoch !== epoch)), ...more]
    this.#leaderEpoch = entries.at(-1)?.epoch ?? -1
    const lines = entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)
    // Not synced, because the epochs can be derived from the batches.
    writeCheckpoint(join(this.path, epochCheckpoint), lines, false)
  }
}

function isFilled({ batches }: LogSegment): boolean {
  return batches.length > 0
}
