export interface AssignableBroker {
  readonly id: number
  readonly rack: string | null
}

/**
 * Replicas for `count` new partitions. Leaders rotate over the racks and over the brokers of each rack; followers use the racks
 * after the leader's, so that no rack and no broker gets two replicas of a partition while others get none. `start` is the
 * position of the first leader (random, or the number of existing partitions).
 */
export function assignReplicas(
  brokers: readonly AssignableBroker[],
  count: number,
  replicationFactor: number,
  start: number,
): number[][] {
  const order = alternateRacks(brokers)
  return Array.from({ length: count }, (_, index) => {
    // The step between followers grows with each full round, so that different pairs of brokers share partitions.
    const round = Math.floor((start + index) / order.length)
    return replicasFrom(order, (start + index) % order.length, round, replicationFactor)
  })
}

function replicasFrom(
  order: readonly AssignableBroker[],
  leader: number,
  round: number,
  replicationFactor: number,
): number[] {
  const first = order[leader] as AssignableBroker
  const others = order.length - 1
  const followers = Array.from({ length: others }, (_, step) => {
    const position = (leader + 1 + ((round + step) % others)) % order.length
    return order[position] as AssignableBroker
  })
  const chosen = [first]
  const racks = new Set([first.rack])
  // Prefer racks without a replica, then take the next broker.
  while (chosen.length < replicationFactor) {
    const free = followers.filter((broker) => !chosen.includes(broker))
    const pick = free.find((broker) => broker.rack === null || !racks.has(broker.rack)) ?? free[0]
    if (pick === undefined) break
    chosen.push(pick)
    racks.add(pick.rack)
    if (racks.size === rackCount(order)) racks.clear()
  }
  return chosen.map(({ id }) => id)
}

function rackCount(brokers: readonly AssignableBroker[]): number {
  return new Set(brokers.map(({ rack }) => rack)).size
}

/** One broker of each rack in turn; by id where there are no racks. */
function alternateRacks(brokers: readonly AssignableBroker[]): AssignableBroker[] {
  const byRack = new Map<string, AssignableBroker[]>()
  for (const broker of [...brokers].sort((a, b) => a.id - b.id)) {
    const rack = broker.rack ?? ''
    byRack.set(rack, [...(byRack.get(rack) ?? []), broker])
  }
  const queues = [...byRack.values()]
  const order: AssignableBroker[] = []
  for (let position = 0; order.length < brokers.length; position++) {
    for (const queue of queues) {
      const broker = queue[position]
      if (broker !== undefined) order.push(broker)
    }
  }
  return order
}
