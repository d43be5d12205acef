import { errorCode, type MetadataResponse } from '@ottla/codec'
import { meaningOf } from '../error-meaning.ts'
import { noTopicId, type PartitionInfo, type TopicInfo } from './topology.ts'

type TopicResponse = MetadataResponse['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

const unknownTopic = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

/** A response lists every partition; an index far above their number is invalid, and must not cause a large allocation. */
const mostMissing = 1_000

/** A leader as a response other than Metadata reports it. */
export interface LeaderUpdate {
  readonly topic: string
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
}

/** One topic, and since when the brokers report that it does not exist. */
interface Entry {
  info: TopicInfo
  /** On `monoNow`; undefined: it exists. */
  unknownSinceMs: number | undefined
  lastRequestedMs: number
}

/**
 * The topics as the brokers report them. When responses are merged, an older leader epoch never replaces a newer one, a transient
 * error never removes a topic, and a topic with a new id replaces the old one. Pure state: no I/O, the time is a parameter.
 */
export class MetadataCache {
  readonly #topics = new Map<string, Entry>()
  readonly #names = new Map<string, string>()
  /** How long a known topic may be missing from responses before it is considered deleted. */
  readonly #graceMs: number
  #version = 0

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Incremented with each change. */
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

  /** Since when the brokers report that the topic does not exist; undefined: it exists, or was never requested. */
  unknownSinceMs(name: string): number | undefined {
    return this.#topics.get(name)?.unknownSinceMs
  }

  /** The error code of the topic in the last response; 0 also when it was never requested. */
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

  /** Applies a response. `complete`: all topics were requested, so those missing do not exist. */
  apply(responses: readonly TopicResponse[], complete: boolean, nowMs: number): void {
    const version = this.#version
    for (const response of responses) if (response.name !== null) this.#applyTopic(response, response.name, nowMs)
    if (complete) {
      const seen = new Set(responses.map((response) => response.name))
      for (const [name, entry] of this.#topics) if (!seen.has(name)) this.#missing(name, entry, unknownTopic, nowMs)
    }
    // One version per response, whatever the number of topics that changed.
    if (this.#version !== version) this.#version = version + 1
  }

  /** KIP-951: a leader from another response. False: it is not newer than the known one, or the partition is unknown. */
  updateLeader(topic: string, partition: number, leader: number, leaderEpoch: number): boolean {
    return this.updateLeaders([{ topic, partition, leader, leaderEpoch }])
  }

  /** The same for any number of partitions, as one change. False: nothing changed. */
  updateLeaders(leaders: readonly LeaderUpdate[]): boolean {
    const changed = new Map<Entry, PartitionInfo[]>()
    for (const { topic, partition, leader, leaderEpoch } of leaders) {
      const entry = this.#topics.get(topic)
      if (entry === undefined) continue
      const known = (changed.get(entry) ?? entry.info.partitions)[partition]
      if (known === undefined || (leaderEpoch >= 0 && leaderEpoch <= known.leaderEpoch)) continue
      const partitions = changed.get(entry) ?? entry.info.partitions.slice()
      partitions[partition] = { ...known, leader, leaderEpoch: Math.max(leaderEpoch, known.leaderEpoch), errorCode: 0 }
      changed.set(entry, partitions)
    }
    for (const [entry, partitions] of changed) entry.info = { ...entry.info, partitions }
    if (changed.size > 0) this.#version++
    return changed.size > 0
  }

  /** Drops topics that are not watched and were not requested since `sinceMs`. */
  forget(kept: (name: string) => boolean, sinceMs: number): void {
    for (const [name, entry] of this.#topics) {
      if (entry.lastRequestedMs < sinceMs && !kept(name)) this.#remove(name, entry)
    }
  }

  #applyTopic(response: TopicResponse, name: string, nowMs: number): void {
    const entry = this.#topics.get(name)
    if (response.errorCode !== 0) {
      if (entry !== undefined) entry.lastRequestedMs = nowMs
      this.#failed(name, entry, response, nowMs)
      return
    }
    const old = entry?.info
    const recreated = entry !== undefined && isRecreated(entry, response.topicId)
    const partitions = mergePartitions(response, name, recreated ? undefined : old)
    const { topicId, isInternal } = response
    const same = old !== undefined && old.errorCode === 0 && old.topicId === topicId && partitions === old.partitions
    const info = same ? old : { name, topicId, partitions, errorCode: 0, isInternal }
    if (!same) this.#version++
    if (recreated && old !== undefined) this.#names.delete(old.topicId)
    if (topicId !== noTopicId) this.#names.set(topicId, name)
    this.#topics.set(name, { info, unknownSinceMs: undefined, lastRequestedMs: nowMs })
  }

  #failed(name: string, entry: Entry | undefined, { errorCode: code, topicId }: TopicResponse, nowMs: number): void {
    if (entry === undefined) {
      const info = { name, topicId, partitions: [], errorCode: code, isInternal: false }
      const unknownSinceMs = meaningOf(code).missingTopic ? nowMs : undefined
      this.#topics.set(name, { info, unknownSinceMs, lastRequestedMs: nowMs })
      this.#version++
    } else if (meaningOf(code).missingTopic) {
      this.#missing(name, entry, code, nowMs)
    } else {
      entry.unknownSinceMs = undefined
      // A transient error changes nothing; a permanent one (authorization, name) removes the topic.
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

/** The topic was deleted and created again: its leader epochs start from 0. Without topic ids (before 2.8) only its absence shows it. */
function isRecreated({ info, unknownSinceMs }: Entry, topicId: string): boolean {
  if (topicId === noTopicId) return unknownSinceMs !== undefined
  return info.topicId !== noTopicId && info.topicId !== topicId
}

/** The partitions of a response, by index. Unchanged ones are the same objects as before; if none changed, the array is, too. */
function mergePartitions(response: TopicResponse, topic: string, old: TopicInfo | undefined): readonly PartitionInfo[] {
  const count = response.partitions.reduce((most, { partitionIndex }) => Math.max(most, partitionIndex + 1), 0)
  const most = Math.max(response.partitions.length, old?.partitions.length ?? 0) + mostMissing
  // A topic never loses partitions: a broker that lists fewer has not received the new ones yet.
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
    // A broker without a leader for the known epoch is behind, or cannot report a newer epoch: keep the last leader.
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
  const noReplicas = { leader: -1, leaderEpoch: -1, replicas: [], isr: [], offlineReplicas: [] }
  return { topic, topicId, partition, ...noReplicas, errorCode: errorCode('LEADER_NOT_AVAILABLE') }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}
