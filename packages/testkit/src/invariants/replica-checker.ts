import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { PartitionImage, TopicImage } from '../state/metadata-view.ts'
import type { StoredBatch } from '../state/replicas/log-segment.ts'
import type { Replica } from '../state/replicas/replica.ts'

/** The last seen state of one replica. */
interface SeenReplica {
  readonly replica: Replica
  logStartOffset: number
  highWatermark: number
  logEndOffset: number
  leaderEpoch: number
  isLeader: boolean
  cutCount: number
}

interface SeenPartition {
  image: PartitionImage
  /** By broker id. */
  readonly replicas: Map<number, SeenReplica>
  /** The highest high watermark that a leader exposed. */
  exposed: number
  /** The broker that appended in each of the latest epochs. */
  readonly writers: Map<number, number>
  /** The last batches below the high watermark. */
  committed: StoredBatch[]
  /** The leader epoch in which `committed` was last compared with the leader's log. */
  comparedEpoch: number
}

const keptBatches = 256
const keptEpochs = 64

/**
 * Checks the changed replicas after each event, and throws when they violate Kafka's guarantees:
 * - Offsets are ordered: log start <= last stable <= high watermark <= log end.
 * - The high watermark never moves back, also not under the next leader, and not at all below min.insync.replicas.
 * - Leader epochs never decrease within a log, and only one broker appends in each epoch.
 * - Batches with equal offset and epoch are equal on all replicas.
 * - Each member of the ISR, and each later leader, has all committed records.
 * - Leaders are elected from the ISR.
 *
 * The guarantees hold without unclean elections, and when disks are lost only while their replicas are out of the ISR.
 */
export class ReplicaChecker {
  readonly #cluster: ClusterContext
  readonly #seen = new Map<string, SeenPartition[]>()
  #checks = 0

  constructor(cluster: ClusterContext) {
    this.#cluster = cluster
  }

  /** The number of checks of changed partitions. */
  get checkCount(): number {
    return this.#checks
  }

  check(): void {
    const { state } = this.#cluster.controller
    let count = 0
    for (const topic of state.topics()) {
      count++
      const seen = this.#seen.get(topic.id) ?? []
      if (seen.length === 0) this.#seen.set(topic.id, seen)
      for (const image of topic.partitions) this.#checkPartition(topic, image, seen)
    }
    if (count === this.#seen.size) return
    for (const id of this.#seen.keys()) if (state.topicById(id) === undefined) this.#seen.delete(id)
  }

  /** Starts from scratch, after `restore` replaced the logs by earlier ones. */
  forget(): void {
    this.#seen.clear()
  }

  #checkPartition(topic: TopicImage, image: PartitionImage, all: SeenPartition[]): void {
    let seen = all[image.partition]
    if (seen === undefined) {
      seen = { image, replicas: new Map(), exposed: 0, writers: new Map(), committed: [], comparedEpoch: -1 }
      all[image.partition] = seen
    }
    const changed: [Broker, Replica, SeenReplica][] = []
    for (const broker of this.#cluster.brokers()) {
      const replica = broker.replica(topic.name, image.partition)
      if (replica === undefined || replica.topicId !== topic.id) continue
      const before = seen.replicas.get(broker.id)
      const known = before?.replica === replica ? before : unseen(replica)
      if (known !== before) seen.replicas.set(broker.id, known)
      if (isChanged(replica, known)) changed.push([broker, replica, known])
    }
    if (changed.length === 0 && image === seen.image) return
    this.#checks++
    try {
      checkElection(seen.image, image)
      for (const [broker, replica, known] of changed) this.#checkReplica(broker, replica, known, seen)
      for (const { replica } of seen.replicas.values()) {
        if (replica.isLeader && replica.leaderEpoch === image.leaderEpoch) this.#checkLeader(image, replica, seen)
      }
    } catch (error) {
      const where = `topic '${topic.name}', partition ${image.partition}`
      throw new Error(`Invariant violated in ${where}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      })
    }
    seen.image = image
    for (const [, replica, known] of changed) Object.assign(known, positionOf(replica))
  }

  #checkReplica(broker: Broker, replica: Replica, known: SeenReplica, seen: SeenPartition): void {
    const { log } = replica
    const { logStartOffset, lastStableOffset, highWatermark, logEndOffset } = log
    const isOrdered =
      logStartOffset <= lastStableOffset && lastStableOffset <= highWatermark && highWatermark <= logEndOffset
    if (!isOrdered) {
      throw new Error(
        `the offsets of broker ${broker.id} are out of order: log start ${logStartOffset}, last stable ${lastStableOffset}, ` +
          `high watermark ${highWatermark}, log end ${logEndOffset}`,
      )
    }
    const isCut = known.cutCount !== log.cutCount
    const from = isCut ? log.highWatermark : Math.max(known.logEndOffset, logStartOffset)
    if (logEndOffset <= from) return
    const added = log.read(from, { upTo: logEndOffset, maxBytes: Number.POSITIVE_INFINITY, atLeastOne: true })
    let epoch = -1
    for (const batch of added) {
      if (batch.leaderEpoch < epoch)
        throw new Error(`leader epoch ${batch.leaderEpoch} follows ${epoch} in the log of broker ${broker.id}`)
      epoch = batch.leaderEpoch
      checkSame(batch, replica, seen)
    }
    if (!replica.isLeader || isCut || !known.isLeader || epoch !== replica.leaderEpoch) return
    const writer = seen.writers.get(epoch)
    if (writer !== undefined && writer !== broker.id) {
      throw new Error(`brokers ${writer} and ${broker.id} both append in leader epoch ${epoch}`)
    }
    seen.writers.set(epoch, broker.id)
    if (seen.writers.size > keptEpochs) seen.writers.delete(seen.writers.keys().next().value as number)
  }

  #checkLeader(image: PartitionImage, leader: Replica, seen: SeenPartition): void {
    const { log, leadership, settings } = leader
    if (leadership === undefined || leader.isHighWatermarkBehindEpoch) return
    const { highWatermark } = log
    if (highWatermark < seen.exposed)
      throw new Error(`the high watermark moved back from ${seen.exposed} to ${highWatermark}`)
    const inSync = leadership.isr.filter((id) => image.isr.includes(id) && this.#cluster.broker(id)?.isUp === true)
    const members = inSync.flatMap((id) => seen.replicas.get(id) ?? [])
    for (const { replica } of members) {
      if (replica.logEndOffset < highWatermark) {
        throw new Error(
          `a member of the ISR ends at ${replica.logEndOffset}, below the high watermark ${highWatermark}`,
        )
      }
    }
    checkCommitted(leader, seen)
    if (highWatermark === seen.exposed) return
    if (leadership.isUnderMinIsr(settings.minInsyncReplicas)) {
      throw new Error(`the high watermark moved to ${highWatermark} with too few in sync: ISR ${leadership.isr}`)
    }
    const from = Math.max(seen.exposed, log.logStartOffset)
    const added = log.read(from, { upTo: highWatermark, maxBytes: Number.POSITIVE_INFINITY, atLeastOne: true })
    if (!settings.isCompacted) {
      for (const { replica } of members) for (const batch of added) checkHas(replica, batch, 'a member of the ISR')
    }
    seen.committed.push(...added)
    if (seen.committed.length > keptBatches) seen.committed = seen.committed.slice(-keptBatches)
    seen.exposed = highWatermark
  }
}

function unseen(replica: Replica): SeenReplica {
  const nothing = { logStartOffset: 0, highWatermark: 0, logEndOffset: 0, leaderEpoch: -2, cutCount: 0 }
  return { replica, ...nothing, isLeader: false }
}

function positionOf({ log, leaderEpoch, isLeader }: Replica): Omit<SeenReplica, 'replica'> {
  const { logStartOffset, highWatermark, logEndOffset, cutCount } = log
  return { logStartOffset, highWatermark, logEndOffset, leaderEpoch, isLeader, cutCount }
}

function isChanged({ log, leaderEpoch, isLeader }: Replica, known: SeenReplica): boolean {
  return (
    log.logEndOffset !== known.logEndOffset ||
    log.highWatermark !== known.highWatermark ||
    log.logStartOffset !== known.logStartOffset ||
    leaderEpoch !== known.leaderEpoch ||
    isLeader !== known.isLeader ||
    log.cutCount !== known.cutCount
  )
}

/** A new leader was in sync, or left the ISR with all committed records (KIP-966). */
function checkElection(before: PartitionImage, now: PartitionImage): void {
  const { leader, leaderEpoch, isr } = now
  if (leader < 0) return
  if (!isr.includes(leader)) throw new Error(`leader ${leader} is not in the ISR ${isr}`)
  const isElected = leaderEpoch === before.leaderEpoch + 1 && before.isr.length > 0
  if (isElected && !before.isr.includes(leader))
    throw new Error(`broker ${leader} was elected, but was not in the ISR ${before.isr}`)
}

/** Batches with equal offset and epoch are equal. */
function checkSame(batch: StoredBatch, own: Replica, { replicas }: SeenPartition): void {
  for (const { replica } of replicas.values()) {
    if (replica === own || replica.settings.isCompacted) continue
    const other = batchAt(replica, batch.baseOffset)
    if (other === undefined || other.baseOffset !== batch.baseOffset || other.leaderEpoch !== batch.leaderEpoch)
      continue
    if (!isEqual(batch, other)) {
      throw new Error(`two different batches have offset ${batch.baseOffset} and leader epoch ${batch.leaderEpoch}`)
    }
  }
}

/** Each later leader has all committed batches. */
function checkCommitted(leader: Replica, seen: SeenPartition): void {
  if (seen.comparedEpoch === leader.leaderEpoch || leader.settings.isCompacted) return
  seen.comparedEpoch = leader.leaderEpoch
  for (const batch of seen.committed) checkHas(leader, batch, 'the new leader')
}

function checkHas(replica: Replica, batch: StoredBatch, subject: string): void {
  if (batch.baseOffset < replica.logStartOffset) return
  const own = batchAt(replica, batch.baseOffset)
  if (own === undefined || !isEqual(own, batch)) {
    throw new Error(
      `${subject} does not have the committed batch with offsets ${batch.baseOffset} to ${batch.lastOffset}`,
    )
  }
}

function batchAt({ log }: Replica, offset: number): StoredBatch | undefined {
  if (offset >= log.logEndOffset) return undefined
  return log.read(offset, { upTo: log.logEndOffset, maxBytes: 1, atLeastOne: true })[0]
}

function isEqual(a: StoredBatch, b: StoredBatch): boolean {
  return a === b || Buffer.compare(a.bytes, b.bytes) === 0
}
