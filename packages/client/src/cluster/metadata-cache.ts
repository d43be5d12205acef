import { errorCode, type MetadataResponse } from '@ottla/codec'
import { meaningOf } from '../error-meaning.ts'
import { noTopicId, type PartitionInfo, type TopicInfo } from './topology.ts'

type TopicResponse = MetadataResponse['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

const unknownTopic = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

/** An answer lists every partition; numbers far above their count are no partitions, and must not make us allocate. */
const mostMissing = 1_000

/** One topic, and since when the brokers say that it does not exist. */
interface Entry {
  info: TopicInfo
  /** On monoNow; undefined: it exists. */
  unknownSinceMs: number | undefined
  lastAskedMs: number
}

/**
 * What the brokers said about topics, merged with care: an older leader epoch never replaces a newer one, a temporary error
 * never removes what is known, and a topic with a new id starts afresh. Pure state: no I/O, time is given.
 */
export class MetadataCache {
  readonly #topics = new Map<string, Entry>()
  readonly #names = new Map<string, string>()
  /** How long a topic that was known may be missing in answers before it counts as deleted. */
  readonly #graceMs: number
  #version = 0

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Grows with each change. */
  get version(): number {
    return this.#version
  }

  get size(): number {
    return this.#topics.size
  }

  topic(name: string): TopicInfo | undefined {
    const info = this.#topics.get(name)?.info
    return info === undefined || info.partitions.length === 0 ? undefined : info
  }

  topicById(topicId: string): TopicInfo | undefined {
    const name = this.#names.get(topicId)
    return name === undefined ? undefined : this.topic(name)
  }

  /** Since when the brokers say that the topic does not exist; undefined: it does, or nobody asked. */
  unknownSinceMs(name: string): number | undefined {
    return this.#topics.get(name)?.unknownSinceMs
  }

  /** The error code of the last answer about a topic; 0 also when nobody asked. */
  errorCodeOf(name: string): number {
    return this.#topics.get(name)?.info.errorCode ?? 0
  }

  topics(): TopicInfo[] {
    const known: TopicInfo[] = []
    for (const { info } of this.#topics.values()) if (info.partitions.length > 0) known.push(info)
    return known
  }

  partition(topic: string, partition: number): PartitionInfo | undefined {
    return this.#topics.get(topic)?.info.partitions[partition]
  }

  /** Takes an answer in. `complete`: it was asked for all topics, so those missing do not exist. */
  apply(responses: readonly TopicResponse[], complete: boolean, nowMs: number): void {
    const version = this.#version
    for (const response of responses) if (response.name !== null) this.#applyTopic(response, response.name, nowMs)
    if (complete) {
      const seen = new Set(responses.map((response) => response.name))
      for (const [name, entry] of this.#topics) if (!seen.has(name)) this.#missing(name, entry, unknownTopic, nowMs)
    }
    // One version a change of the whole answer, however many topics changed.
    if (this.#version !== version) this.#version = version + 1
  }

  /** KIP-951: a leader learned elsewhere. False: it is older than what is known, or the partition is not. */
  learnLeader(topic: string, partition: number, leader: number, leaderEpoch: number): boolean {
    const entry = this.#topics.get(topic)
    const known = entry?.info.partitions[partition]
    if (entry === undefined || known === undefined) return false
    if (leaderEpoch >= 0 && leaderEpoch <= known.leaderEpoch) return false
    const partitions = entry.info.partitions.slice()
    partitions[partition] = { ...known, leader, leaderEpoch: Math.max(leaderEpoch, known.leaderEpoch), errorCode: 0 }
    entry.info = { ...entry.info, partitions }
    this.#version++
    return true
  }

  /** Drops topics that nobody keeps and nobody asked about since `sinceMs`. */
  forget(kept: (name: string) => boolean, sinceMs: number): void {
    for (const [name, entry] of this.#topics) {
      if (entry.lastAskedMs < sinceMs && !kept(name)) this.#remove(name, entry)
    }
  }

  #applyTopic(response: TopicResponse, name: string, nowMs: number): void {
    const entry = this.#topics.get(name)
    if (response.errorCode !== 0) {
      if (entry !== undefined) entry.lastAskedMs = nowMs
      this.#failed(name, entry, response, nowMs)
      return
    }
    const old = entry?.info
    const reborn = entry !== undefined && isReborn(entry, response.topicId)
    const partitions = mergePartitions(response, name, reborn ? undefined : old)
    const { topicId, isInternal } = response
    const same = old !== undefined && old.errorCode === 0 && old.topicId === topicId && partitions === old.partitions
    const info = same ? old : { name, topicId, partitions, errorCode: 0, isInternal }
    if (!same) this.#version++
    if (reborn && old !== undefined) this.#names.delete(old.topicId)
    if (topicId !== noTopicId) this.#names.set(topicId, name)
    this.#topics.set(name, { info, unknownSinceMs: undefined, lastAskedMs: nowMs })
  }

  #failed(name: string, entry: Entry | undefined, { errorCode: code, topicId }: TopicResponse, nowMs: number): void {
    if (entry === undefined) {
      const info = { name, topicId, partitions: [], errorCode: code, isInternal: false }
      const unknownSinceMs = meaningOf(code).missingTopic ? nowMs : undefined
      this.#topics.set(name, { info, unknownSinceMs, lastAskedMs: nowMs })
      this.#version++
    } else if (meaningOf(code).missingTopic) {
      this.#missing(name, entry, code, nowMs)
    } else {
      entry.unknownSinceMs = undefined
      // A temporary error tells nothing new; a permanent one (authorization, name) takes the topic away.
      if (!meaningOf(code).transient) this.#replace(entry, { ...entry.info, partitions: [], errorCode: code })
    }
  }

  #missing(name: string, entry: Entry, code: number, nowMs: number): void {
    entry.unknownSinceMs ??= nowMs
    const gone = nowMs - entry.unknownSinceMs >= this.#graceMs
    const partitions = gone ? [] : entry.info.partitions
    if (gone) this.#names.delete(entry.info.topicId)
    this.#replace(entry, { ...entry.info, name, partitions, errorCode: code })
  }

  #replace(entry: Entry, info: TopicInfo): void {
    const old = entry.info
    if (old.errorCode === info.errorCode && old.partitions.length === info.partitions.length) return
    entry.info = info
    this.#version++
  }

  #remove(name: string, entry: Entry): void {
    this.#topics.delete(name)
    this.#names.delete(entry.info.topicId)
    this.#version++
  }
}

/** The topic was deleted and created again: its leader epochs begin anew. Brokers before 2.8 tell it only by its absence. */
function isReborn({ info, unknownSinceMs }: Entry, topicId: string): boolean {
  if (topicId === noTopicId) return unknownSinceMs !== undefined
  return info.topicId !== noTopicId && info.topicId !== topicId
}

/** The partitions of an answer, by number; those that did not change are the same objects as before, also the array. */
function mergePartitions(response: TopicResponse, topic: string, old: TopicInfo | undefined): readonly PartitionInfo[] {
  const count = response.partitions.reduce((most, { partitionIndex }) => Math.max(most, partitionIndex + 1), 0)
  const most = Math.max(response.partitions.length, old?.partitions.length ?? 0) + mostMissing
  // A topic never loses partitions: a broker that shows fewer has not heard of the new ones yet.
  const sameTopic = old !== undefined && response.topicId !== noTopicId && old.topicId === response.topicId
  const size = Math.min(sameTopic ? Math.max(count, old.partitions.length) : count, most)
  const merged: PartitionInfo[] = new Array(size)
  let changed = old === undefined || old.partitions.length !== size
  for (const partition of response.partitions) {
    const index = partition.partitionIndex
    if (index < 0 || index >= size) continue
    const known = old?.partitions[index]
    const info = mergePartition(partition, topic, response.topicId, known)
    if (info !== known) changed = true
    merged[index] = info
  }
  for (let index = 0; index < size; index++)
    merged[index] ??= old?.partitions[index] ?? unknownPartition(response, topic, index)
  return changed ? merged : old!.partitions
}

function mergePartition(
  response: PartitionResponse,
  topic: string,
  topicId: string,
  known: PartitionInfo | undefined,
): PartitionInfo {
  const { partitionIndex: partition, leaderId: leader, leaderEpoch, errorCode: code } = response
  const { replicaNodes: replicas, isrNodes: isr, offlineReplicas } = response
  if (known !== undefined) {
    if (leaderEpoch >= 0 && leaderEpoch < known.leaderEpoch) return known
    // A broker that sees no leader in the epoch we know is behind, or ahead without telling: the last leader stays.
    if (leader < 0 && known.leader >= 0 && leaderEpoch <= known.leaderEpoch) return known
    if (
      known.leader === leader &&
      known.leaderEpoch === leaderEpoch &&
      known.topicId === topicId &&
      known.errorCode === code &&
      sameNumbers(known.replicas, replicas) &&
      sameNumbers(known.isr, isr) &&
      sameNumbers(known.offlineReplicas, offlineReplicas)
    ) {
      return known
    }
  }
  return { topic, topicId, partition, leader, leaderEpoch, replicas, isr, offlineReplicas, errorCode: code }
}

function unknownPartition({ topicId }: TopicResponse, topic: string, partition: number): PartitionInfo {
  const nobody = { leader: -1, leaderEpoch: -1, replicas: [], isr: [], offlineReplicas: [] }
  return { topic, topicId, partition, ...nobody, errorCode: errorCode('LEADER_NOT_AVAILABLE') }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}
