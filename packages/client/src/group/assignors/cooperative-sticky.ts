import type { BuiltInAssignor, GroupMember } from './assignor.ts'
import type { Claim } from './sticky-group.ts'
import { stickyPlan } from './sticky-plan.ts'

/**
 * The sticky plan, reached in two rebalances without stopping the other partitions (KIP-429). A partition that another member still
 * owns is assigned to no member in the first one: its owner revokes it after this assignment and joins again, and then it is free.
 */
export const cooperativeSticky: BuiltInAssignor = {
  name: 'cooperative-sticky',
  protocol: 'cooperative',
  assign: (group) => stickyPlan(group, claimOf, false),
  userData({ generation }) {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(generation, 0)
    return bytes
  },
}

/** Before version 2 of the subscription, clients wrote the generation into the user data; other bytes there are no generation. */
function claimOf({ owned: partitions, generation, userData }: GroupMember): Claim {
  if (generation >= 0) return { partitions, generation }
  if (userData === null) return { partitions, generation: undefined }
  if (userData.length !== 4) return { partitions, generation: -1 }
  return { partitions, generation: Buffer.from(userData.buffer, userData.byteOffset, 4).readInt32BE(0) }
}
