import type { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { ProducerParts } from './producer-parts.ts'
import { TopicBuffer } from './topic-buffer.ts'

/** A topic without records for this long is forgotten, and no longer part of each metadata request. */
const idleMs = 300_000

/** The topics of a producer by name. Idle ones are forgotten, and those that do not exist. */
export class TopicDirectory {
  readonly topics = new Map<string, TopicBuffer>()
  readonly #cluster: ProducerCluster
  readonly #parts: ProducerParts
  readonly #timer: DeadlineTimer
  readonly #releases = new Map<string, () => void>()
  /** Topics whose sequence numbers are lost, in the current epoch of the producer. */
  readonly #forgotten = new Set<string>()
  #checksAtMs = Number.POSITIVE_INFINITY
  #last: TopicBuffer | undefined

  constructor(cluster: ProducerCluster, parts: ProducerParts, timer: DeadlineTimer) {
    this.#cluster = cluster
    this.#parts = parts
    this.#timer = timer
    timer.add((nowMs) => this.#forgetIdle(nowMs))
  }

  /** The topic of that name, which is watched from now on. */
  of(name: string): TopicBuffer {
    const last = this.#last
    if (last !== undefined && last.name === name) return last
    let topic = this.topics.get(name)
    if (topic === undefined) {
      topic = new TopicBuffer(name, this.#parts)
      this.topics.set(name, topic)
      this.#releases.set(name, this.#cluster.watchTopics([name]))
      this.#startOver(name)
      this.#checksAtMs = Math.min(this.#checksAtMs, topic.usedMs + idleMs)
      this.#timer.wakeBy(this.#checksAtMs)
    }
    this.#last = topic
    return topic
  }

  /** The numbers of its partitions begin from 0: brokers accept that only in another epoch (KIP-360). */
  #startOver(name: string): void {
    const { identities } = this.#parts
    if (!this.#forgotten.has(name) || identities === undefined) return
    if (identities.current !== undefined) identities.retire(identities.current)
    this.#forgotten.clear()
  }

  #forgetIdle(nowMs: number): number {
    if (nowMs < this.#checksAtMs) return this.#checksAtMs
    let nextMs = Number.POSITIVE_INFINITY
    for (const topic of this.topics.values()) {
      if (!topic.isEmpty) nextMs = Math.min(nextMs, nowMs + idleMs)
      else if (topic.usedMs + idleMs > nowMs) nextMs = Math.min(nextMs, topic.usedMs + idleMs)
      else this.forget(topic)
    }
    this.#checksAtMs = nextMs
    return nextMs
  }

  /** Only while it is empty. */
  forget(topic: TopicBuffer): void {
    this.#releases.get(topic.name)?.()
    this.#releases.delete(topic.name)
    this.topics.delete(topic.name)
    if (this.#last === topic) this.#last = undefined
    this.#parts.observer.forget(topic.name)
    for (const partition of topic.partitions) partition.setLeader(undefined)
    const { identities } = this.#parts
    if (topic.partitions.length === 0) return
    if (identities?.isIdle !== true) this.#forgotten.add(topic.name)
    else if (identities.current !== undefined) identities.retire(identities.current)
  }

  close(): void {
    for (const release of this.#releases.values()) release()
  }
}
