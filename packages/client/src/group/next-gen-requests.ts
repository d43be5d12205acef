import {
  ConsumerGroupHeartbeat,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
} from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { meaningOf } from '../error-meaning.ts'
import { kafkaErrorOf } from '../errors.ts'
import { within } from '../runtime/wait.ts'
import type { GroupCluster } from './classic-requests.ts'
import type { MemberConnections } from './membership.ts'

/** From this version on a request can have a pattern that the brokers evaluate. */
const regexVersion = 1

/** The epochs with which a member leaves; a static one says that it comes back. */
const leavingEpoch = -1
const staticLeavingEpoch = -2

/** The partitions of a topic, as the coordinator names them. */
export interface TopicIdPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** What a member subscribes to. */
export interface NextGenSubscription {
  readonly names: readonly string[]
  /** Evaluated by the brokers, in the syntax of RE2; null: none. */
  readonly regex: string | null
}

interface Member {
  readonly groupId: string
  readonly instanceId: string | null
}

/** The requests of a member with the protocol of KIP-848, on connections of its own. */
export class NextGenRequests {
  readonly #cluster: GroupCluster
  readonly #member: Member
  readonly #connections: MemberConnections

  constructor(cluster: GroupCluster, member: Member, connections: MemberConnections) {
    this.#cluster = cluster
    this.#member = member
    this.#connections = connections
  }

  /** `body` is called for each attempt to write the request. Rejects with the error that the coordinator reports. */
  async heartbeat(
    body: () => ConsumerGroupHeartbeatRequest,
    { timeoutMs, signal, regex }: { timeoutMs: number; signal: AbortSignal; regex: string | null },
  ): Promise<ConsumerGroupHeartbeatResponse> {
    const { groupId } = this.#member
    const broker = await this.#cluster.coordinator('group', groupId, { signal, timeoutMs })
    signal.throwIfAborted()
    const purpose = this.#connections.coordinator.to(broker)
    const minVersion = regex === null ? undefined : regexVersion
    const options = { purpose, timeoutMs, signal, minVersion }
    const response = await broker.request(ConsumerGroupHeartbeat, body, options)
    this.#check(response, broker)
    return response
  }

  #check({ errorCode, errorMessage }: ConsumerGroupHeartbeatResponse, broker: Broker): void {
    if (errorCode === 0) return
    const { groupId: group, instanceId } = this.#member
    const isInUse = meaningOf(errorCode).member === 'unreleased'
    const message = isInUse ? `another member that has not left uses the instance id '${instanceId}'` : errorMessage
    throw kafkaErrorOf(errorCode, 'Group membership', { broker, group, message })
  }

  closeConnections(): void {
    this.#connections.coordinator.close()
    this.#connections.heartbeat.close()
  }

  /**
   * Never rejects: without it the other members get the partitions when the session times out. Uses the connection of the commits,
   * behind which the coordinator must process it.
   */
  async leave(memberId: string, comesBack: boolean, limitMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const { groupId, instanceId } = this.#member
    const timeoutMs = Math.max(1, limitMs)
    const memberEpoch = comesBack ? staticLeavingEpoch : leavingEpoch
    const body = { groupId, memberId, memberEpoch, instanceId }
    try {
      await within(runtime, { operation: 'Leaving the group', timeoutMs }, async (signal) => {
        const broker = await this.#cluster.coordinator('group', groupId, { signal, timeoutMs })
        const options = { purpose: this.#connections.offsets.to(broker), timeoutMs, signal }
        this.#check(await broker.request(ConsumerGroupHeartbeat, body, options), broker)
      })
    } catch (error) {
      logger.debug('leaving the group failed', { group: groupId, error: String(error) })
    }
  }
}

/** What to do where the brokers do not have the protocol. */
export const protocolHint =
  "These brokers do not have the protocol of KIP-848 (Kafka 4.0 and later, with the feature group.version): choose protocol 'classic' or 'auto'."
