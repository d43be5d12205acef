import type { BrokerConfig } from '../configs/broker-config.ts'
import type { FollowerProgress } from './leader-state.ts'
import type { Replica } from './replica.ts'

/** Kafka's selector of the replica that a consumer in the same rack reads from (KIP-392). */
const rackAwareSelector = 'org.apache.kafka.common.replica.RackAwareReplicaSelector'

/** A consumer's fetch of one partition, as its leader sees it. */
export interface RackFetch {
  /** The rack of the consumer; empty: unknown. */
  readonly rackId: string
  readonly fetchOffset: number
  /** The rack of a live broker on the consumer's listener; undefined: the broker is not available there. */
  readonly rackOf: (brokerId: number) => string | null | undefined
}

/** The id of the follower that a consumer should read from; undefined: this replica. */
export type ReadReplicaSelector = (replica: Replica, fetch: RackFetch) => number | undefined

/** The selector of `replica.selector.class`; undefined: consumers read from the leader. Throws TypeError for another class. */
export function readReplicaSelectorOf(config: BrokerConfig): ReadReplicaSelector | undefined {
  const name = config.text('replica.selector.class')
  if (name === '') return undefined
  if (name === rackAwareSelector) return followerInRack
  throw new TypeError(`Config 'replica.selector.class' must be ${rackAwareSelector} or empty, not '${name}'`)
}

/** The most caught-up follower in the consumer's rack, unless the leader is in that rack. */
function followerInRack(replica: Replica, { rackId, fetchOffset, rackOf }: RackFetch): number | undefined {
  const leader = replica.leadership
  if (leader === undefined || rackId === '' || rackOf(leader.brokerId) === rackId) return undefined
  // A follower outside the ISR may lag further behind, and the leader would select it again and again.
  const candidates = leader.followers.filter(
    ({ id, logStartOffset, logEndOffset }) =>
      leader.isr.includes(id) && logStartOffset <= fetchOffset && fetchOffset <= logEndOffset && rackOf(id) === rackId,
  )
  const [best] = candidates.sort(mostCaughtUpFirst)
  return best?.id
}

function mostCaughtUpFirst(a: FollowerProgress, b: FollowerProgress): number {
  if (a.logEndOffset !== b.logEndOffset) return b.logEndOffset - a.logEndOffset
  if (a.lastCaughtUpAtMs !== b.lastCaughtUpAtMs) return a.lastCaughtUpAtMs > b.lastCaughtUpAtMs ? -1 : 1
  return b.id - a.id
}
