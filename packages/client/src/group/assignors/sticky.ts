import { groupByTopic } from '../../cluster/topology.ts'
import { type Assignment, compare, compareMembers, type GroupMember, membersByTopic } from './assignor.ts'

/**
 * The plan of the sticky assignors: as balanced as the subscriptions allow, and among such plans one that moves few partitions.
 * First it gives free partitions to the members with the fewest. Then it moves partitions from the fullest member to the emptiest
 * one that subscribes to them, while the difference is two or more. Each move lowers the sum of squares, so it terminates.
 */
export function stickyPlan(
  counts: ReadonlyMap<string, number>,
  members: readonly GroupMember[],
  generationOf: (member: GroupMember) => number,
): Assignment {
  const plan = new Plan(counts, members, claims(members, generationOf))
  plan.fill()
  plan.balance()
  return plan.result()
}

/** The owners by the members' claims. The newest generation wins; two claims of the same generation are both void. */
function claims(
  members: readonly GroupMember[],
  generationOf: (member: GroupMember) => number,
): Map<string, (Claim | undefined)[]> {
  const owners = new Map<string, (Claim | undefined)[]>()
  for (const member of members) {
    const generation = generationOf(member)
    for (const { topic, partitions } of groupByTopic(member.owned, ({ partition }) => partition)) {
      let list = owners.get(topic)
      if (list === undefined) {
        list = []
        owners.set(topic, list)
      }
      for (const partition of partitions) {
        const rival = list[partition]
        if (rival === undefined || rival.generation < generation) list[partition] = { member, generation }
        else if (rival.generation === generation && rival.member !== member) {
          list[partition] = { member: undefined, generation }
        }
      }
    }
  }
  return owners
}

interface Claim {
  readonly member: GroupMember | undefined
  readonly generation: number
}

/** Topics with the same subscribers: each partition of a class can be assigned to the same members. */
interface TopicClass {
  readonly seats: readonly Seat[]
  readonly topics: string[]
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly class: TopicClass
  /** The previous owner: the partition leaves it only when no other move balances the plan. */
  readonly home: Seat | undefined
}

/** A member during planning. */
interface Seat {
  readonly member: GroupMember
  readonly rank: number
  readonly places: Map<TopicClass, Place[]>
  load: number
}

class Plan {
  readonly #counts: ReadonlyMap<string, number>
  readonly #owners: Map<string, (Claim | undefined)[]>
  readonly #seats: Seat[]
  readonly #classes: TopicClass[]

  constructor(
    counts: ReadonlyMap<string, number>,
    members: readonly GroupMember[],
    owners: Map<string, (Claim | undefined)[]>,
  ) {
    this.#counts = counts
    this.#owners = owners
    this.#seats = members
      .toSorted(compareMembers)
      .map((member, rank) => ({ member, rank, places: new Map<TopicClass, Place[]>(), load: 0 }))
    this.#classes = classesOf(counts, members, this.#seats)
  }

  /** Keeps owned partitions, and gives the others to the members with the fewest, topics with the fewest subscribers first. */
  fill(): void {
    const free: Place[] = []
    for (const topicClass of this.#classes) {
      const byMember = new Map(topicClass.seats.map((seat) => [seat.member, seat]))
      for (const topic of topicClass.topics) {
        const owners = this.#owners.get(topic)
        for (let partition = 0; partition < (this.#counts.get(topic) ?? 0); partition++) {
          const owner = owners?.[partition]?.member
          const home = owner === undefined ? undefined : byMember.get(owner)
          const place: Place = { topic, partition, class: topicClass, home }
          if (home === undefined) free.push(place)
          else put(home, place)
        }
      }
    }
    for (const place of free) put(emptiest(place.class), place)
  }

  balance(): void {
    for (;;) {
      const moved = this.#seats.toSorted((a, b) => b.load - a.load || a.rank - b.rank).some((seat) => moveOne(seat))
      if (!moved) return
    }
  }

  result(): Assignment {
    return new Map(
      this.#seats.map((seat) => [
        seat.member.memberId,
        [...seat.places.values()]
          .flat()
          .sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition)
          .map(({ topic, partition }) => ({ topic, partition })),
      ]),
    )
  }
}

function classesOf(counts: ReadonlyMap<string, number>, members: readonly GroupMember[], seats: Seat[]): TopicClass[] {
  const seatOf = new Map(seats.map((seat) => [seat.member, seat]))
  const byRanks = new Map<string, TopicClass>()
  for (const { topic, members: subscribers } of membersByTopic(counts, members)) {
    const own = subscribers.map((member) => seatOf.get(member)!)
    const key = own.map((seat) => seat.rank).join()
    const known = byRanks.get(key)
    if (known === undefined) byRanks.set(key, { seats: own, topics: [topic] })
    else known.topics.push(topic)
  }
  return [...byRanks.values()].sort((a, b) => a.seats.length - b.seats.length || compare(a.topics[0]!, b.topics[0]!))
}

function emptiest(topicClass: TopicClass): Seat {
  let best = topicClass.seats[0]!
  for (const seat of topicClass.seats) if (seat.load < best.load) best = seat
  return best
}

function put(seat: Seat, place: Place): void {
  const places = seat.places.get(place.class)
  if (places === undefined) seat.places.set(place.class, [place])
  else places.push(place)
  seat.load++
}

/** Moves one partition from `seat` to the emptiest other subscriber; partitions with another previous owner move first. */
function moveOne(seat: Seat): boolean {
  let best: { place: Place; to: Seat } | undefined
  for (const [topicClass, places] of seat.places) {
    if (places.length === 0) continue
    const to = emptiest(topicClass)
    if (seat.load <= to.load + 1) continue
    const place = places.findLast((candidate) => candidate.home !== seat) ?? places[places.length - 1]!
    if (best === undefined || rankMove(seat, place, to) < rankMove(seat, best.place, best.to)) best = { place, to }
  }
  if (best === undefined) return false
  const places = seat.places.get(best.place.class)!
  places.splice(places.indexOf(best.place), 1)
  seat.load--
  put(best.to, best.place)
  return true
}

const rankMove = (from: Seat, place: Place, to: Seat): number => (place.home === from ? 1e9 : 0) + to.load
