import type { ConsumerGroupHeartbeatRequest } from '@ottla/codec'
import { sameNames } from './membership.ts'
import type { NextGenSubscription, TopicIdPartitions } from './next-gen-requests.ts'

export interface ReportOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly rack: string | null
  readonly rebalanceTimeoutMs: number
  /** The assignor of the brokers; null: their default. */
  readonly remoteAssignor: string | null
}

/** A member at the moment of a heartbeat. */
export interface MemberReport {
  readonly memberId: string
  /** 0: it joins. */
  readonly epoch: number
  readonly subscription: NextGenSubscription
  /** What it owns; the same array while nothing changed. */
  readonly owned: readonly TopicIdPartitions[]
}

/**
 * What the coordinator has of a member: a heartbeat contains only what changed since. After one without a response, or with an error,
 * the next one contains everything, because the coordinator may have any state (KIP-848).
 */
export class ReportedState {
  readonly #options: ReportOptions
  #reported: MemberReport | undefined

  constructor(options: ReportOptions) {
    this.#options = options
  }

  /** The coordinator may not have what was reported. */
  reset(): void {
    this.#reported = undefined
  }

  /** The coordinator has responded to a heartbeat with this report. */
  accepted(report: MemberReport): void {
    this.#reported = report
  }

  /** Whether the coordinator does not have this yet. */
  lacks({ subscription, owned }: Pick<MemberReport, 'subscription' | 'owned'>): boolean {
    const before = this.#reported
    return before === undefined || before.owned !== owned || !sameSubscription(before.subscription, subscription)
  }

  body(report: MemberReport): ConsumerGroupHeartbeatRequest {
    const { groupId, instanceId, rack, rebalanceTimeoutMs, remoteAssignor } = this.#options
    const { memberId, epoch: memberEpoch, subscription, owned } = report
    const identity = { groupId, memberId, memberEpoch, instanceId }
    const before = memberEpoch === 0 ? undefined : this.#reported
    const hasSubscription = before === undefined || !sameSubscription(before.subscription, subscription)
    const subscribed = hasSubscription && {
      subscribedTopicNames: [...subscription.names],
      subscribedTopicRegex: subscription.regex,
    }
    const partitions =
      before?.owned === owned ? null : owned.map((topic) => ({ ...topic, partitions: [...topic.partitions] }))
    // A member that joins owns nothing.
    const topicPartitions = memberEpoch === 0 ? [] : partitions
    if (before !== undefined) return { ...identity, ...subscribed, topicPartitions }
    return {
      ...identity,
      ...subscribed,
      rackId: rack,
      rebalanceTimeoutMs,
      serverAssignor: remoteAssignor,
      topicPartitions,
    }
  }
}

function sameSubscription(a: NextGenSubscription, b: NextGenSubscription): boolean {
  return a.regex === b.regex && sameNames(a.names, b.names)
}
