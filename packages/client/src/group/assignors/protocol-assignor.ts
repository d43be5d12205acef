import { decodeSubscription, encodeAssignment, encodeSubscription } from '../consumer-protocol.ts'
import type { TopicLayout } from '../membership.ts'
import type { AssignedContext, Assignor, GroupMember, SubscriptionContext } from './assignor.ts'
import { checkedBytes, checkedPlan } from './checked-plan.ts'
import type { RawAssignor, RawMember } from './raw-assignor.ts'

/** What the leader knows when it assigns. */
export interface LeaderContext {
  readonly groupId: string
  readonly generation: number
  readonly leaderId: string
  readonly topics: ReadonlyMap<string, TopicLayout>
  readonly lookUp: (topics: readonly string[]) => Promise<ReadonlyMap<string, TopicLayout>>
  readonly signal: AbortSignal
}

/** The group, as the assignor of its leader read it. */
export interface ReadGroup {
  /** The topics on whose partitions the assignment is based. */
  readonly topics: readonly string[]
  /** The bytes for each member. */
  assign(context: LeaderContext): Promise<ReadonlyMap<string, Uint8Array>>
}

/** What a member receives. */
export interface Received extends AssignedContext {
  readonly assignment: Uint8Array
}

/** An assignor as joins use it: in bytes. Its functions may be those of the application, and may throw or return anything. */
export interface ProtocolAssignor {
  readonly name: string
  readonly cooperative: boolean
  metadata(context: SubscriptionContext): Promise<Uint8Array>
  read(members: readonly RawMember[], subscribedTopics: readonly string[]): ReadGroup
  assigned(received: Received): Promise<void>
}

/** Java's cooperative assignor is trusted as well: it knows more of the members' claims than their subscriptions say. */
const trusted = 'cooperative-sticky'

export function protocolAssignor(assignor: Assignor | RawAssignor): ProtocolAssignor {
  return assignor.raw ? ofBytes(assignor) : ofPartitions(assignor)
}

function ofPartitions(assignor: Assignor): ProtocolAssignor {
  const { name, protocol } = assignor
  const cooperative = protocol === 'cooperative'
  return {
    name,
    cooperative,
    async metadata(context) {
      const { topics, owned, generation, rack } = context
      const userData = (await assignor.userData?.(context)) ?? null
      return encodeSubscription({ topics, owned, generation, rack, userData: bytesOrNull(userData, 'userData()') })
    },
    read(group) {
      const members = group.map(({ memberId, instanceId, metadata }): GroupMember => {
        return { memberId, instanceId, ...decodeSubscription(metadata) }
      })
      return {
        topics: [...new Set(members.flatMap(({ topics }) => topics))],
        async assign({ lookUp: _, ...context }) {
          const plan = await assignor.assign({ ...context, members })
          const checked = checkedPlan(plan, { members, topics: context.topics }, cooperative && name !== trusted)
          return new Map(
            Array.from(checked, ([id, { partitions, userData }]) => [id, encodeAssignment(partitions, userData)]),
          )
        },
      }
    },
    async assigned({ assignment: _, ...context }) {
      await assignor.onAssigned?.(context)
    },
  }
}

function ofBytes(assignor: RawAssignor): ProtocolAssignor {
  return {
    name: assignor.name,
    cooperative: assignor.protocol === 'cooperative',
    async metadata(context) {
      const metadata = bytesOrNull(await assignor.metadata(context), 'metadata()')
      if (metadata === null) throw new TypeError('metadata() must return a Uint8Array')
      return metadata
    },
    read: (members, subscribedTopics) => ({
      topics: subscribedTopics,
      async assign(context) {
        return checkedBytes(await assignor.assign({ ...context, members, subscribedTopics }), members)
      },
    }),
    async assigned(received) {
      await assignor.onAssigned?.(received)
    },
  }
}

function bytesOrNull(value: unknown, from: string): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value
  throw new TypeError(`${from} must return a Uint8Array`)
}
