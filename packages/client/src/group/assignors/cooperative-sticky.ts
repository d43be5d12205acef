import { PartitionSet, type TopicPartition } from '../membership.ts'
import type { Assignor, GroupMember } from './assignor.ts'
import { stickyPlan } from './sticky.ts'

/**
 * The sticky plan, reached in two rebalances without stopping the other partitions (KIP-429). A partition that another member still
 * owns is assigned to no member in the first one: its owner revokes it after this assignment and joins again, and then it is free.
 */
export const cooperativeSticky: Assignor = {
  name: 'cooperative-sticky',
  cooperative: true,
  assign(counts, members) {
    const plan = stickyPlan(counts, members, generationOf)
    const owned = members.map((member) => ({ member, partitions: new PartitionSet(member.owned) }))
    const claimed = new PartitionSet(members.flatMap((member) => member.owned))
    for (const [memberId, partitions] of plan) {
      const ready = (partition: TopicPartition): boolean =>
        !claimed.has(partition) ||
        !owned.some(({ member, partitions: own }) => member.memberId !== memberId && own.has(partition))
      plan.set(memberId, partitions.filter(ready))
    }
    return plan
  },
  userData(generation) {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(generation, 0)
    return bytes
  },
}

/** Before version 2 of the subscription, clients wrote the generation into the user data; other bytes there are no generation. */
function generationOf(member: GroupMember): number {
  if (member.generation >= 0) return member.generation
  const { userData } = member
  if (userData === null || userData.length !== 4) return -1
  return Buffer.from(userData.buffer, userData.byteOffset, 4).readInt32BE(0)
}
