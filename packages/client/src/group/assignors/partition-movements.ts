import { bucketOf, stringHash, tableSize } from './java-order.ts'
import type { Place, Seat } from './sticky-group.ts'

interface Move {
  readonly from: Seat
  readonly to: Seat
}

/** The moves of one plan: instead of moving partitions of a topic both ways between two members, one of them moves back. */
export class PartitionMovements {
  readonly #moves = new Map<Place, Move>()
  readonly #byTopic = new Map<string, Map<Seat, Map<Seat, Moved>>>()

  /** The partition to move from one member to another, where `place` is to be moved: it may be one that was moved the other way. */
  instead(place: Place, owner: Seat, to: Seat): Place {
    const from = this.#moves.get(place)?.from ?? owner
    return this.#byTopic.get(place.topic)?.get(to)?.get(from)?.first() ?? place
  }

  moved(place: Place, owner: Seat, to: Seat): void {
    const before = this.#moves.get(place)
    const from = before?.from ?? owner
    if (before !== undefined) {
      this.#moves.delete(place)
      this.#list(place.topic, before).delete(place)
      // It is back where it was.
      if (from === to) return
    }
    const move = { from, to }
    this.#moves.set(place, move)
    this.#list(place.topic, move).add(place)
  }

  #list(topic: string, { from, to }: Move): Moved {
    const bySource = entry(this.#byTopic, topic, () => new Map<Seat, Map<Seat, Moved>>())
    const byTarget = entry(bySource, from, () => new Map<Seat, Moved>())
    return entry(byTarget, to, () => new Moved())
  }
}

/** A set whose first element is that of a HashSet. */
class Moved {
  readonly #places = new Set<Place>()
  #largest = 0

  add(place: Place): void {
    this.#places.add(place)
    this.#largest = Math.max(this.#largest, this.#places.size)
  }

  /** Java forgets an empty set, and its size. */
  delete(place: Place): void {
    this.#places.delete(place)
    if (this.#places.size === 0) this.#largest = 0
  }

  first(): Place | undefined {
    const buckets = tableSize(this.#largest)
    let best: Place | undefined
    let bestBucket = Infinity
    for (const place of this.#places) {
      const bucket = bucketOf(placeHash(place), buckets)
      if (bucket >= bestBucket) continue
      best = place
      bestBucket = bucket
    }
    return best
  }
}

/** As TopicPartition.hashCode. */
function placeHash({ topic, partition }: Place): number {
  return (Math.imul(31, 31 + partition) + stringHash(topic)) | 0
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
