import type { BuiltInAssignor, GroupMember } from './assignor.ts'
import type { Claim } from './sticky-group.ts'
import { decodeHistory, encodeHistory } from './sticky-history.ts'
import { stickyPlan } from './sticky-plan.ts'

/**
 * The sticky plan in one rebalance: all members stop, and most of them continue with what they had, which they report in the user data
 * of their subscription. One object per consumer.
 */
export function sticky(): BuiltInAssignor {
  let history: Buffer | null = null
  return {
    name: 'sticky',
    protocol: 'eager',
    assign: (group) => stickyPlan(group, claimOf, true),
    userData: () => history,
    onAssigned({ partitions, generation }) {
      history = encodeHistory(partitions, generation)
    },
  }
}

/** Other bytes than a history count as one without partitions. */
function claimOf({ userData }: GroupMember): Claim {
  if (userData === null || userData.length === 0) return { partitions: [], generation: undefined }
  return decodeHistory(userData) ?? { partitions: [], generation: -1 }
}
