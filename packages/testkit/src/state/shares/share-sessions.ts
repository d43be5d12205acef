import type { ErrorName } from '@ottla/codec'

/** A partition of a share session. */
export interface SessionPartition {
  readonly topicId: string
  readonly partition: number
  /** False when the topic was unknown at the time of the request. */
  readonly isKnown?: boolean
}

interface Cached extends SessionPartition {
  /** The next response must contain it, even without records or an error. */
  isDue: boolean
}

/** The partitions a member fetches from a broker, kept between its requests. */
export class ShareSession {
  readonly groupId: string
  readonly memberId: string
  readonly connectionId: number
  readonly #partitions = new Map<string, Cached>()
  /** The epoch of the next request. */
  epoch = 1

  constructor(groupId: string, memberId: string, connectionId: number, partitions: readonly SessionPartition[]) {
    this.groupId = groupId
    this.memberId = memberId
    this.connectionId = connectionId
    for (const each of partitions) this.#partitions.set(nameOf(each), { ...each, isDue: false })
  }

  get partitions(): readonly SessionPartition[] {
    return [...this.#partitions.values()]
  }

  update(added: readonly SessionPartition[], forgotten: readonly SessionPartition[]): void {
    for (const each of added) {
      if (!this.#partitions.has(nameOf(each))) this.#partitions.set(nameOf(each), { ...each, isDue: true })
    }
    for (const each of forgotten) this.#partitions.delete(nameOf(each))
  }

  /** Whether the response must contain the partition. */
  select(at: SessionPartition, { hasRecords, hasError }: { hasRecords: boolean; hasError: boolean }): boolean {
    const cached = this.#partitions.get(nameOf(at))
    if (cached === undefined) return true
    const isSelected = hasRecords || hasError || cached.isDue
    cached.isDue = hasError
    return isSelected
  }
}

/** The share sessions of one broker: one per member, on one connection. */
export class ShareSessions {
  readonly #maxCount: number
  readonly #sessions = new Map<string, ShareSession>()
  readonly #byConnection = new Map<number, ShareSession>()
  readonly #memberCounts = new Map<string, number>()

  /** `maxCount`: group.share.max.share.sessions */
  constructor(maxCount: number) {
    this.#maxCount = maxCount
  }

  get(groupId: string, memberId: string): ShareSession | undefined {
    return this.#sessions.get(keyOf(groupId, memberId))
  }

  /** Creates a session and replaces the member's previous one; undefined when there are too many. */
  create(
    groupId: string,
    memberId: string,
    connectionId: number,
    partitions: readonly SessionPartition[],
  ): ShareSession | undefined {
    this.remove(groupId, memberId)
    if (this.#sessions.size >= this.#maxCount) return undefined
    const session = new ShareSession(groupId, memberId, connectionId, partitions)
    this.#sessions.set(keyOf(groupId, memberId), session)
    this.#byConnection.set(connectionId, session)
    this.#memberCounts.set(groupId, (this.#memberCounts.get(groupId) ?? 0) + 1)
    return session
  }

  /** The session that a request with this epoch continues; raises its epoch. */
  next(groupId: string, memberId: string, epoch: number): ShareSession | ErrorName {
    const session = this.get(groupId, memberId)
    if (session === undefined) return 'SHARE_SESSION_NOT_FOUND'
    if (session.epoch !== epoch) return 'INVALID_SHARE_SESSION_EPOCH'
    session.epoch = epoch === maxEpoch ? 1 : epoch + 1
    return session
  }

  remove(groupId: string, memberId: string): ShareSession | undefined {
    const session = this.get(groupId, memberId)
    if (session === undefined) return undefined
    this.#sessions.delete(keyOf(groupId, memberId))
    this.#memberCounts.set(groupId, Math.max(0, (this.#memberCounts.get(groupId) ?? 0) - 1))
    return session
  }

  /** The last session opened on a connection; it may have ended already. */
  takeByConnection(connectionId: number): ShareSession | undefined {
    const session = this.#byConnection.get(connectionId)
    this.#byConnection.delete(connectionId)
    return session
  }

  /** True once when no member of the group has a session here any more. */
  isEmptied(groupId: string): boolean {
    if ((this.#memberCounts.get(groupId) ?? 0) > 0) return false
    this.#memberCounts.delete(groupId)
    return true
  }

  clear(): void {
    this.#sessions.clear()
    this.#byConnection.clear()
    this.#memberCounts.clear()
  }
}

const maxEpoch = 2_147_483_647

const nameOf = ({ topicId, partition }: SessionPartition): string => `${topicId}:${partition}`

// The length prefix makes the key unambiguous.
const keyOf = (groupId: string, memberId: string): string => `${groupId.length}:${groupId}:${memberId}`
