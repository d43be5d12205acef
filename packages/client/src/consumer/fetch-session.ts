import type { FetchRequest } from '@ottla/codec'
import { noTopicId } from '../cluster/topology.ts'
import type { Cursor } from './cursor.ts'

/** A partition as the broker has it in the session. */
export interface SessionPartition {
  readonly cursor: Cursor
  readonly assignmentEpoch: number
  readonly topicId: string
  readonly fetchOffset: number
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

interface TopicAsked {
  topic: string
  topicId: string
  partitions: FetchTopics[number]['partitions'][number][]
}

/** A fetch session with one broker (KIP-227): after the first request only changes are sent. */
export class FetchSession {
  readonly #asked = new Map<Cursor, SessionPartition>()
  #byTopic = new Map<string, (SessionPartition | undefined)[]>()
  #id = 0
  /** 0 opens a session. */
  #epoch = 0
  #withIds = true

  /** Whether all topics have ids, which Fetch 13 and later require. */
  get withIds(): boolean {
    return this.#withIds
  }

  /** Ends the session: the next request opens a new one. */
  reset(): void {
    this.#id = 0
    this.#epoch = 0
    this.#asked.clear()
    this.#byTopic.clear()
  }

  next(cursors: readonly Cursor[], topicIdOf: (cursor: Cursor) => string, partitionMaxBytes: number): SessionRequest {
    const ids = cursors.map(topicIdOf)
    const withIds = ids.every((id) => id !== noTopicId)
    if (withIds !== this.#withIds) this.reset()
    this.#withIds = withIds
    const topics = new Map<string, TopicAsked>()
    const wanted = new Set(cursors)
    const forgotten = this.#forget((asked) => !wanted.has(asked.cursor))
    cursors.forEach((cursor, i) => {
      const known = this.#asked.get(cursor)
      const topicId = ids[i]!
      const fresh = ask(cursor, topicId)
      this.#remember(fresh)
      const isKnown = this.#epoch !== 0 && known !== undefined && known.topicId === topicId
      if (isKnown && known.fetchOffset === fresh.fetchOffset && known.leaderEpoch === fresh.leaderEpoch) return
      let topic = topics.get(topicId + cursor.topic)
      if (topic === undefined) {
        topic = { topic: cursor.topic, topicId, partitions: [] }
        topics.set(topicId + cursor.topic, topic)
      }
      topic.partitions.push({
        partition: cursor.partition,
        currentLeaderEpoch: fresh.leaderEpoch,
        fetchOffset: BigInt(fresh.fetchOffset),
        partitionMaxBytes,
      })
    })
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: [...topics.values()],
      forgottenTopicsData: forgotten,
    }
  }

  /** Records the response to the last request. A session id of 0 means that the broker keeps no session. */
  accepted(sessionId: number): void {
    if (sessionId === 0) {
      this.#id = 0
      this.#epoch = 0
      return
    }
    this.#id = sessionId
    this.#epoch = this.#epoch === 0x7fffffff ? 1 : this.#epoch + 1
  }

  /** The requested state of a partition in a response, by topic id or, in older versions, by name. */
  find(topicId: string, topic: string, partition: number): SessionPartition | undefined {
    return this.#byTopic.get(topicId === noTopicId ? topic : topicId)?.[partition]
  }

  /** The partitions to remove from the session, unless it is opened again. */
  #forget(gone: (asked: SessionPartition) => boolean): Forgotten {
    const forgotten = new Map<string, { topic: string; topicId: string; partitions: number[] }>()
    for (const asked of this.#asked.values()) {
      if (!gone(asked)) continue
      const { cursor, topicId } = asked
      this.#asked.delete(cursor)
      const list = this.#byTopic.get(keyOf(asked))
      if (list?.[cursor.partition] === asked) list[cursor.partition] = undefined
      let topic = forgotten.get(topicId + cursor.topic)
      if (topic === undefined) {
        topic = { topic: cursor.topic, topicId, partitions: [] }
        forgotten.set(topicId + cursor.topic, topic)
      }
      topic.partitions.push(cursor.partition)
    }
    return this.#epoch === 0 ? [] : [...forgotten.values()]
  }

  #remember(asked: SessionPartition): void {
    this.#asked.set(asked.cursor, asked)
    const key = keyOf(asked)
    const list = this.#byTopic.get(key)
    if (list === undefined) {
      const fresh: (SessionPartition | undefined)[] = []
      fresh[asked.cursor.partition] = asked
      this.#byTopic.set(key, fresh)
    } else list[asked.cursor.partition] = asked
  }
}

function ask(cursor: Cursor, topicId: string): SessionPartition {
  const { assignmentEpoch, fetchOffset, leaderEpoch } = cursor
  return { cursor, assignmentEpoch, topicId, fetchOffset, leaderEpoch }
}

function keyOf({ topicId, cursor }: SessionPartition): string {
  return topicId === noTopicId ? cursor.topic : topicId
}
