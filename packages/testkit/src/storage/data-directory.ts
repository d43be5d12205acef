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
 * `always`: what was acknowledged survives a crash of the machine: answers wait for one fdatasync, which all of a turn share.
 * `os`: it survives the death of the process; the operating system writes it when it likes.
 */
export type Fsync = 'always' | 'os'

export interface DataDirectoryOptions {
  readonly path: string
  readonly fsync: Fsync
  readonly brokers: number
  readonly runtime: Runtime
  /** Of a new cluster; one that is there keeps its own. */
  readonly newClusterId: string
  /** Levels that a new cluster begins with; undefined: those of the latest release. */
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

/** Where a cluster is kept: the controller's decisions, and a directory a broker. One process has it at a time. */
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

  /** Reads what is there. Throws an Error that tells what is wrong with the directory. */
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

  /** The controller's state as the brokers are to find it: none of them serves, and leaders are those with the best logs. */
  get before(): MetadataDelta {
    return this.#before
  }

  /** Ids of producers come in blocks: after a crash those that are left of one are never given. */
  get producerIds(): { readonly from: bigint; readonly onGiven: (id: bigint) => void } {
    const from = this.#producerIdsFrom
    const onGiven = (id: bigint) => {
      if ((id - from) % producerIdBlock === 0n) this.#metadata.reserveProducerIds(id + producerIdBlock)
    }
    return { from, onGiven }
  }

  /** From now on decisions are kept. */
  begin(snapshot: () => MetadataDelta): void {
    this.#snapshot = snapshot
    this.#metadata.begin(snapshot())
  }

  /** The state became another one without decisions. */
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
   * All brokers died at once. In each partition the in-sync replica with the best log leads on, in a new epoch: what another
   * one has beyond it goes, as after any election.
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

/** Makes the directory; refuses one that holds something else. */
function prepare(path: string): void {
  mkdirSync(path, { recursive: true })
  const strangers = namesIn(path).filter((name) => !name.startsWith('.lock'))
  if (strangers.length === 0 || strangers.includes(formatFile)) return
  throw new Error(`${path} holds other files (${strangers.slice(0, 3).join(', ')}): take an empty directory`)
}

/** The id of the cluster in the directory; a new one begins there when it is empty. */
function identify({ path, brokers, newClusterId }: DataDirectoryOptions): string {
  const file = join(path, formatFile)
  const text = readIfThere(file)?.toString('utf8')
  const found = text === undefined ? undefined : (JSON.parse(text) as Partial<Format>)
  if (found !== undefined && found.format !== formatVersion) {
    throw new Error(`${path} has format ${found.format}, this program reads format ${formatVersion}`)
  }
  if (found?.brokers !== undefined && found.brokers > brokers) {
    throw new Error(`${path} is of a cluster of ${found.brokers} brokers: start at least as many`)
  }
  const clusterId = found?.clusterId ?? newClusterId
  const format: Format = { format: formatVersion, clusterId, brokers }
  if (found?.brokers !== brokers) writeAtomically(file, `${JSON.stringify(format)}\n`, true)
  return clusterId
}
