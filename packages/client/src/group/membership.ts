import type { KafkaError } from '../errors.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What a commit says about the member it comes from. A consumer that only assigns itself has generation -1 and no id. */
export interface GroupIdentity {
  readonly groupId: string
  readonly memberId: string
  /** The generation of the classic protocol, the member epoch of the newer one. */
  readonly generation: number
  readonly instanceId: string | null
}

export type MembershipState = 'unjoined' | 'joining' | 'stable' | 'left' | 'failed'

/**
 * A consumer's place in its group. Both group protocols stand behind it: `classic.ts` (join and sync), and later the one of
 * KIP-848.
 */
export interface Membership {
  readonly state: MembershipState
  readonly identity: GroupIdentity
  /** Begins to join; from here on the listener is called. */
  start(): void
  /** Asks for a new round of assignment. Any number of calls before it starts ask once. */
  rejoin(reason: string): void
  /** Topics or partitions may have changed: rejoins if this member has to act on it. */
  metadataChanged(): void
  /** The group no longer knows this member under this identity (heartbeat, commit): partitions are lost, then it joins again. */
  fenced(code: string, generation: number): void
  /** The broker's answer to another request of this generation says that a rebalance is under way. */
  rebalanceSeen(generation: number): void
  /** Compares the clock with the session: to be called before delivering after the event loop may have been blocked. */
  checkSession(): boolean
  /** Leaves the group (a static member stays in it unless `always`) and stops every timer. Never rejects. */
  leave(options: { readonly timeoutMs: number; readonly reason: string; readonly always?: boolean }): Promise<void>
}

/** What a membership asks of the consumer. The awaited calls come one after the other, never two at once. */
export interface MembershipListener {
  /** The topics that the subscription stands for now, patterns evaluated. */
  subscribedTopics(): Promise<readonly string[]>
  /** How many partitions each topic has; unknown topics are left out. The leader asks it for the topics of all members. */
  partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** The same from memory, for comparing. */
  knownPartitionCount(topic: string): number | undefined
  knownSubscription(): readonly string[]
  /** To be given up in good order: deliver no more, finish, commit. */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>
  onAssigned(partitions: readonly TopicPartition[]): Promise<void>
  /** Already somebody else's, perhaps: stop at once, commit nothing. */
  onLost(partitions: readonly TopicPartition[]): Promise<void>
  /** Commits what is done before a join that keeps its partitions. */
  beforeJoin(): Promise<void>
  onRebalanced(info: RebalanceInfo): void
  /** The group cannot be used any more; nothing follows. */
  onFatal(error: KafkaError): void
}

export interface RebalanceInfo {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
  readonly protocol: string
  readonly isLeader: boolean
  readonly assigned: readonly TopicPartition[]
  /** Against the assignment before. An eager member gives everything up while joining; what it got back is in neither list. */
  readonly added: readonly TopicPartition[]
  readonly revoked: readonly TopicPartition[]
  readonly durationMs: number
}

/** Partitions by topic, as Kafka's messages want them. */
export function groupByTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic)
    if (list === undefined) byTopic.set(topic, [partition])
    else list.push(partition)
  }
  return Array.from(byTopic, ([topic, list]) => ({ topic, partitions: list }))
}

/** A set of partitions without composed keys. */
export class PartitionSet {
  readonly #byTopic = new Map<string, Set<number>>()

  constructor(partitions: readonly TopicPartition[] = []) {
    for (const partition of partitions) this.add(partition)
  }

  add({ topic, partition }: TopicPartition): void {
    const set = this.#byTopic.get(topic)
    if (set === undefined) this.#byTopic.set(topic, new Set([partition]))
    else set.add(partition)
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.#byTopic.get(topic)?.has(partition) === true
  }
}

/** Whether two lists hold the same names, in whatever order. */
export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  const names = new Set(a)
  return b.every((name) => names.has(name))
}

/** The partitions that the others do not hold. */
export function without(partitions: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const known = new PartitionSet(others)
  return partitions.filter((partition) => !known.has(partition))
}
