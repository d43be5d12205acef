import type { TopicPartition } from '../membership.ts'
import { type AssignorGroup, type GroupMember, membersByTopic } from './assignor.ts'
import { inJavaOrder } from './java-order.ts'
import { memberRacks, racksMatter } from './racks.ts'

/** A partition during planning; one object for each. */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly racks: ReadonlySet<string>
}

/** A member during planning. */
export interface Seat {
  readonly memberId: string
  readonly member: GroupMember
  /** The existing topics that it subscribes to. */
  readonly topics: ReadonlySet<string>
  /** Undefined as well where racks make no difference. */
  readonly rack: string | undefined
  /** What it owned before, as far as no other member has a better claim. */
  readonly owned: Set<Place>
  /** What it owned before by its own account, and in which generation. */
  readonly claim: Claim
}

/** The partitions that a member owned, and in which generation; undefined: it does not say. */
export interface Claim {
  readonly partitions: readonly TopicPartition[]
  readonly generation: number | undefined
}

/** A group, prepared for a sticky plan. */
export interface StickyGroup {
  /** In the order in which Java processes them. */
  readonly seats: readonly Seat[]
  /** The subscribed topics, by name, with their partitions. */
  readonly places: ReadonlyMap<string, readonly Place[]>
  /** Partitions that several members claim for the same generation. */
  readonly contested: ReadonlySet<Place>
  /** The newest generation that any member claims partitions for. */
  readonly generation: number
  /** How many members are in the racks of a partition; undefined where no member has a rack. */
  readonly rackMembers: ((place: Place) => number) | undefined
}

const noGeneration = -1

export function stickyGroup(group: AssignorGroup, claimOf: (member: GroupMember) => Claim): StickyGroup {
  const subscribed = membersByTopic(group)
  const places = new Map(
    subscribed.map(({ topic, info }) => [
      topic,
      Array.from({ length: info.partitionCount }, (_, partition): Place => {
        return { topic, partition, racks: new Set(info.racks[partition]) }
      }),
    ]),
  )
  const racks = memberRacks(group.members)
  const infos = subscribed.map(({ info }) => info)
  const used = racksMatter(racks.values(), infos) ? racks : new Map<string, string>()
  const seats = inJavaOrder(group.members, ({ memberId }) => memberId).map((member): Seat => {
    const topics = new Set(member.topics.filter((topic) => places.has(topic)))
    const { memberId } = member
    return { memberId, member, topics, rack: used.get(memberId), owned: new Set(), claim: claimOf(member) }
  })
  const contested = settleClaims(seats, places)
  const generation = Math.max(noGeneration, ...seats.map(({ claim }) => claim.generation ?? noGeneration))
  return { seats, places, contested, generation, rackMembers: racks.size === 0 ? undefined : countsOf(racks) }
}

/** Whether the member has a rack, and the partition no replica there. */
export function isElsewhere({ rack }: Seat, place: Place): boolean {
  return rack !== undefined && !place.racks.has(rack)
}

/** The place of a partition, if it exists. */
export function placeIn(places: StickyGroup['places'], { topic, partition }: TopicPartition): Place | undefined {
  return places.get(topic)?.[partition]
}

/** The newest generation wins; two claims of the same one are both void. Returns the partitions with such claims. */
function settleClaims(seats: readonly Seat[], places: StickyGroup['places']): Set<Place> {
  const owners = new Map<Place, Seat>()
  const contested = new Set<Place>()
  for (const seat of seats) {
    const generation = seat.claim.generation ?? noGeneration
    for (const partition of seat.claim.partitions) {
      const place = placeIn(places, partition)
      if (place === undefined) continue
      const rival = owners.get(place)
      if (rival === seat) continue
      if (rival === undefined) seat.owned.add(place)
      else {
        // As in Java: that of the other member by its subscription, which may lack what its user data say.
        const rivals = Math.max(noGeneration, rival.member.generation)
        if (generation < rivals) continue
        rival.owned.delete(place)
        if (generation === rivals) contested.add(place)
        else seat.owned.add(place)
      }
      owners.set(place, seat)
    }
  }
  return contested
}

function countsOf(racks: ReadonlyMap<string, string>): (place: Place) => number {
  const members = new Map<string, number>()
  for (const rack of racks.values()) members.set(rack, (members.get(rack) ?? 0) + 1)
  return (place) => [...place.racks].reduce((sum, rack) => sum + (members.get(rack) ?? 0), 0)
}
