import { TxnOffsetCommit } from '@ottla/codec'
import type { Broker } from '../../cluster/broker.ts'
import type { CoordinatorConnection } from '../../cluster/coordinator-connection.ts'
import { onCoordinator } from '../../cluster/on-coordinator.ts'
import { groupByTopic } from '../../cluster/topology.ts'
import { isTransient, meaningOf } from '../../error-meaning.ts'
import { describePartition, KafkaError, kafkaErrorOf } from '../../errors.ts'
import { type GroupIdentity, sameMember } from '../../group/membership.ts'
import type { Identity } from '../identity.ts'
import type { CallLimits, TransactionProtocol } from './coordinator-requests.ts'
import type { GroupOffsets } from './offsets-input.ts'
import type { TransactionCluster } from './transaction-cluster.ts'

/** From this version on the request names the member (KIP-447). */
const memberVersion = 3
/** From this version on the coordinator adds the group to the transaction (KIP-890). */
const addingVersion = 5

export interface OffsetsTransaction {
  readonly transactionalId: string
  readonly identity: Identity
  readonly protocol: TransactionProtocol
}

/**
 * Stores offsets as a part of a transaction. The identity of the member is read when the request is written: it changes while the
 * member keeps the partitions, and the coordinator has the new one before the member. Where it refuses the identity, the member finds
 * out what it is now, and the request is repeated. Rejects with INVALID_STATE once the assignment of an offset has ended.
 */
export async function commitOffsets(
  cluster: TransactionCluster,
  connection: CoordinatorConnection,
  offsets: GroupOffsets,
  transaction: OffsetsTransaction,
  limits: CallLimits,
): Promise<void> {
  const { groupId } = offsets
  const operation = `Sending offsets of group '${groupId}' to the transaction of '${transaction.transactionalId}'`
  let sent: GroupIdentity | undefined
  /** For each attempt to write the request. */
  const identityNow = (): GroupIdentity => {
    const refusal = offsets.refusal()
    if (refusal !== undefined) throw refusal
    sent = offsets.identity()
    if (sent === undefined) throw rebalancing(operation, offsets)
    return sent
  }
  const what = { operation, ...limits, isTransient: (error: KafkaError) => isTransient(error) || isOutdated(error) }
  const isOutdated = ({ code }: KafkaError) => {
    const { member } = meaningOf(code)
    if (!offsets.isMember || sent === undefined || (member !== 'stale-generation' && member !== 'stale-epoch'))
      return false
    const now = offsets.identity()
    if (now !== undefined && sameMember(now, sent)) offsets.refused(code, sent.generation)
    return true
  }
  await onCoordinator(cluster, 'group', groupId, what, async (broker, signal) => {
    const { memberId } = identityNow()
    const least = memberId === '' ? 0 : memberVersion
    const response = await broker.request(
      TxnOffsetCommit,
      (version: number) => requestOf(version, offsets, transaction, identityNow()),
      {
        signal,
        purpose: connection.to(broker),
        minVersion: transaction.protocol === 2 ? addingVersion : least,
        maxVersion: transaction.protocol === 2 ? undefined : addingVersion - 1,
      },
    )
    checkAll(response.topics, offsets, operation, broker)
  })
}

function requestOf(
  version: number,
  { groupId, entries }: GroupOffsets,
  { transactionalId, identity }: OffsetsTransaction,
  { memberId, generation: generationId, instanceId: groupInstanceId }: GroupIdentity,
) {
  const topics = groupByTopic(entries, ({ partition, offset, leaderEpoch, metadata }) => ({
    partitionIndex: partition,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    committedMetadata: metadata,
  }))
  return {
    ...{ transactionalId, groupId },
    producerId: identity.producerId,
    producerEpoch: identity.epoch,
    ...(version >= memberVersion && { memberId, generationId, groupInstanceId }),
    topics: topics.map(({ topic: name, partitions }) => ({ name, partitions })),
  }
}

/** Throws the error of one partition: one that no retry heals, if there is any. All are sent again after others. */
function checkAll(
  topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
  }[],
  { groupId, entries }: GroupOffsets,
  operation: string,
  broker: Broker,
): void {
  const codes = new Map<string, Map<number, number>>()
  for (const { name, partitions } of topics) {
    codes.set(name, new Map(partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])))
  }
  let worst: KafkaError | undefined
  for (const { topic, partition } of entries) {
    const code = codes.get(topic)?.get(partition)
    if (code === 0 || (worst !== undefined && !isTransient(worst))) continue
    if (code === undefined) worst = incomplete(operation, topic, partition, broker)
    else {
      const place = ofGroup(code) ? {} : { topic, partition }
      worst = kafkaErrorOf(code, operation, { broker, group: groupId, outcome: 'not-written', ...place })
    }
  }
  if (worst !== undefined) throw worst
}

/** Whether the code is about the coordinator or the member, although it is repeated for each partition. */
function ofGroup(code: number): boolean {
  const { moved, notReady, member, transaction } = meaningOf(code)
  return moved === 'coordinator' || notReady || member !== undefined || transaction !== undefined
}

function incomplete(operation: string, topic: string, partition: number, broker: Broker): KafkaError {
  const message = `${operation} failed: the response is missing ${describePartition({ topic, partition })}`
  return new KafkaError('PROTOCOL_ERROR', message, { retriable: true, topic, partition, broker })
}

/** Names a partition: it says nothing about the coordinator. */
function rebalancing(operation: string, { entries: [first] }: GroupOffsets): KafkaError {
  const message = `${operation} waits: the group is rebalancing, and the member has no assignment yet`
  const { topic, partition } = first ?? {}
  return new KafkaError('REBALANCE_IN_PROGRESS', message, { retriable: true, outcome: 'not-written', topic, partition })
}
