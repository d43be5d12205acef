import { compareUuids, stringsInHashOrder } from '../java-order.ts'
import type { Assignment, AssignorGroup } from './consumer-group-assignment.ts'

/** The maximum number of passes over all topics; after them the assignment may remain unbalanced. */
const MAX_ROUNDS = 16

/** The `uniform` assignor for different subscriptions: a member loses a partition only if that improves the balance. */
export function assignHeterogeneous(group: AssignorGroup): Assignment {
  return new Balance(group).assign()
}

/** The members, identified by their index in Kafka's order, and the owners of the partitions. */
class Balance {
  readonly #group: AssignorGroup
  readonly #memberIds: readonly string[]
  readonly #subscribers = new Map<string, number[]>()
  /** Topic id → by partition, the owner's index; -1 without an owner. */
  readonly #owners = new Map<string, number[]>()
  readonly #sizes: number[]

  constructor(group: AssignorGroup) {
    this.#group = group
    this.#memberIds = stringsInHashOrder(group.members.keys())
    this.#sizes = this.#memberIds.map(() => 0)
    this.#memberIds.forEach((memberId, index) => {
      for (const topicId of group.members.get(memberId)?.topicIds ?? []) {
        this.#subscribers.set(topicId, [...(this.#subscribers.get(topicId) ?? []), index])
      }
    })
    for (const topicId of this.#subscribers.keys()) {
      this.#owners.set(
        topicId,
        Array.from({ length: group.partitionCount(topicId) }, () => -1),
      )
    }
  }

  assign(): Assignment {
    if (this.#subscribers.size === 0) return new Map()
    this.#keep()
    for (const topicId of this.#sorted([...this.#subscribers.keys()])) this.#assignFree(topicId)
    this.#balance()
    return this.#result()
  }

  #keep(): void {
    this.#memberIds.forEach((memberId, index) => {
      const member = this.#group.members.get(memberId)
      for (const [topicId, partitions] of member?.target ?? []) {
        if (!member?.topicIds.has(topicId)) continue
        for (const partition of partitions) this.#assign(topicId, partition, index)
      }
    })
  }

  /** Topics with the most partitions per subscriber come first. */
  #sorted(topicIds: string[]): string[] {
    const subscribers = (topicId: string): number => this.#subscribers.get(topicId)?.length ?? 0
    const share = (topicId: string): number => this.#group.partitionCount(topicId) / subscribers(topicId)
    return topicIds.sort((a, b) => share(b) - share(a) || subscribers(a) - subscribers(b) || compareUuids(a, b))
  }

  #assignFree(topicId: string): void {
    const levels = new Levels(this.#subscribers.get(topicId) ?? [], this.#sizes)
    this.#owners.get(topicId)?.forEach((owner, partition) => {
      if (owner === -1) this.#assign(topicId, partition, levels.nextLeast())
    })
  }

  /** Balances topic by topic until a whole pass moves nothing. */
  #balance(): void {
    const shared = [...this.#subscribers].filter(([, members]) => members.length >= 2).map(([topicId]) => topicId)
    const sorted = this.#sorted(shared)
    let lastMoved = -1
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const [at, topicId] of sorted.entries()) {
        if (at === lastMoved) return
        if (this.#balanceTopic(topicId) || lastMoved === -1) lastMoved = at
      }
    }
  }

  /** Moves partitions of one topic from the members with most partitions to those with least; true if any moved. */
  #balanceTopic(topicId: string): boolean {
    const levels = new Levels(this.#subscribers.get(topicId) ?? [], this.#sizes)
    if (levels.spread <= 1) return false
    const owned = new Map<number, number[]>()
    this.#owners.get(topicId)?.forEach((owner, partition) => {
      owned.set(owner, [...(owned.get(owner) ?? []), partition])
    })
    let hasMoved = false
    while (!levels.isBalanced) {
      const most = levels.nextMost()
      if (most === undefined) break
      const partition = owned.get(most)?.pop()
      if (partition === undefined) {
        levels.excludeMost()
        continue
      }
      const least = levels.nextLeast()
      if (levels.isBalanced) break
      this.#assign(topicId, partition, least)
      hasMoved = true
    }
    return hasMoved
  }

  #assign(topicId: string, partition: number, index: number): void {
    const owners = this.#owners.get(topicId)
    if (owners === undefined) return
    const before = owners[partition] ?? -1
    if (before !== -1) this.#sizes[before] = (this.#sizes[before] ?? 0) - 1
    owners[partition] = index
    this.#sizes[index] = (this.#sizes[index] ?? 0) + 1
  }

  #result(): Assignment {
    const assignment = new Map(this.#memberIds.map((memberId) => [memberId, new Map<string, Set<number>>()]))
    for (const [topicId, owners] of this.#owners) {
      owners.forEach((index, partition) => {
        const own = assignment.get(this.#memberIds[index] ?? '')
        own?.set(topicId, (own.get(topicId) ?? new Set()).add(partition))
      })
    }
    return assignment
  }
}

/**
 * The subscribers of a topic, ordered by their number of partitions. `nextLeast` returns each member of the lowest level
 * once, then those of the next level; `nextMost` does so from the top, without the members excluded there.
 */
class Levels {
  readonly #indices: number[]
  readonly #sizes: readonly number[]
  #low: number
  #lowEnd = 0
  #nextLow = 0
  #high: number
  #highStart: number
  #highEnd: number
  #nextHigh: number
  readonly spread: number

  constructor(indices: readonly number[], sizes: readonly number[]) {
    this.#sizes = sizes
    this.#indices = [...indices].sort((a, b) => this.#size(a) - this.#size(b) || a - b)
    const least = this.#sizeAt(0)
    const most = this.#sizeAt(this.#indices.length - 1)
    this.spread = most - least
    this.#low = least - 1
    this.#high = most + 1
    this.#highStart = this.#indices.length
    this.#highEnd = this.#indices.length
    this.#nextHigh = this.#indices.length - 1
  }

  get isBalanced(): boolean {
    return this.#high - this.#low <= 1
  }

  nextLeast(): number {
    if (this.#nextLow >= this.#lowEnd) {
      this.#low++
      while (this.#lowEnd < this.#indices.length && this.#sizeAt(this.#lowEnd) === this.#low) this.#lowEnd++
      this.#nextLow = 0
    }
    return this.#indices[this.#nextLow++] ?? -1
  }

  /** Undefined when no member is left. */
  nextMost(): number | undefined {
    if (this.#nextHigh < this.#highStart) {
      const isLevelEmpty = this.#highEnd <= this.#highStart && this.#highStart > 0
      this.#high = isLevelEmpty ? this.#sizeAt(this.#highStart - 1) : this.#high - 1
      while (this.#highStart > 0 && this.#sizeAt(this.#highStart - 1) === this.#high) this.#highStart--
      this.#nextHigh = this.#highEnd - 1
    }
    return this.#nextHigh < 0 ? undefined : this.#indices[this.#nextHigh--]
  }

  /** Excludes the member that `nextMost` returned last, because it has no partition of the topic. */
  excludeMost(): void {
    const at = this.#nextHigh + 1
    const last = this.#highEnd - 1
    const excluded = this.#indices[at] ?? -1
    this.#indices[at] = this.#indices[last] ?? -1
    this.#indices[last] = excluded
    this.#highEnd--
  }

  #sizeAt(at: number): number {
    return this.#size(this.#indices[at] ?? -1)
  }

  #size(index: number): number {
    return this.#sizes[index] ?? 0
  }
}
