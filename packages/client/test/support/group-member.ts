import type { Cluster } from '../../src/cluster/cluster.ts'
import type { KafkaError } from '../../src/errors.ts'
import { range } from '../../src/group/assignors/range.ts'
import { ClassicMembership, type ClassicOptions } from '../../src/group/classic.ts'
import { decodeSubscription } from '../../src/group/consumer-protocol.ts'
import type { MembershipListener, TopicPartition } from '../../src/group/membership.ts'

export const at = (partition: number, topic = 't'): TopicPartition => ({ topic, partition })
const numbers = (partitions: readonly TopicPartition[]) => partitions.map(({ partition }) => partition).join()

/** A member of the group 'g' with a session of ten seconds, and the calls that its listener received. */
export class GroupMember {
  readonly calls: string[] = []
  readonly membership: ClassicMembership
  fatal: KafkaError | undefined
  counts = new Map([['t', 3]])
  topics = ['t']
  revoking: (() => Promise<void>) | undefined

  constructor(cluster: Cluster, options: Partial<ClassicOptions> = {}) {
    const listener: MembershipListener = {
      subscribedTopics: async () => this.topics,
      knownSubscription: () => this.topics,
      partitionCounts: async () => this.counts,
      knownPartitionCount: (topic) => this.counts.get(topic),
      beforeJoin: async () => void this.calls.push('before'),
      onAssigned: async (partitions) => void this.calls.push(`assigned ${numbers(partitions)}`),
      onRevoked: async (partitions) => {
        this.calls.push(`revoked ${numbers(partitions)}`)
        await this.revoking?.()
      },
      onLost: async (partitions) => void this.calls.push(`lost ${numbers(partitions)}`),
      onRebalanced: ({ generation, added, revoked }) => {
        this.calls.push(`rebalanced ${generation} +${numbers(added)} -${numbers(revoked)}`)
      },
      onFatal: (error) => {
        this.fatal = error
        this.calls.push(`fatal ${error.code}`)
      },
    }
    const identity = { groupId: 'g', instanceId: null, rack: null, purpose: 'coordinator:x' as const }
    const times = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3_000, rebalanceTimeoutMs: 60_000 }
    this.membership = new ClassicMembership(
      cluster,
      { ...identity, ...times, assignors: [range], ...options },
      listener,
    )
  }

  get generation(): number {
    return this.membership.identity.generation
  }

  leave(): Promise<void> {
    return this.membership.leave({ timeoutMs: 5_000, reason: 'test' })
  }
}

/** The subscription that a JoinGroup request carries. */
export function subscriptionOf({ body }: { body: { protocols: readonly { metadata: Uint8Array }[] } }) {
  return decodeSubscription(body.protocols[0]!.metadata)
}
