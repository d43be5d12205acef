import { noTopicId, type TopicPartition } from '../../cluster/topology.ts'
import type { KafkaError } from '../../errors.ts'

/**
 * What is requested of a partition: the group's commit, the offset for a timestamp or an end of the log, or the end offset of a leader
 * epoch (KIP-320).
 */
export type LookupKind = 'committed' | 'list' | 'epoch-end'

export interface FoundOffset {
  /** -1: none. */
  readonly offset: number
  /** -1: unknown. */
  readonly leaderEpoch: number
  /** Of a commit. */
  readonly metadata: string | null
}

/** What follows a failed attempt: the next one after the usual backoff, after a longer one, or none. */
export type Verdict = 'retry' | 'retry-slowly' | 'end'

export interface LookupListener {
  /** The last call. */
  found(found: FoundOffset): void
  /** Called for each failed attempt. 'end': it was the last call. */
  failed(error: KafkaError): Verdict
}

export interface LookupPlace extends TopicPartition {
  /** The topic that is meant, where the brokers have topic ids. */
  readonly topicId?: string | undefined
}

/** One look-up for one partition, until it has a result, a permanent error, or is cancelled. */
export class OffsetTask {
  readonly kind: LookupKind
  readonly topic: string
  readonly partition: number
  /** The timestamp or the leader epoch. */
  readonly query: number
  readonly topicId: string | undefined
  readonly listener: LookupListener
  failures = 0
  /** The request in flight that includes it. */
  batch: OffsetBatch | undefined
  #ended = false

  constructor(kind: LookupKind, { topic, partition, topicId }: LookupPlace, query: number, listener: LookupListener) {
    this.kind = kind
    this.topic = topic
    this.partition = partition
    this.topicId = topicId
    this.query = query
    this.listener = listener
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The listener is not called any more. */
  cancel(): void {
    this.#ended = true
    this.batch = undefined
  }
}

/** The tasks for one partition: several callers may request the same. */
export interface BatchEntry {
  readonly topic: string
  readonly partition: number
  readonly query: number
  readonly tasks: OffsetTask[]
  /** An error is created when it is used: that of each of thousands of partitions takes time. */
  outcome: FoundOffset | (() => KafkaError) | undefined
}

export interface BatchTopic {
  readonly topic: string
  readonly topicId: string
  readonly entries: Map<number, BatchEntry>
}

/** Without an outcome: the response does not have the partition. */
export type TaskOutcome = readonly [OffsetTask, BatchEntry['outcome']]

/** The content of one request. All its topics have ids or none has; a partition occurs once. */
export class OffsetBatch {
  readonly #topics = new Map<string, BatchTopic>()
  readonly #byId = new Map<string, BatchTopic>()
  #usesIds: boolean | undefined
  #size = 0

  get usesIds(): boolean {
    return this.#usesIds === true
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  /** Number of tasks. */
  get size(): number {
    return this.#size
  }

  /** False: it has to wait for the next request. */
  add(task: OffsetTask, topicId: string): boolean {
    const hasId = topicId !== noTopicId
    if ((this.#usesIds ?? hasId) !== hasId) return false
    const topic = this.#topics.get(task.topic) ?? { topic: task.topic, topicId, entries: new Map<number, BatchEntry>() }
    if (topic.topicId !== topicId) return false
    const { partition, query } = task
    const entry = topic.entries.get(partition) ?? newEntry(task)
    if (entry.query !== query) return false
    this.#usesIds = hasId
    this.#topics.set(task.topic, topic)
    if (hasId) this.#byId.set(topicId, topic)
    topic.entries.set(partition, entry)
    entry.tasks.push(task)
    this.#size++
    task.batch = this
    return true
  }

  /** For the body of the request. */
  map<V>(toTopic: (topic: BatchTopic) => V): V[] {
    return Array.from(this.#topics.values(), toTopic)
  }

  /** The entry that a part of the response belongs to. */
  find({ topic, topicId }: { topic: string; topicId?: string | undefined }, partition: number): BatchEntry | undefined {
    const found = topicId === undefined || topicId === noTopicId ? this.#topics.get(topic) : this.#byId.get(topicId)
    return found?.entries.get(partition)
  }

  /** The tasks that still belong to this request, with the outcomes of their partitions. */
  *outcomes(): Generator<TaskOutcome> {
    for (const { entries } of this.#topics.values()) {
      for (const { tasks, outcome } of entries.values()) {
        for (const task of tasks) if (task.batch === this) yield [task, outcome]
      }
    }
  }
}

function newEntry({ topic, partition, query }: OffsetTask): BatchEntry {
  return { topic, partition, query, tasks: [], outcome: undefined }
}
