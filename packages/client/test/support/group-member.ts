import type { Cluster } from '../../src/cluster/cluster.ts'
import { CoordinatorConnection } from '../../src/cluster/coordinator-connection.ts'
import type { KafkaError } from '../../src/errors.ts'
import type { Assignor } from '../../src/group/assignors/assignor.ts'
import { protocolAssignor } from '../../src/group/assignors/protocol-assignor.ts'
import { range } from '../../src/group/assignors/range.ts'
import type { RawAssignor } from '../../src/group/assignors/raw-assignor.ts'
import { ClassicMembership, type ClassicOptions } from '../../src/group/classic.ts'
import { decodeSubscription } from '../../src/group/consumer-protocol.ts'
import type { MembershipListener, TopicPartition } from '../../src/group/membership.ts'

export const at = (partition: number, topic = 't'): TopicPartition => ({ topic, partition })
const numbers = (partitions: readonly TopicPartition[]) => partitions.map(({ partition }) => partition).join()

/** What a hook of the test does. */
type HookBody = (signal: AbortSignal) => Promise<void>

export interface MemberOptions extends Partial<Omit<ClassicOptions, 'assignors'>> {
  readonly assignors?: readonly (Assignor | RawAssignor)[]
}

/** A member of the group 'g' with a session of ten seconds, and the calls that its listener received. */
export class GroupMember {
  readonly calls: string[] = []
  /** The calls of onLost, which follow the calls of `lost`. */
  readonly lostHooks: string[] = []
  /** Of `onRebalancing`. */
  readonly reasons: string[] = []
  readonly membership: ClassicMembership
  readonly connections = {
    coordinator: new CoordinatorConnection('coordinator:x'),
    heartbeat: new CoordinatorConnection('heartbeat:x'),
    offsets: new CoordinatorConnection('offsets:x'),
  }
  fatal: KafkaError | undefined
  counts = new Map([['t', 3]])
  readonly ids = new Map<string, string>()
  topics = ['t']
  revoking: HookBody | undefined
  assigning: HookBody | undefined
  losing: HookBody | undefined
  positioning: HookBody | undefined
  readonly #running = new Set<object>()
  /** The most hooks that ran at the same time. */
  mostRunning = 0

  constructor(cluster: Cluster, { assignors = [range], ...options }: MemberOptions = {}) {
    const listener: MembershipListener = {
      subscribedTopics: async () => this.topics,
      knownSubscription: () => this.topics,
      layouts: async (topics) =>
        new Map(
          [...this.counts]
            .filter(([topic]) => topics.includes(topic))
            .map(([topic, partitionCount]) => [topic, { partitionCount, racks: [] }]),
        ),
      knownTopic: (topic) => {
        const partitionCount = this.counts.get(topic)
        return partitionCount === undefined ? undefined : { topicId: this.ids.get(topic) ?? '', partitionCount }
      },
      beforeJoin: async () => void this.calls.push('before'),
      onAssigned: (partitions, signal) => this.#hook(`assigned ${numbers(partitions)}`, this.assigning, signal),
      onRevoked: (partitions, signal) => this.#hook(`revoked ${numbers(partitions)}`, this.revoking, signal),
      lost: (partitions) => void this.calls.push(`lost ${numbers(partitions)}`),
      onLost: async (partitions, signal) => {
        this.lostHooks.push(`onLost ${numbers(partitions)}`)
        await this.#hook(undefined, this.losing, signal)
      },
      positioned: async (_, signal) => this.positioning?.(signal),
      onRebalanced: ({ generation, added, revoked }) => {
        this.calls.push(`rebalanced ${generation} +${numbers(added)} -${numbers(revoked)}`)
      },
      onRebalancing: (reason) => void this.reasons.push(reason),
      onEpoch: () => {},
      onFatal: (error) => {
        this.fatal = error
        this.calls.push(`fatal ${error.code}`)
      },
    }
    const { connections } = this
    const identity = { groupId: 'g', instanceId: null, rack: null, connections }
    const times = {
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 3_000,
      rebalanceTimeoutMs: 60_000,
      revokeGraceMs: 5_000,
    }
    this.membership = new ClassicMembership(
      cluster,
      { ...identity, ...times, assignors: assignors.map(protocolAssignor), ...options },
      listener,
    )
  }

  get generation(): number {
    return this.membership.identity.generation
  }

  async #hook(call: string | undefined, hook: HookBody | undefined, signal: AbortSignal): Promise<void> {
    if (call !== undefined) this.calls.push(call)
    const running = {}
    this.#running.add(running)
    this.mostRunning = Math.max(this.mostRunning, this.#running.size)
    try {
      await hook?.(signal)
    } finally {
      this.#running.delete(running)
    }
  }

  leave(): Promise<void> {
    return this.membership.leave({ timeoutMs: 5_000, reason: 'test' })
  }

  /** Leaves, and closes the connection that belongs to the consumer. */
  async close(): Promise<void> {
    await this.leave()
    this.connections.offsets.close()
  }
}

/** The subscription that a JoinGroup request carries. */
export function subscriptionOf({ body }: { body: { protocols: readonly { metadata: Uint8Array }[] } }) {
  return decodeSubscription(body.protocols[0]!.metadata)
}
