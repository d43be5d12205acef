import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'

/** A partition of a Fetch request: by topic name up to version 12, by topic id from 13. */
export interface FetchPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly fetchOffset: number
  readonly lastFetchedEpoch: number
  readonly maxBytes: number
  /** In a session with topic ids: the topic's name when the id was first seen. Another topic may have the name now. */
  readonly firstName?: string | undefined
}

export interface FetchSessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly usesTopicIds: boolean
  readonly partitions: readonly FetchPartition[]
  readonly forgotten: readonly Pick<FetchPartition, 'topic' | 'topicId' | 'partition'>[]
  /** The topic's current name; undefined for an unknown id. */
  readonly nameOf: (topicId: string) => string | undefined
}

/** The parts of a partition's response that decide whether it changed. */
export interface RespondedPartition {
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly hasRecords: boolean
  readonly isDiverging: boolean
  /** Another replica should be read from. */
  readonly isRedirected: boolean
}

/** The partitions of a Fetch request, resolved with its session. */
export interface FetchContext {
  /** All partitions to read, in the order in which they get their share of `maxBytes`. */
  readonly partitions: readonly FetchPartition[]
  /** 0: no session. */
  readonly sessionId: number
  /** Whether to send the partition's response (an incremental fetch sends only changes), which is then noted as sent. */
  select(partition: FetchPartition, response: RespondedPartition): boolean
}

interface CachedPartition {
  request: FetchPartition
  highWatermark: number
  logStartOffset: number
}

interface Session {
  readonly id: number
  readonly usesTopicIds: boolean
  /** The epoch the next request must have. */
  epoch: number
  lastUsedAtMs: number
  readonly byTopic: Map<string, Map<number, CachedPartition>>
  /** In read order: a partition that returned records moves to the end, so that all partitions get a turn. */
  readonly order: Set<CachedPartition>
}

const initialEpoch = 0
const finalEpoch = -1
const maxEpoch = 2_147_483_647
/** A session unused for this long may be evicted when the cache is full. */
const evictableAfterMs = 120_000

/** Incremental fetch sessions of one broker (KIP-227). */
export class FetchSessions {
  readonly #slots: number
  readonly #runtime: Pick<Runtime, 'monoNow' | 'random'>
  readonly #sessions = new Map<number, Session>()

  constructor(slots: number, runtime: Pick<Runtime, 'monoNow' | 'random'>) {
    this.#slots = slots
    this.#runtime = runtime
  }

  get size(): number {
    return this.#sessions.size
  }

  clear(): void {
    this.#sessions.clear()
  }

  /** The partitions of a session; empty for an unknown one. */
  partitionsOf(sessionId: number): readonly FetchPartition[] {
    return Array.from(this.#sessions.get(sessionId)?.order ?? [], ({ request }) => request)
  }

  /** The context of a request, or the error for the whole request. */
  open(request: FetchSessionRequest): FetchContext | ErrorName {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch === initialEpoch || sessionEpoch === finalEpoch) {
      this.#sessions.delete(sessionId)
      const session = sessionEpoch === finalEpoch ? undefined : this.#create(request)
      return session === undefined ? sessionless(request.partitions) : fullContext(session)
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return 'FETCH_SESSION_ID_NOT_FOUND'
    if (session.epoch !== sessionEpoch) return 'INVALID_FETCH_SESSION_EPOCH'
    if (session.usesTopicIds !== request.usesTopicIds) return 'FETCH_SESSION_TOPIC_ID_ERROR'
    for (const partition of request.partitions) put(session, partition)
    for (const partition of request.forgotten) remove(session, partition)
    noteNames(session, request)
    session.epoch = session.epoch === maxEpoch ? 1 : session.epoch + 1
    session.lastUsedAtMs = this.#runtime.monoNow()
    // Most recently used last: the first one is the candidate for eviction.
    this.#sessions.delete(sessionId)
    if (session.order.size === 0) return sessionless([])
    this.#sessions.set(sessionId, session)
    return incrementalContext(session)
  }

  #create(request: FetchSessionRequest): Session | undefined {
    if (request.partitions.length === 0 || !this.#evictOne()) return undefined
    const session: Session = {
      id: this.#newId(),
      usesTopicIds: request.usesTopicIds,
      epoch: 1,
      lastUsedAtMs: this.#runtime.monoNow(),
      byTopic: new Map(),
      order: new Set(),
    }
    for (const partition of request.partitions) put(session, partition)
    noteNames(session, request)
    this.#sessions.set(session.id, session)
    return session
  }

  #evictOne(): boolean {
    if (this.#sessions.size < this.#slots) return true
    const [oldest] = this.#sessions.values()
    if (oldest === undefined || this.#runtime.monoNow() - oldest.lastUsedAtMs < evictableAfterMs) return false
    return this.#sessions.delete(oldest.id)
  }

  #newId(): number {
    while (true) {
      const id = 1 + Math.floor(this.#runtime.random() * (maxEpoch - 1))
      if (!this.#sessions.has(id)) return id
    }
  }
}

function sessionless(partitions: readonly FetchPartition[]): FetchContext {
  return {
    partitions: partitions.length > 1 ? withoutRepeats(partitions) : partitions,
    sessionId: 0,
    select: () => true,
  }
}

/** A partition requested twice is returned once, for its last request. */
function withoutRepeats(partitions: readonly FetchPartition[]): readonly FetchPartition[] {
  const last = new Map<string, FetchPartition>()
  for (const each of partitions) last.set(`${each.topicId} ${each.topic} ${each.partition}`, each)
  return last.size === partitions.length ? partitions : [...last.values()]
}

/** Returns all partitions and notes what was sent. */
function fullContext(session: Session): FetchContext {
  return {
    partitions: requested(session),
    sessionId: session.id,
    select: (partition, response) => {
      const cached = find(session, partition)
      if (cached !== undefined) note(session, cached, response)
      return true
    },
  }
}

function incrementalContext(session: Session): FetchContext {
  return {
    partitions: requested(session),
    sessionId: session.id,
    select: (partition, response) => {
      const cached = find(session, partition)
      if (cached === undefined || !isChanged(cached, response)) return false
      note(session, cached, response)
      return true
    },
  }
}

function isChanged(cached: CachedPartition, response: RespondedPartition): boolean {
  if (response.hasRecords || response.errorCode !== 0 || response.isDiverging || response.isRedirected) return true
  return response.highWatermark !== cached.highWatermark || response.logStartOffset !== cached.logStartOffset
}

function note(session: Session, cached: CachedPartition, response: RespondedPartition): void {
  // After an error the next response always counts as changed.
  cached.highWatermark = response.errorCode !== 0 || response.isDiverging ? -1 : response.highWatermark
  cached.logStartOffset = response.logStartOffset
  if (!response.hasRecords) return
  session.order.delete(cached)
  session.order.add(cached)
}

function requested(session: Session): FetchPartition[] {
  return Array.from(session.order, (cached) => cached.request)
}

function keyOf(session: Session, { topic, topicId }: Pick<FetchPartition, 'topic' | 'topicId'>): string {
  return session.usesTopicIds ? topicId : topic
}

function find(session: Session, partition: Pick<FetchPartition, 'topic' | 'topicId' | 'partition'>) {
  return session.byTopic.get(keyOf(session, partition))?.get(partition.partition)
}

function put(session: Session, request: FetchPartition): void {
  const known = find(session, request)
  if (known !== undefined) {
    known.request = { ...request, firstName: known.request.firstName }
    return
  }
  const key = keyOf(session, request)
  const partitions = session.byTopic.get(key) ?? new Map<number, CachedPartition>()
  const cached = { request, highWatermark: -1, logStartOffset: -1 }
  session.byTopic.set(key, partitions.set(request.partition, cached))
  session.order.add(cached)
}

function noteNames({ usesTopicIds, order }: Session, { nameOf }: FetchSessionRequest): void {
  if (!usesTopicIds) return
  for (const cached of order) {
    if (cached.request.firstName !== undefined) continue
    const firstName = nameOf(cached.request.topicId)
    if (firstName !== undefined) cached.request = { ...cached.request, firstName }
  }
}

function remove(session: Session, partition: Pick<FetchPartition, 'topic' | 'topicId' | 'partition'>): void {
  const cached = find(session, partition)
  if (cached === undefined) return
  session.order.delete(cached)
  const key = keyOf(session, partition)
  const partitions = session.byTopic.get(key)
  partitions?.delete(partition.partition)
  if (partitions?.size === 0) session.byTopic.delete(key)
}
