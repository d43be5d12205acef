import type { FetchRequest } from '@ottla/codec'
import { noTopicId } from '../../cluster/topology.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Era } from '../partition/era.ts'
import { mostPartitionsPerRequest } from '../turns.ts'

/** A partition as the last request had it. */
export interface SessionPartition {
  readonly partition: AssignedPartition
  readonly era: Era
  readonly topicId: string
  readonly offset: number
  readonly leaderEpoch: number
}

type FetchTopics = NonNullable<FetchRequest['topics']>
type Forgotten = NonNullable<FetchRequest['forgottenTopicsData']>

export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: FetchTopics
  readonly forgottenTopicsData: Forgotten
}

export interface NextFetch {
  readonly request: SessionRequest
  /** The request has the most partitions that one may have, and others follow. */
  readonly isPartial: boolean
}

interface Entry {
  partition: AssignedPartition
  era: Era
  topicId: string
  offset: number
  leaderEpoch: number
  /** The number of the request that contained it last. */
  round: number
}

const lastEpoch = 0x7fffffff

/**
 * A fetch session with one broker (KIP-227): after the first request only changes are sent. All its topics have ids, or none has:
 * a version of Fetch has either ids or names.
 */
export class FetchSession {
  readonly #withIds: boolean
  readonly #entries = new Map<AssignedPartition, Entry>()
  readonly #byId = new Map<string, Map<number, Entry>>()
  readonly #byName = new Map<string, Map<number, Entry>>()
  #id = 0
  /** 0 opens a session. */
  #epoch = 0
  #round = 0
  /** The broker keeps no session: each request has to have all partitions. */
  #isRefused = false

  constructor(withIds: boolean) {
    this.#withIds = withIds
  }

  /** Ends the session: the next request opens a new one. */
  reset(): void {
    this.#id = 0
    this.#epoch = 0
    this.#entries.clear()
    this.#byId.clear()
    this.#byName.clear()
  }

  /** Sends at most `mostPartitionsPerRequest` partitions that the session does not have as they are now. */
  next(partitions: readonly AssignedPartition[], partitionMaxBytes: number): NextFetch {
    if (this.#withIds && partitions.some((partition) => this.#isRecreated(partition))) this.reset()
    this.#round++
    const topics = new Grouped<FetchTopics[number]['partitions'][number]>()
    const forgotten = new Grouped<number>()
    const { length } = partitions
    // Without a session the broker fills the response in the order of the request: each partition is first in turn.
    const first = this.#epoch === 0 && length > 0 ? (this.#round - 1) % length : 0
    let room = this.#isRefused ? length : mostPartitionsPerRequest
    let isPartial = false
    for (let i = 0; i < length; i++) {
      const partition = partitions[(first + i) % length]!
      const entry = this.#update(partition, room > 0)
      if (entry === 'later') isPartial = true
      if (entry === undefined || entry === 'later') continue
      room--
      topics.add(partition.topic, entry.topicId, {
        partition: partition.partition,
        currentLeaderEpoch: entry.leaderEpoch,
        fetchOffset: BigInt(entry.offset),
        partitionMaxBytes,
      })
    }
    this.#forgetOthers(forgotten)
    const request = {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: topics.list(),
      forgottenTopicsData: this.#epoch === 0 ? [] : forgotten.list(),
    }
    return { request, isPartial }
  }

  /** Records the response to the last request. A session id of 0 means that the broker keeps no session. */
  accepted(sessionId: number): void {
    if (sessionId === 0) {
      this.#id = 0
      this.#epoch = 0
      this.#isRefused = true
      return
    }
    this.#isRefused = false
    this.#id = sessionId
    this.#epoch = this.#epoch === lastEpoch ? 1 : this.#epoch + 1
  }

  /** The offset of a partition in the last request; -1: it was not part of it. */
  offsetOf(partition: AssignedPartition): number {
    return this.#entries.get(partition)?.offset ?? -1
  }

  /** A partition in a response, by topic id or, in versions without ids, by name. */
  find(topicId: string, topic: string, partition: number): SessionPartition | undefined {
    const ofTopic = topicId === noTopicId ? this.#byName.get(topic) : this.#byId.get(topicId)
    return ofTopic?.get(partition)
  }

  /** Returns the entry to send; undefined: the broker has it already; 'later': it has to be sent, and there is no room. */
  #update(partition: AssignedPartition, hasRoom: boolean): Entry | 'later' | undefined {
    const { era, fetching } = partition
    const { offset, requestEpoch: leaderEpoch } = fetching
    const entry = this.#entries.get(partition)
    if (entry === undefined) {
      if (!hasRoom) return 'later'
      const topicId = this.#withIds ? (fetching.topicId ?? noTopicId) : noTopicId
      const added = { partition, era, topicId, offset, leaderEpoch, round: this.#round }
      this.#add(added)
      return added
    }
    entry.round = this.#round
    const isSame = this.#epoch !== 0 && entry.offset === offset && entry.leaderEpoch === leaderEpoch
    if (!isSame && !hasRoom) return 'later'
    entry.era = era
    entry.offset = offset
    entry.leaderEpoch = leaderEpoch
    return isSame ? undefined : entry
  }

  /** In versions without ids the old and the new topic have the same place in the session: it is opened again. */
  #isRecreated(partition: AssignedPartition): boolean {
    const entry = this.#entries.get(partition)
    return entry !== undefined && entry.topicId !== partition.fetching.topicId
  }

  #add(entry: Entry): void {
    const { partition, topicId } = entry
    const before = this.#byName.get(partition.topic)?.get(partition.partition)
    // The partition was revoked and assigned again: the object is another one, the place in the session is the same.
    if (before !== undefined && before.topicId === topicId) this.#entries.delete(before.partition)
    this.#entries.set(partition, entry)
    put(this.#byName, partition.topic, entry)
    if (topicId !== noTopicId) put(this.#byId, topicId, entry)
  }

  #forgetOthers(forgotten: Grouped<number>): void {
    for (const entry of this.#entries.values()) if (entry.round !== this.#round) this.#forget(entry, forgotten)
  }

  #forget(entry: Entry, forgotten: Grouped<number>): void {
    const { partition, topicId } = entry
    this.#entries.delete(partition)
    remove(this.#byName, partition.topic, entry)
    remove(this.#byId, topicId, entry)
    forgotten.add(partition.topic, topicId, partition.partition)
  }
}

function put(index: Map<string, Map<number, Entry>>, key: string, entry: Entry): void {
  const ofTopic = index.get(key)
  if (ofTopic === undefined) index.set(key, new Map([[entry.partition.partition, entry]]))
  else ofTopic.set(entry.partition.partition, entry)
}

function remove(index: Map<string, Map<number, Entry>>, key: string, entry: Entry): void {
  const ofTopic = index.get(key)
  const { partition } = entry.partition
  if (ofTopic === undefined || ofTopic.get(partition) !== entry) return
  ofTopic.delete(partition)
  if (ofTopic.size === 0) index.delete(key)
}

/** Partitions by topic, as Fetch has them. */
class Grouped<P> {
  readonly #topics = new Map<string, { topic: string; topicId: string; partitions: P[] }>()

  add(topic: string, topicId: string, partition: P): void {
    // A topic of the same name and another id is another topic.
    const key = topicId === noTopicId ? topic : topicId
    const known = this.#topics.get(key)
    if (known === undefined) this.#topics.set(key, { topic, topicId, partitions: [partition] })
    else known.partitions.push(partition)
  }

  list(): { topic: string; topicId: string; partitions: P[] }[] {
    return [...this.#topics.values()]
  }
}
