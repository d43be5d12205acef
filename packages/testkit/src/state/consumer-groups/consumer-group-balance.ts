import { compareUuids, stringsInHashOrder } from '../java-order.ts'
import type { Assignment, AssignorGroup } from './consumer-group-assignor.ts'

/** How often all topics are gone through before what is left unbalanced stays so. */
const MAX_ROUNDS = 16

/** The `uniform` assignor for members that subscribe to different topics: nobody loses what he has but for the balance. */
export function assignUnlike(group: AssignorGroup): Assignment {
  return new Balance(group).assign()
}

/** Members by their place in Kafka's order of them, and who has which partition. */
class Balance {
  readonly #group: AssignorGroup
  readonly #memberIds: readonly string[]
  readonly #subscribers = new Map<string, number[]>()
  /** By topic, by partition: the member's place, -1 for nobody. */
  readonly #owners = new Map<string, number[]>()
  readonly #sizes: number[]

  constructor(group: AssignorGroup) {
    this.#group = group
    this.#memberIds = stringsInHashOrder(group.members.keys())
    this.#sizes = this.#memberIds.map(() => 0)
    this.#memberIds.forEach((memberId, place) => {
      for (const topicId of group.members.get(memberId)?.topicIds ?? []) {
        this.#subscribers.set(topicId, [...(this.#subscribers.get(topicId) ?? []), place])
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
    this.#memberIds.forEach((memberId, place) => {
      const member = this.#group.members.get(memberId)
      for (const [topicId, partitions] of member?.target ?? []) {
        if (!member?.topicIds.has(topicId)) continue
        for (const partition of partitions) this.#give(topicId, partition, place)
      }
    })
  }

  /** Topics with the most partitions for each subscriber first. */
  #sorted(topicIds: string[]): string[] {
    const subscribers = (topicId: string): number => this.#subscribers.get(topicId)?.length ?? 0
    const share = (topicId: string): number => this.#group.partitionCount(topicId) / subscribers(topicId)
    return topicIds.sort((a, b) => share(b) - share(a) || subscribers(a) - subscribers(b) || compareUuids(a, b))
  }

  #assignFree(topicId: string): void {
    const levels = new Levels(this.#subscribers.get(topicId) ?? [], this.#sizes)
    this.#owners.get(topicId)?.forEach((owner, partition) => {
      if (owner === -1) this.#give(topicId, partition, levels.nextLeast())
    })
  }

  /** Goes through the topics until none of them moves anything in a whole round. */
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

  /** Moves partitions of one topic from those who have most to those who have least; true when it moved any. */
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
      this.#give(topicId, partition, least)
      hasMoved = true
    }
    return hasMoved
  }

  #give(topicId: string, partition: number, place: number): void {
    const owners = this.#owners.get(topicId)
    if (owners === undefined) return
    const before = owners[partition] ?? -1
    if (before !== -1) this.#sizes[before] = (this.#sizes[before] ?? 0) - 1
    owners[partition] = place
    this.#sizes[place] = (this.#sizes[place] ?? 0) + 1
  }

  #result(): Assignment {
    const assignment = new Map(this.#memberIds.map((memberId) => [memberId, new Map<string, Set<number>>()]))
    for (const [topicId, owners] of this.#owners) {
      owners.forEach((place, partition) => {
        const own = assignment.get(this.#memberIds[place] ?? '')
        own?.set(topicId, (own.get(topicId) ?? new Set()).add(partition))
      })
    }
    return assignment
  }
}

/**
 * The subscribers of a topic by how much they have. From below, each of the lowest level is named once, then each of the
 * next level; from above likewise, and who has nothing to give is taken out.
 */
class Levels {
  readonly #places: number[]
  readonly #sizes: readonly number[]
  #low: number
  #lowEnd = 0
  #nextLow = 0
  #high: number
  #highStart: number
  #highEnd: number
  #nextHigh: number
  readonly spread: number

  constructor(places: readonly number[], sizes: readonly number[]) {
    this.#sizes = sizes
    this.#places = [...places].sort((a, b) => this.#size(a) - this.#size(b) || a - b)
    const least = this.#sizeAt(0)
    const most = this.#sizeAt(this.#places.length - 1)
    this.spread = most - least
    this.#low = least - 1
    this.#high = most + 1
    this.#highStart = this.#places.length
    this.#highEnd = this.#places.length
    this.#nextHigh = this.#places.length - 1
  }

  get isBalanced(): boolean {
    return this.#high - this.#low <= 1
  }

  nextLeast(): number {
    if (this.#nextLow >= this.#lowEnd) {
      this.#low++
      while (this.#lowEnd < this.#places.length && this.#sizeAt(this.#lowEnd) === this.#low) this.#lowEnd++
      this.#nextLow = 0
    }
    return this.#places[this.#nextLow++] ?? -1
  }

  /** Undefined when nobody is left. */
  nextMost(): number | undefined {
    if (this.#nextHigh < this.#highStart) {
      const isLevelEmpty = this.#highEnd <= this.#highStart && this.#highStart > 0
      this.#high = isLevelEmpty ? this.#sizeAt(this.#highStart - 1) : this.#high - 1
      while (this.#highStart > 0 && this.#sizeAt(this.#highStart - 1) === this.#high) this.#highStart--
      this.#nextHigh = this.#highEnd - 1
    }
    return this.#nextHigh < 0 ? undefined : this.#places[this.#nextHigh--]
  }

  /** Who was named last from above has nothing to give. */
  excludeMost(): void {
    const at = this.#nextHigh + 1
    const last = this.#highEnd - 1
    const excluded = this.#places[at] ?? -1
    this.#places[at] = this.#places[last] ?? -1
    this.#places[last] = excluded
    this.#highEnd--
  }

  #sizeAt(at: number): number {
    return this.#size(this.#places[at] ?? -1)
  }

  #size(place: number): number {
    return this.#sizes[place] ?? 0
  }
}
