import type { FetchRequest } from '@ottla/codec'
import { noTopicId } from '../cluster/topology.ts'
import type { Cursor } from './cursor.ts'

/** A partition as the broker remembers it from the requests of a session. */
export interface Asked {
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

/** A fetch session with one broker (KIP-227): after the first request only what changed is named. */
export class FetchSession {
  readonly #asked = new Map<Cursor, Asked>()
  #byTopic = new Map<string, (Asked | undefined)[]>()
  #id = 0
  /** 0 opens a session. */
  #epoch = 0
  #withIds = true

  /** Whether all topics are named by their ids (Fetch 13 and above). Only then may the version go so high. */
  get withIds(): boolean {
    return this.#withIds
  }

  /** Forgets the session: the next request opens a new one. */
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
      const told = this.#epoch !== 0 && known !== undefined && known.topicId === topicId
      if (told && known.fetchOffset === fresh.fetchOffset && known.leaderEpoch === fresh.leaderEpoch) return
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

  /** The broker's answer to the last request; it gives no id when it keeps no session. */
  accepted(sessionId: number): void {
    if (sessionId === 0) {
      this.#id = 0
      this.#epoch = 0
      return
    }
    this.#id = sessionId
    this.#epoch = this.#epoch === 0x7fffffff ? 1 : this.#epoch + 1
  }

  /** What was asked of a partition in an answer, by topic id or, in older versions, by name. */
  find(topicId: string, topic: string, partition: number): Asked | undefined {
    return this.#byTopic.get(topicId === noTopicId ? topic : topicId)?.[partition]
  }

  /** Names partitions that are asked for no more, unless all are asked for anew. */
  #forget(gone: (asked: Asked) => boolean): Forgotten {
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

  #remember(asked: Asked): void {
    this.#asked.set(asked.cursor, asked)
    const key = keyOf(asked)
    const list = this.#byTopic.get(key)
    if (list === undefined) {
      const fresh: (Asked | undefined)[] = []
      fresh[asked.cursor.partition] = asked
      this.#byTopic.set(key, fresh)
    } else list[asked.cursor.partition] = asked
  }
}

function ask(cursor: Cursor, topicId: string): Asked {
  const { assignmentEpoch, fetchOffset, leaderEpoch } = cursor
  return { cursor, assignmentEpoch, topicId, fetchOffset, leaderEpoch }
}

function keyOf({ topicId, cursor }: Asked): string {
  return topicId === noTopicId ? cursor.topic : topicId
}
