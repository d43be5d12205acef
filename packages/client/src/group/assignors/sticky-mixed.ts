import { compare } from './assignor.ts'
import { PartitionMovements } from './partition-movements.ts'
import type { StickyResult } from './sticky-even.ts'
import { isElsewhere, type Place, placeIn, type Seat, type StickyGroup } from './sticky-group.ts'

/**
 * The plan where members subscribe to different topics: as balanced as the subscriptions allow. Members keep what they own; what is
 * left is for the emptiest subscriber, first in the racks of its replicas; then partitions move while another subscriber has at least
 * two less. The steps are those of Java's sticky assignors, because a Java client may lead the group the next time.
 */
export function mixedPlan(group: StickyGroup): StickyResult {
  const plan = new MixedPlan(group)
  const left = plan.keep()
  plan.balance(left)
  return { assigned: plan.result(), moving: movingOf(group, plan.result()) }
}

class MixedPlan {
  readonly #group: StickyGroup
  readonly #movements = new PartitionMovements()
  readonly #subscribers: ReadonlyMap<string, readonly Seat[]>
  /** Topics with the fewest subscribers first. */
  readonly #all: readonly Place[]
  readonly #previous: ReadonlyMap<Place, Seat>
  #owner = new Map<Place, Seat>()
  #assigned = new Map<Seat, Set<Place>>()
  /** The members that take part, the emptiest first. */
  #order: Seat[] = []
  /** A member gives up a partition for another reason than balance. */
  #revokes = false

  constructor(group: StickyGroup) {
    this.#group = group
    const subscribers = new Map<string, Seat[]>([...group.places.keys()].map((topic) => [topic, []]))
    for (const seat of group.seats) for (const topic of seat.topics) subscribers.get(topic)?.push(seat)
    this.#subscribers = subscribers
    const topics = [...subscribers].sort(([a, as], [b, bs]) => as.length - bs.length || compare(a, b))
    this.#all = topics.flatMap(([topic]) => group.places.get(topic) ?? [])
    this.#previous = previousOwners(group)
  }

  result(): ReadonlyMap<Seat, readonly Place[]> {
    return new Map([...this.#assigned].map(([seat, places]) => [seat, [...places]]))
  }

  /** Members keep what they own, subscribe to, and have in their rack. Returns the other partitions. */
  keep(): Place[] {
    for (const seat of this.#group.seats) {
      const kept = [...seat.owned].filter((place) => seat.topics.has(place.topic) && !isElsewhere(seat, place))
      if (kept.length < seat.owned.size) this.#revokes = true
      this.#assigned.set(seat, new Set(kept))
      for (const place of kept) this.#owner.set(place, seat)
    }
    return this.#all.filter((place) => !this.#owner.has(place))
  }

  balance(left: readonly Place[]): void {
    for (const seat of this.#group.seats) this.#enter(seat)
    const isFirst = this.#order.every((seat) => this.#load(seat) === 0)
    const unmatched = this.#group.seats.some(({ rack }) => rack !== undefined)
      ? left.filter((place) => !this.#assignToEmptiest(place, (seat) => !isElsewhere(seat, place)))
      : left
    for (const place of unmatched) this.#assignToEmptiest(place, () => true)
    const movable = (place: Place) => (this.#subscribers.get(place.topic)?.length ?? 0) > 1
    this.#order = this.#order.filter((seat) => this.#takesPart(seat))
    const before = { owner: new Map(this.#owner), assigned: copyOf(this.#assigned), score: this.#score() }
    if (!this.#revokes) this.#reassign(left.filter(movable))
    const moved = this.#reassign(this.#all.filter(movable))
    if (!isFirst && moved && this.#score() >= before.score) {
      this.#owner = before.owner
      this.#assigned = before.assigned
    }
  }

  #load(seat: Seat): number {
    return this.#assigned.get(seat)?.size ?? 0
  }

  #enter(seat: Seat): void {
    const load = this.#load(seat)
    const index = this.#order.findIndex((other) => {
      const difference = this.#load(other) - load
      return difference > 0 || (difference === 0 && compare(other.memberId, seat.memberId) > 0)
    })
    this.#order.splice(index < 0 ? this.#order.length : index, 0, seat)
  }

  #exit(seat: Seat): void {
    const index = this.#order.indexOf(seat)
    if (index >= 0) this.#order.splice(index, 1)
  }

  #assignToEmptiest(place: Place, may: (seat: Seat) => boolean): boolean {
    const seat = this.#order.find((one) => one.topics.has(place.topic) && may(one))
    if (seat === undefined) return false
    this.#exit(seat)
    this.#assigned.get(seat)?.add(place)
    this.#owner.set(place, seat)
    this.#enter(seat)
    return true
  }

  /** Whether the member may receive more, or give up a partition to another subscriber. */
  #takesPart(seat: Seat): boolean {
    const own = this.#assigned.get(seat) ?? new Set<Place>()
    if (own.size < this.#most(seat)) return true
    return [...own].some(({ topic }) => (this.#subscribers.get(topic)?.length ?? 0) > 1)
  }

  /** How many partitions the member could have. */
  #most(seat: Seat): number {
    let sum = 0
    for (const topic of seat.topics) sum += this.#group.places.get(topic)?.length ?? 0
    return sum
  }

  #isBalanced(): boolean {
    const [emptiest] = this.#order
    const fullest = this.#order.at(-1)
    if (emptiest === undefined || fullest === undefined) return true
    if (this.#load(emptiest) >= this.#load(fullest) - 1) return true
    const most = new Map<string, number>()
    for (const seat of this.#order) {
      const load = this.#load(seat)
      for (const { topic } of this.#assigned.get(seat) ?? []) if (load > (most.get(topic) ?? 0)) most.set(topic, load)
    }
    return this.#order.every((seat) => {
      const load = this.#load(seat)
      return [...seat.topics].every((topic) => (most.get(topic) ?? 0) <= load + 1)
    })
  }

  /** Repeats until nothing can be moved for a better balance. */
  #reassign(places: readonly Place[]): boolean {
    let any = false
    let isBalanced = this.#isBalanced()
    for (let moved = true; moved; ) {
      moved = false
      for (const place of places) {
        if (isBalanced) break
        if (!this.#reassignOne(place)) continue
        moved = true
        isBalanced = this.#isBalanced()
      }
      any ||= moved
    }
    return any
  }

  #reassignOne(place: Place): boolean {
    const owner = this.#owner.get(place)
    if (owner === undefined) return false
    const load = this.#load(owner)
    const previous = this.#previous.get(place)
    if (previous?.topics.has(place.topic) && this.#order.includes(previous) && load > this.#load(previous) + 1) {
      this.#move(place, owner, previous)
      return true
    }
    const subscribers = this.#subscribers.get(place.topic) ?? []
    if (!subscribers.some((seat) => load > this.#load(seat) + 1)) return false
    const target = this.#order.find((seat) => seat.topics.has(place.topic))
    if (target === undefined) return false
    this.#move(place, owner, target)
    return true
  }

  #move(wanted: Place, from: Seat, to: Seat): void {
    const place = this.#movements.instead(wanted, from, to)
    const owner = this.#owner.get(place) ?? from
    this.#exit(owner)
    this.#exit(to)
    this.#movements.moved(place, owner, to)
    this.#assigned.get(owner)?.delete(place)
    this.#assigned.get(to)?.add(place)
    this.#owner.set(place, to)
    this.#enter(to)
    if (owner !== to) this.#enter(owner)
  }

  /** The sum of the differences of all pairs of members that take part. */
  #score(): number {
    const loads = this.#order.map((seat) => this.#load(seat))
    let score = 0
    for (let i = 0; i < loads.length; i++) {
      for (let j = i + 1; j < loads.length; j++) score += Math.abs(loads[i]! - loads[j]!)
    }
    return score
  }
}

function copyOf(assigned: ReadonlyMap<Seat, ReadonlySet<Place>>): Map<Seat, Set<Place>> {
  return new Map([...assigned].map(([seat, places]) => [seat, new Set(places)]))
}

/** The owners of before the newest generation: a partition that has to move returns to them first. */
function previousOwners({ seats, places, generation: newest }: StickyGroup): Map<Place, Seat> {
  const owners = new Map<Place, { seat: Seat; generation: number }>()
  for (const seat of seats) {
    const generation = seat.claim.generation ?? -1
    if (generation >= newest) continue
    for (const partition of seat.claim.partitions) {
      const place = placeIn(places, partition)
      if (place === undefined) continue
      const known = owners.get(place)
      if (known === undefined || generation > known.generation) owners.set(place, { seat, generation })
    }
  }
  return new Map([...owners].map(([place, { seat }]) => [place, seat]))
}

/** Partitions that one member receives and another one has to give up, by their subscriptions. */
function movingOf(group: StickyGroup, assigned: ReadonlyMap<Seat, readonly Place[]>): Set<Place> {
  const given = new Set<Place>()
  const received = new Set<Place>()
  for (const [seat, places] of assigned) {
    const own = new Set(seat.member.owned.map((partition) => placeIn(group.places, partition)))
    const now = new Set(places)
    for (const place of now) if (!own.has(place)) received.add(place)
    for (const place of own) if (place !== undefined && !now.has(place)) given.add(place)
  }
  return new Set([...received].filter((place) => given.has(place)))
}
