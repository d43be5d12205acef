import { ShareAcknowledge, type ShareAcknowledgeResponse, ShareFetch, type ShareFetchResponse } from '@ottla/codec'
import type { Broker, RequestOptions } from '../cluster/broker.ts'
import { type Acknowledgement, ackType, wirePartitions, wireTopics } from './acknowledgement.ts'
import type { SharePartition } from './share-partition.ts'

/** From this version on locks can be renewed (KIP-1222), and a limit of records is exact (KIP-1206). */
const renewVersion = 2

/** ShareFetch acquires at most `maxRecords`, not whole batches (KIP-1206). Brokers before Kafka 4.2 ignore it. */
const recordLimit = 1

export interface ShareMemberName {
  readonly groupId: string
  readonly memberId: string
}

export interface FetchLimits {
  readonly maxRecords: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
}

export interface SessionChanges {
  readonly epoch: number
  readonly added: readonly SharePartition[]
  readonly forgotten: readonly SharePartition[]
}

/** Whether the broker can renew locks; false before the first response of it. */
export function canRenew(broker: Broker | undefined): boolean {
  return (broker?.knownVersionOf(ShareAcknowledge) ?? 0) >= renewVersion
}

export function sendShareFetch(
  broker: Broker,
  { groupId, memberId }: ShareMemberName,
  { epoch, added, forgotten }: SessionChanges,
  acks: readonly Acknowledgement[],
  limits: FetchLimits,
  options: RequestOptions,
): Promise<ShareFetchResponse> {
  const body = {
    ...{ groupId, memberId, shareSessionEpoch: epoch, ...limits, batchSize: Math.max(1, limits.maxRecords) },
    ...{ shareAcquireMode: recordLimit, isRenewAck: false },
    topics: wireTopics(added, acks),
    forgottenTopicsData: wirePartitions(forgotten),
  }
  return broker.request(ShareFetch, body, options)
}

export function sendShareAcknowledge(
  broker: Broker,
  { groupId, memberId }: ShareMemberName,
  epoch: number,
  acks: readonly Acknowledgement[],
  options: RequestOptions,
): Promise<ShareAcknowledgeResponse> {
  const isRenewAck = acks.some(({ type }) => type === ackType.renew)
  const body = { groupId, memberId, shareSessionEpoch: epoch, isRenewAck, topics: wireTopics([], acks) }
  return broker.request(ShareAcknowledge, body, { ...options, minVersion: isRenewAck ? renewVersion : undefined })
}
