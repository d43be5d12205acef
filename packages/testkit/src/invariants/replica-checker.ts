import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { PartitionImage, TopicImage } from '../state/metadata-view.ts'
import type { StoredBatch } from '../state/replicas/log-segment.ts'
import type { Replica } from '../state/replicas/replica.ts'

/** What was seen of one replica last. */
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
  /** By broker. */
  readonly replicas: Map<number, SeenReplica>
  /** The highest that a leader has shown. */
  exposed: number
  /** Who has appended under an epoch: the latest ones. */
  readonly writers: Map<number, number>
  /** The last batches below the high watermark. */
  committed: StoredBatch[]
  /** Where the leader's log was compared with it last. */
  comparedEpoch: number
}

const keptBatches = 256
const keptEpochs = 64

/**
 * Looks after each event at the replicas that changed, and throws when they contradict what Kafka promises: R1 to R11 of the
 * replica invariants. It holds for topics without unclean elections, whose disks are lost only while out of the ISR.
 */
export class ReplicaChecker {
  readonly #cluster: ClusterContext
  readonly #seen = new Map<string, SeenPartition[]>()
  #checks = 0

  constructor(cluster: ClusterContext) {
    this.#cluster = cluster
  }

  /** How many partitions were found changed, and looked at. */
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
      for (const image of topic.partitions) this.#lookAt(topic, image, seen)
    }
    if (count === this.#seen.size) return
    for (const id of this.#seen.keys()) if (state.topicById(id) === undefined) this.#seen.delete(id)
  }

  /** After a jump back in history, as `restore` makes it: begins anew. */
  forget(): void {
    this.#seen.clear()
  }

  #lookAt(topic: TopicImage, image: PartitionImage, all: SeenPartition[]): void {
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
    const at = `${topic.name}-${image.partition}`
    try {
      checkElection(seen.image, image)
      for (const [broker, replica, known] of changed) this.#checkReplica(broker, replica, known, seen)
      for (const { replica } of seen.replicas.values()) {
        if (replica.isLeader && replica.leaderEpoch === image.leaderEpoch) this.#checkLeader(image, replica, seen)
      }
    } catch (error) {
      throw new Error(`${at}: ${error instanceof Error ? error.message : error}`, { cause: error })
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
        `R10: broker ${broker.id}: start ${logStartOffset}, last stable ${lastStableOffset}, ` +
          `high watermark ${highWatermark}, end ${logEndOffset}`,
      )
    }
    const isCut = known.cutCount !== log.cutCount
    const from = isCut ? log.highWatermark : Math.max(known.logEndOffset, logStartOffset)
    if (logEndOffset <= from) return
    const added = log.read(from, { upTo: logEndOffset, maxBytes: Number.POSITIVE_INFINITY, atLeastOne: true })
    let epoch = -1
    for (const batch of added) {
      if (batch.leaderEpoch < epoch) throw new Error(`R5: epoch ${batch.leaderEpoch} follows ${epoch}`)
      epoch = batch.leaderEpoch
      checkSame(batch, replica, seen)
    }
    if (!replica.isLeader || isCut || !known.isLeader || epoch !== replica.leaderEpoch) return
    const writer = seen.writers.get(epoch)
    if (writer !== undefined && writer !== broker.id) {
      throw new Error(`R6: brokers ${writer} and ${broker.id} append in epoch ${epoch}`)
    }
    seen.writers.set(epoch, broker.id)
    if (seen.writers.size > keptEpochs) seen.writers.delete(seen.writers.keys().next().value as number)
  }

  #checkLeader(image: PartitionImage, leader: Replica, seen: SeenPartition): void {
    const { log, leadership, settings } = leader
    if (leadership === undefined || leader.isHighWatermarkBehindEpoch) return
    const { highWatermark } = log
    if (highWatermark < seen.exposed) throw new Error(`R1: high watermark ${highWatermark} after ${seen.exposed}`)
    const inSync = leadership.isr.filter((id) => image.isr.includes(id) && this.#cluster.broker(id)?.isUp === true)
    const members = inSync.flatMap((id) => seen.replicas.get(id) ?? [])
    for (const { replica } of members) {
      if (replica.logEndOffset < highWatermark) {
        throw new Error(`R2: a member of the ISR ends at ${replica.logEndOffset}, high watermark ${highWatermark}`)
      }
    }
    checkCommitted(leader, seen)
    if (highWatermark === seen.exposed) return
    if (leadership.isUnderMinIsr(settings.minInsyncReplicas)) {
      throw new Error(`R9: the high watermark moved to ${highWatermark} with the ISR ${leadership.isr}`)
    }
    const from = Math.max(seen.exposed, log.logStartOffset)
    const added = log.read(from, { upTo: highWatermark, maxBytes: Number.POSITIVE_INFINITY, atLeastOne: true })
    if (!settings.isCompacted) {
      for (const { replica } of members) for (const batch of added) checkHas(replica, batch, 'R3: a member of the ISR')
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

/** R11: who leads was in sync, or had all that was committed when it left (KIP-966). */
function checkElection(before: PartitionImage, now: PartitionImage): void {
  const { leader, leaderEpoch, isr } = now
  if (leader < 0) return
  if (!isr.includes(leader)) throw new Error(`R11: leader ${leader} is not in the ISR ${isr}`)
  const isElected = leaderEpoch === before.leaderEpoch + 1 && before.isr.length > 0
  if (isElected && !before.isr.includes(leader))
    throw new Error(`R11: ${leader} was elected out of the ISR ${before.isr}`)
}

/** R4: what has the same offset and epoch is the same. */
function checkSame(batch: StoredBatch, own: Replica, { replicas }: SeenPartition): void {
  for (const { replica } of replicas.values()) {
    if (replica === own || replica.settings.isCompacted) continue
    const other = batchAt(replica, batch.baseOffset)
    if (other === undefined || other.baseOffset !== batch.baseOffset || other.leaderEpoch !== batch.leaderEpoch)
      continue
    if (!isEqual(batch, other)) {
      throw new Error(`R4: two batches at offset ${batch.baseOffset} in epoch ${batch.leaderEpoch}`)
    }
  }
}

/** R7: what was committed is in the log of each later leader. */
function checkCommitted(leader: Replica, seen: SeenPartition): void {
  if (seen.comparedEpoch === leader.leaderEpoch || leader.settings.isCompacted) return
  seen.comparedEpoch = leader.leaderEpoch
  for (const batch of seen.committed) checkHas(leader, batch, 'R7: the new leader')
}

function checkHas(replica: Replica, batch: StoredBatch, who: string): void {
  if (batch.baseOffset < replica.logStartOffset) return
  const own = batchAt(replica, batch.baseOffset)
  if (own === undefined || !isEqual(own, batch)) {
    throw new Error(`${who} does not have the committed batch ${batch.baseOffset} to ${batch.lastOffset}`)
  }
}

function batchAt({ log }: Replica, offset: number): StoredBatch | undefined {
  if (offset >= log.logEndOffset) return undefined
  return log.read(offset, { upTo: log.logEndOffset, maxBytes: 1, atLeastOne: true })[0]
}

function isEqual(a: StoredBatch, b: StoredBatch): boolean {
  return a === b || Buffer.compare(a.bytes, b.bytes) === 0
}
