import { compare } from './assignor.ts'
import { isElsewhere, type Place, type Seat, type StickyGroup } from './sticky-group.ts'

export interface StickyResult {
  readonly assigned: ReadonlyMap<Seat, readonly Place[]>
  /** Partitions that another member may have to give up before the new owner may have them. */
  readonly moving: ReadonlySet<Place>
}

/**
 * The plan where all members subscribe to the same topics: each receives its share, some one partition more. Members keep what they
 * own within that; then what is left is dealt, first to members in the racks of its replicas. The steps are those of Java's
 * sticky assignors, because a Java client may lead the group the next time.
 */
export function evenPlan(group: StickyGroup): StickyResult {
  const plan = new EvenPlan(group)
  plan.keep()
  const left = plan.left()
  plan.matchRacks(left)
  plan.deal(left)
  return { assigned: plan.assigned, moving: plan.moving }
}

class EvenPlan {
  readonly assigned = new Map<Seat, Place[]>()
  readonly moving = new Set<Place>()
  readonly #group: StickyGroup
  readonly #least: number
  readonly #most: number
  /** How many members may receive one more than the others. */
  #extras: number
  /** Members with less than their share. */
  readonly #short: Seat[] = []
  /** Members with their share, which may receive one more. */
  #even: Seat[] = []
  readonly #kept = new Set<Place>()
  /** Partitions that leave their owner. */
  readonly #released = new Map<Place, Seat>()

  constructor(group: StickyGroup) {
    this.#group = group
    const total = [...group.places.values()].reduce((sum, list) => sum + list.length, 0)
    const { length: members } = group.seats
    this.#least = Math.floor(total / members)
    this.#most = Math.ceil(total / members)
    this.#extras = total % members
  }

  /** Members keep what they own and may keep; the others are released. */
  keep(): void {
    const { seats, contested } = this.#group
    for (const seat of seats) {
      const own: Place[] = []
      for (const place of [...seat.owned].sort(byPartition)) {
        if (isElsewhere(seat, place)) this.#released.set(place, seat)
        else if (!contested.has(place)) own.push(place)
      }
      const share = this.#shareOf(seat, own.length)
      const kept = own.slice(0, share)
      this.assigned.set(seat, kept)
      for (const place of kept) this.#kept.add(place)
      for (const place of own.slice(share)) this.#released.set(place, seat)
    }
    this.#short.sort(byMember)
    this.#even.sort(byMember)
  }

  /** How many of its own partitions the member keeps. */
  #shareOf(seat: Seat, own: number): number {
    if (own < this.#least) {
      this.#short.push(seat)
      return own
    }
    if (own >= this.#most && this.#extras > 0) {
      this.#takeExtra()
      return this.#most
    }
    if (this.#extras > 0) this.#even.push(seat)
    return this.#least
  }

  #takeExtra(): void {
    this.#extras--
    if (this.#extras === 0) this.#even = []
  }

  /** The partitions without an owner; where members have racks, those first that match the fewest members. */
  left(): Place[] {
    const { places, rackMembers } = this.#group
    const left = [...places.values()].flatMap((list) => list.filter((place) => !this.#kept.has(place)))
    if (rackMembers === undefined) return left
    const counts = new Map(left.map((place) => [place, rackMembers(place)]))
    return left.sort((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0))
  }

  /** Deals partitions to members in their racks, and removes them from `left`. */
  matchRacks(left: Place[]): void {
    if (this.#group.seats.every(({ rack }) => rack === undefined)) return
    let next = 0
    const rest = left.filter((place) => {
      const index = nextInRack(this.#short, place, next)
      if (index >= 0) {
        const seat = this.#short[index]!
        next = this.#giveShort(seat, index, place)
        return false
      }
      const seat = this.#even[nextInRack(this.#even, place, 0)]
      if (seat === undefined) return true
      this.#even = this.#even.filter((other) => other !== seat)
      this.#give(place, seat)
      this.#takeExtra()
      return false
    })
    left.splice(0, left.length, ...rest)
  }

  /** Returns the index of the member whose turn is next. */
  #giveShort(seat: Seat, index: number, place: Place): number {
    let next = index
    const count = this.#give(place, seat)
    if (count < this.#least) next++
    else {
      this.#short.splice(index, 1)
      if (count < this.#most && this.#extras > 0) this.#even.push(seat)
    }
    return this.#short.length === 0 ? 0 : next % this.#short.length
  }

  /** Deals the rest by turns: first to members with less than their share. */
  deal(left: readonly Place[]): void {
    let turn = 0
    for (const place of left) {
      if (turn >= this.#short.length) turn = 0
      const seat = this.#short[turn] ?? this.#even.shift()
      if (seat === undefined) throw new Error('The sticky plan has partitions left but no member to give them to')
      const count = this.#give(place, seat)
      if (count !== this.#least) turn++
      else {
        this.#short.splice(turn, 1)
        this.#even.push(seat)
      }
    }
  }

  #give(place: Place, seat: Seat): number {
    const own = this.assigned.get(seat)!
    const before = this.#released.get(place)
    if ((before !== undefined && before !== seat) || this.#group.contested.has(place)) this.moving.add(place)
    return own.push(place)
  }
}

function nextInRack(seats: readonly Seat[], place: Place, from: number): number {
  for (let i = 0; i < seats.length; i++) {
    const index = (from + i) % seats.length
    const { rack } = seats[index]!
    if (rack !== undefined && place.racks.has(rack)) return index
  }
  return -1
}

function byPartition(a: Place, b: Place): number {
  return a.partition - b.partition || compare(a.topic, b.topic)
}

function byMember(a: Seat, b: Seat): number {
  return compare(a.memberId, b.memberId)
}
