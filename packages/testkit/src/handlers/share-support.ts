import type { Acknowledgement } from '../state/shares/share-acknowledge.ts'
import { RENEW } from '../state/shares/share-acknowledge.ts'
import type { AcknowledgeResult, PartitionAcks } from '../state/shares/share-partitions.ts'
import { failed } from '../state/shares/share-state-shard.ts'
import type { HandlerContext } from './handler.ts'
import { type LeaderHint, leaderHint } from './support.ts'

/** Members choose their ids, of at most 36 characters. */
export function isMemberIdValid(memberId: string | null): memberId is string {
  return memberId !== null && memberId !== '' && memberId.length <= 36
}

/** With an authorizer, Kafka fails the whole request on an unknown topic id, which has no name to authorize. */
export function failsOnUnknown({ cluster }: HandlerContext): boolean {
  return cluster.config.text('authorizer.class.name') !== ''
}

export interface AckTopic {
  readonly topicId: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly acknowledgementBatches: readonly {
      readonly firstOffset: bigint
      readonly lastOffset: bigint
      readonly acknowledgeTypes: readonly number[]
    }[]
  }[]
}

export interface AckRequest {
  readonly groupId: string
  readonly memberId: string
  readonly topics: readonly AckTopic[]
  readonly isRenewAck: boolean
}

/** Applies the acknowledgements of a request; `done` receives a result for each of its partitions. */
export function acknowledgeAll(
  context: HandlerContext,
  { groupId, memberId, topics, isRenewAck }: AckRequest,
  done: (results: readonly AcknowledgeResult[]) => void,
): void {
  const { broker } = context
  const ended: AcknowledgeResult[] = []
  const idle: AcknowledgeResult[] = []
  const acknowledged: PartitionAcks[] = []
  for (const { topicId, partitions } of topics) {
    const topic = broker.view.topicById(topicId)
    for (const { partitionIndex, acknowledgementBatches } of partitions) {
      const at = { topicId, partition: partitionIndex }
      const acks = acknowledgementBatches.map(({ firstOffset, lastOffset, acknowledgeTypes }) => ({
        ...{ firstOffset: Number(firstOffset), lastOffset: Number(lastOffset), types: acknowledgeTypes },
      }))
      const isKnown = topic?.partitions[partitionIndex] !== undefined
      if (topic === undefined) ended.push({ at, failure: failed('UNKNOWN_TOPIC_ID') })
      else if (!areValid(acks, { isRenewAck, supportsRenew: context.apiVersion >= 2 })) {
        ended.push({ at, failure: failed('INVALID_REQUEST') })
      } else if (!isKnown) ended.push({ at, failure: failed('UNKNOWN_TOPIC_OR_PARTITION') })
      else if (acks.length === 0) idle.push({ at, failure: undefined })
      else acknowledged.push({ at, acks })
    }
  }
  broker.services.shares.acknowledge(groupId, memberId, acknowledged, (results) => {
    // Partitions without acknowledgements appear only when others have some.
    done([...ended.map(withoutMessage), ...results, ...(acknowledged.length === 0 ? [] : idle)])
  })
}

/** Errors detected before the share partition have no message. */
function withoutMessage({ at, failure }: AcknowledgeResult): AcknowledgeResult {
  return { at, failure: failure && { error: failure.error, message: '' } }
}

function areValid(
  acks: readonly Acknowledgement[],
  { isRenewAck, supportsRenew }: { readonly isRenewAck: boolean; readonly supportsRenew: boolean },
): boolean {
  for (const { firstOffset, lastOffset, types } of acks) {
    if (firstOffset > lastOffset || types.length === 0) return false
    if (types.length > 1 && types.length !== lastOffset - firstOffset + 1) return false
    const highest = supportsRenew ? RENEW : RENEW - 1
    if (types.some((type) => type < 0 || type > highest)) return false
    if (!isRenewAck && types.includes(RENEW)) return false
  }
  return true
}

/** The current leader, for a client that used the wrong broker. */
export function shareHint(context: HandlerContext, topicId: string, partition: number): LeaderHint | undefined {
  const topic = context.broker.view.topicById(topicId)
  return topic && leaderHint(context, topic, partition)
}
