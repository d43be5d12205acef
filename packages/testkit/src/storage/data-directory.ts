import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Runtime } from '@ottla/runtime'
import type { Features } from '../state/features.ts'
import { type MetadataDelta, MetadataView, type PartitionImage } from '../state/metadata-view.ts'
import { namesIn, readIfThere, writeAtomically } from './atomic-file.ts'
import { BrokerDisk, type LogReach } from './broker-disk.ts'
import { lockDirectory } from './directory-lock.ts'
import { MetadataLog } from './metadata-log.ts'
import { OpenFiles } from './open-files.ts'
import { SyncRounds } from './sync-rounds.ts'

/**
 * `always`: acknowledged writes survive a crash of the machine. Responses wait for an fdatasync that all writes of a turn share.
 * `os`: acknowledged writes survive the death of the process; the operating system decides when to write them to disk.
 */
export type Fsync = 'always' | 'os'

export interface DataDirectoryOptions {
  readonly path: string
  readonly fsync: Fsync
  readonly brokers: number
  readonly runtime: Runtime
  /** The id of a new cluster; an existing one keeps its id. */
  readonly newClusterId: string
  /** The feature levels of a new cluster; undefined: those of the latest release. */
  readonly features: Features | undefined
  readonly onProblem: (message: string) => void
}

interface Format {
  readonly format: number
  readonly clusterId: string
  readonly brokers: number
}

const formatFile = 'ottla-testkit.json'
const formatVersion = 1
const producerIdBlock = 1_000n

/** The stored state of a cluster: the controller's decisions, and a directory per broker. Locked by one process at a time. */
export class DataDirectory {
  readonly clusterId: string
  readonly #unlock: () => void
  readonly #metadata: MetadataLog
  readonly #brokers = new Map<number, BrokerDisk>()
  readonly #open = new OpenFiles()
  readonly #before: MetadataDelta
  readonly #producerIdsFrom: bigint
  #snapshot: () => MetadataDelta = () => ({})

  private constructor(options: DataDirectoryOptions, unlock: () => void) {
    const { path, fsync, runtime, onProblem } = options
    const isSynced = fsync === 'always'
    this.#unlock = unlock
    this.clusterId = identify(options)
    const { log, found } = MetadataLog.open(join(path, 'metadata'), { isSynced, onProblem })
    this.#metadata = log
    this.#producerIdsFrom = found.producerIdsEnd
    const view = new MetadataView()
    if (found.deltas.length === 0 && options.features !== undefined) view.apply({ features: options.features })
    for (const delta of found.deltas) view.apply(delta)
    const rounds = new SyncRounds(runtime)
    for (let nodeId = 1; nodeId <= options.brokers; nodeId++) {
      const shared = { runtime, isSynced, rounds, open: this.#open, clusterId: this.clusterId, nodeId, onProblem }
      const disk = new BrokerDisk(join(path, `broker-${nodeId}`), shared)
      disk.recover(view)
      this.#brokers.set(nodeId, disk)
    }
    this.#before = this.#afterRestart(view)
  }

  /** Opens an existing directory or creates one. Throws Error when the directory is unusable. */
  static open(options: DataDirectoryOptions): DataDirectory {
    prepare(options.path)
    const unlock = lockDirectory(options.path)
    try {
      return new DataDirectory(options, unlock)
    } catch (error) {
      unlock()
      throw error
    }
  }

  /** The controller's state for the restart: all brokers are fenced, and the leaders are the replicas with the best logs. */
  get before(): MetadataDelta {
    return this.#before
  }

  /** Producer ids are reserved in blocks: after a crash the rest of a block is never used. */
  get producerIds(): { readonly from: bigint; readonly onGiven: (id: bigint) => void } {
    const from = this.#producerIdsFrom
    const onGiven = (id: bigint) => {
      if ((id - from) % producerIdBlock === 0n) this.#metadata.reserveProducerIds(id + producerIdBlock)
    }
    return { from, onGiven }
  }

  /** Starts to write decisions. */
  begin(snapshot: () => MetadataDelta): void {
    this.#snapshot = snapshot
    this.#metadata.begin(snapshot())
  }

  /** Writes the whole state after it was replaced (a restored snapshot). */
  keepAll(): void {
    this.#metadata.begin(this.#snapshot())
  }

  keep(delta: MetadataDelta): void {
    this.#metadata.append(delta, this.#snapshot)
  }

  broker(id: number): BrokerDisk | undefined {
    return this.#brokers.get(id)
  }

  close(): void {
    for (const disk of this.#brokers.values()) disk.close()
    this.#open.closeAll()
    this.#metadata.close()
    this.#unlock()
  }

  /**
   * A restart of all brokers. In each partition the in-sync replica with the best log becomes the leader in a new epoch; the
   * others truncate, as after any election.
   */
  #afterRestart(view: MetadataView): MetadataDelta {
    const snapshot = view.snapshot()
    return {
      ...snapshot,
      brokers: (snapshot.brokers ?? []).map((broker) => ({ ...broker, isFenced: true })),
      topics: (snapshot.topics ?? []).map((topic) => ({
        ...topic,
        partitions: topic.partitions.map((image) => this.#newEpoch(topic.name, image)),
      })),
    }
  }

  #newEpoch(topic: string, image: PartitionImage): PartitionImage {
    if (image.leader === -1) return image
    const reach = (id: number): LogReach =>
      this.#brokers.get(id)?.reachOf(topic, image.partition) ?? { epoch: -1, endOffset: -1 }
    let leader = image.leader
    for (const id of image.isr) if (isBetter(reach(id), reach(leader))) leader = id
    return { ...image, leader, leaderEpoch: image.leaderEpoch + 1, partitionEpoch: image.partitionEpoch + 1 }
  }
}

function isBetter(a: LogReach, b: LogReach): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.endOffset > b.endOffset)
}

/** Creates the directory; rejects one with unknown files. */
function prepare(path: string): void {
  mkdirSync(path, { recursive: true })
  const unknown = namesIn(path).filter((name) => !name.startsWith('.lock'))
  if (unknown.length === 0 || unknown.includes(formatFile)) return
  throw new Error(`${path} contains other files (${unknown.slice(0, 3).join(', ')}). Use an empty directory.`)
}

/** The cluster id of the directory; initializes an empty one. */
function identify({ path, brokers, newClusterId }: DataDirectoryOptions): string {
  const file = join(path, formatFile)
  const text = readIfThere(file)?.toString('utf8')
  const found = text === undefined ? undefined : (JSON.parse(text) as Partial<Format>)
  if (found !== undefined && found.format !== formatVersion) {
    throw new Error(`${path} has format ${found.format}, but this program reads format ${formatVersion}`)
  }
  if (found?.brokers !== undefined && found.brokers > brokers) {
    throw new Error(`${path} belongs to a cluster of ${found.brokers} brokers. Start at least that many.`)
  }
  const clusterId = found?.clusterId ?? newClusterId
  const format: Format = { format: formatVersion, clusterId, brokers }
  if (found?.brokers !== brokers) writeAtomically(file, `${JSON.stringify(format)}\n`, true)
  return clusterId
}
