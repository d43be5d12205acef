import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import type { MetadataView } from '../state/metadata-view.ts'
import { LogSegment } from '../state/replicas/log-segment.ts'
import type { LogStorage, ReplicaPlace } from '../state/replicas/log-storage.ts'
import { ReplicaLog } from '../state/replicas/replica-log.ts'
import { namesIn, readIfThere, removeDirectory, removeLeftOvers, writeAtomically } from './atomic-file.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { type DiskContext, LogDirectory } from './log-directory.ts'
import type { OpenFiles } from './open-files.ts'
import { recoverLog } from './recover-log.ts'
import type { SyncRounds } from './sync-rounds.ts'

export interface BrokerDiskOptions {
  readonly runtime: Runtime
  readonly isSynced: boolean
  readonly rounds: SyncRounds
  readonly open: OpenFiles
  readonly clusterId: string
  readonly nodeId: number
  readonly onProblem: (message: string) => void
}

/** The end of a log, for comparing replicas: the later leader epoch wins, then the longer log. */
export interface LogReach {
  readonly epoch: number
  readonly endOffset: number
}

interface Hosted extends ReplicaPlace {
  readonly directory: LogDirectory
}

const highWatermarks = 'replication-offset-checkpoint'
const logStarts = 'log-start-offset-checkpoint'
const partitionMetadata = 'partition.metadata'
/** Kafka's replica.high.watermark.checkpoint.interval.ms. */
const checkpointIntervalMs = 5_000

/** The directory of one broker, with the layout of Kafka's log directory. */
export class BrokerDisk implements LogStorage {
  readonly awaitsSync: boolean
  readonly #path: string
  readonly #options: BrokerDiskOptions
  readonly #context: DiskContext
  readonly #hosted = new Map<string, Hosted>()
  /** Logs found at the start and not opened yet. */
  readonly #found = new Map<string, Hosted>()
  #timer: Timer | undefined

  constructor(path: string, options: BrokerDiskOptions) {
    this.#path = path
    this.#options = options
    this.awaitsSync = options.isSynced
    const { isSynced, open, rounds, onProblem } = options
    const onMoved = (what: 'high watermark' | 'log start') => this.#onMoved(what)
    this.#context = { isSynced, open, rounds, onProblem, onMoved }
    this.#prepare()
  }

  /** Recovers the logs of existing partitions, and deletes the others. */
  recover(view: MetadataView): void {
    const watermarks = offsetsIn(join(this.#path, highWatermarks))
    const starts = offsetsIn(join(this.#path, logStarts))
    for (const name of namesIn(this.#path)) {
      const path = join(this.#path, name)
      const [, topic = '', index] = /^(.+)-(\d+)$/.exec(name) ?? []
      if (index === undefined) continue
      const image = view.topic(topic)
      const partition = image?.partitions[Number(index)]
      const topicId = topicIdIn(path)
      const isHosted = image !== undefined && partition?.replicas.includes(this.#options.nodeId) === true
      if (!isHosted || image.id !== topicId) {
        removeDirectory(path)
        continue
      }
      const found = recoverLog(path, partition.leaderEpoch)
      if (found.cut !== undefined) this.#options.onProblem(`records lost: ${found.cut}`)
      const directory = new LogDirectory(path, this.#context)
      const logStartOffset = Math.max(starts.get(name) ?? 0, found.segments[0]?.baseOffset ?? 0)
      const highWatermark = watermarks.get(name) ?? 0
      const log = ReplicaLog.restored({ ...found, logStartOffset, highWatermark }, directory)
      directory.attach(log)
      // Deleted records must not return, even when the log lost its end.
      log.advanceLogStart(logStartOffset)
      this.#found.set(name, { topic, topicId, partition: Number(index), directory })
    }
  }

  /** The end of a recovered log; undefined when there is none. */
  reachOf(topic: string, partition: number): LogReach | undefined {
    const log = this.#found.get(nameOf({ topic, partition }))?.directory.log
    return log && { epoch: log.epochs.latestEpoch, endOffset: log.logEndOffset }
  }

  open(place: ReplicaPlace): ReplicaLog {
    const name = nameOf(place)
    const found = this.#found.get(name)
    this.#found.delete(name)
    if (found?.topicId === place.topicId && found.directory.log !== undefined) {
      this.#hosted.set(name, found)
      return found.directory.log
    }
    this.#hosted.get(name)?.directory.remove()
    found?.directory.remove()
    const path = join(this.#path, name)
    removeDirectory(path)
    const directory = new LogDirectory(path, this.#context)
    writeAtomically(join(path, partitionMetadata), `version: 0\ntopic_id: ${place.topicId}`, this.#options.isSynced)
    const log = ReplicaLog.restored(
      { segments: [new LogSegment(0)], epochs: [], logEndOffset: 0, logStartOffset: 0, highWatermark: 0 },
      directory,
    )
    directory.attach(log)
    this.#hosted.set(name, { ...place, directory })
    return log
  }

  remove(place: ReplicaPlace): void {
    const name = nameOf(place)
    const hosted = this.#hosted.get(name)
    if (hosted?.topicId !== place.topicId) return
    this.#hosted.delete(name)
    hosted.directory.remove()
  }

  wipe(): void {
    for (const { directory } of this.#hosted.values()) directory.remove()
    this.#hosted.clear()
    for (const name of namesIn(this.#path)) removeDirectory(join(this.#path, name))
    this.#prepare()
  }

  whenDurable(done: (error: ErrorName) => void): void {
    if (this.awaitsSync) this.#options.rounds.whenSynced(done)
    else done('NONE')
  }

  close(): void {
    if (this.#timer !== undefined) this.#options.runtime.clearTimer(this.#timer)
    this.#timer = undefined
    this.#writeHighWatermarks()
    this.#writeLogStarts()
    for (const { directory } of this.#hosted.values()) directory.close()
  }

  // ---- internals -----------------------------------------------------------------------------------------------------

  #prepare(): void {
    const { clusterId, nodeId, isSynced } = this.#options
    mkdirSync(this.#path, { recursive: true })
    removeLeftOvers(this.#path)
    const path = join(this.#path, 'meta.properties')
    const text = `version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\n`
    if (readIfThere(path)?.toString('utf8') !== text) writeAtomically(path, text, isSynced)
  }

  /** High watermarks are written periodically, as in Kafka; log start offsets immediately: deleted records must not return. */
  #onMoved(what: 'high watermark' | 'log start'): void {
    if (what === 'log start') this.#writeLogStarts()
    this.#timer ??= this.#options.runtime.setTimer(() => {
      this.#timer = undefined
      this.#writeHighWatermarks()
    }, checkpointIntervalMs)
  }

  #writeHighWatermarks(): void {
    this.#write(highWatermarks, ({ highWatermark }) => highWatermark)
  }

  #writeLogStarts(): void {
    // A log that starts at its first segment needs no entry: the file's name has the offset.
    this.#write(logStarts, ({ logStartOffset, segments }) =>
      logStartOffset > (segments[0]?.baseOffset ?? 0) ? logStartOffset : undefined,
    )
  }

  #write(file: string, offsetOf: (log: ReplicaLog) => number | undefined): void {
    const lines: string[] = []
    for (const { topic, partition, directory } of [...this.#hosted.values(), ...this.#found.values()]) {
      const offset = directory.log && offsetOf(directory.log)
      if (offset !== undefined) lines.push(`${topic} ${partition} ${offset}`)
    }
    try {
      writeCheckpoint(join(this.#path, file), lines, false)
    } catch (error) {
      this.#options.onProblem(`cannot write ${file} of broker ${this.#options.nodeId}: ${(error as Error).message}`)
    }
  }
}

function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}-${partition}`
}

function topicIdIn(path: string): string {
  return /^topic_id: (.+)$/m.exec(readIfThere(join(path, partitionMetadata))?.toString('utf8') ?? '')?.[1] ?? ''
}

function offsetsIn(path: string): Map<string, number> {
  return new Map(
    readCheckpoint(path).map(([topic, partition, offset]) => [`${topic}-${partition}`, Number(offset)] as const),
  )
}
