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

/** What the directories of a broker share. */
export interface DiskContext {
  readonly isSynced: boolean
  readonly open: OpenFiles
  readonly rounds: SyncRounds
  readonly onProblem: (message: string) => void
  /** Something is to be told to the checkpoints of the broker, now or soon. */
  onMoved(what: 'high watermark' | 'log start'): void
}

/** The directory of one replica, `topic-0`: a file a segment, and what is known of leader epochs. */
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

  /** The log whose segments are kept here; those that it has already are in files. */
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
      // It could not be shortened before.
      if (file.size > segment.sizeInBytes) file.truncate(segment.sizeInBytes)
      file.append(batch.bytes)
      return file
    } catch (error) {
      this.#disk.onProblem(`${this.path}: ${(error as Error).message}`)
      throw new StorageError(`${this.path} cannot be written`, { cause: error })
    }
  }

  changed(): void {
    const log = this.#log
    if (log === undefined) return
    try {
      this.#followSegments(log)
      this.#writeEpochs([])
    } catch (error) {
      // The next change brings the files in line again, and an append looks after its own.
      this.#disk.onProblem(`${this.path}: ${(error as Error).message}`)
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

  /** The log is gone, with its directory. */
  remove(): void {
    this.close()
    this.#disk.rounds.unmark(this)
    this.#files.clear()
    this.#written.clear()
    this.#log = undefined
    removeDirectory(this.path)
  }

  // ---- inside --------------------------------------------------------------------------------------------------------

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
    // What begins later is there before the rest goes; an interrupted removal leaves the start or the end of a log.
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

  /** From the front what lies before the log, from the end what was cut off. */
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

  /** Each compacted segment is written beside those it replaces, and named so that a restart goes on from there. */
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
    // It can be found out again from the batches: it is not worth a wait.
    writeCheckpoint(join(this.path, epochCheckpoint), lines, false)
  }
}

function isFilled({ batches }: LogSegment): boolean {
  return batches.length > 0
}
