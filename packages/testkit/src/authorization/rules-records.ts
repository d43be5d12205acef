import { errorCode } from '@ottla/codec'
import type { Struct } from '../messages/blank.ts'
import { isInternalTopic } from '../state/internal-topics.ts'
import { transactionalProducerOf } from '../state/replicas/produce-validation.ts'
import { topicNameProblem } from '../state/topic-rules.ts'
import {
  type CheckedRequest,
  cluster,
  type Denial,
  denied,
  type Entity,
  type ErrorFields,
  entity,
  group,
  listIn,
  type Rule,
  transaction,
} from './rule.ts'

/** Records, topics, transactions. */
export const recordRules: Readonly<Record<string, Rule>> = {
  Produce: { whole: [transactionOfRecords], each: entity('WRITE', 'TOPIC') },
  ListOffsets: { each: entity('DESCRIBE', 'TOPIC') },
  OffsetForLeaderEpoch: {
    each: (checked, each) =>
      checked.permissions.mayOnCluster('CLUSTER_ACTION') ? undefined : describeTopic(checked, each),
  },
  DeleteRecords: { each: entity('DELETE', 'TOPIC') },
  // Their handlers check the rights.
  CreateTopics: { byController: true },
  DeleteTopics: { byController: true },
  CreatePartitions: { byController: true, each: entity('ALTER', 'TOPIC') },
  InitProducerId: { whole: [producerId], fail: failProducer },
  AddPartitionsToTxn: { whole: [addsPartitions, addsTopics], fail: failAdded },
  AddOffsetsToTxn: { whole: [transaction('WRITE'), group('READ')] },
  EndTxn: { whole: [transaction('WRITE')] },
  TxnOffsetCommit: { whole: [transaction('WRITE'), group('READ')], each: entity('READ', 'TOPIC') },
  WriteTxnMarkers: { whole: [writesMarkers], fail: failMarkers },
  DescribeProducers: { each: describesProducers },
  DescribeTransactions: { each: entity('DESCRIBE', 'TRANSACTIONAL_ID'), rewrite: onlyVisibleTopics },
  ListTransactions: { rewrite: onlyVisibleTransactions },
}

const describeTopic = entity('DESCRIBE', 'TOPIC')
const readsTopic = entity('READ', 'TOPIC', 'with-message')

/** Only transactional batches need a right on the transactional id. */
function transactionOfRecords(checked: CheckedRequest): Denial | undefined {
  const { permissions, request } = checked
  const isTransactional = listIn(request, 'topicData').some((topic) =>
    listIn(topic, 'partitionData').some(
      ({ records }) => transactionalProducerOf(records as Parameters<typeof transactionalProducerOf>[0]) !== undefined,
    ),
  )
  if (!isTransactional) return undefined
  const { transactionalId } = request
  const isAllowed = transactionalId !== null && permissions.may('WRITE', 'TRANSACTIONAL_ID', String(transactionalId))
  return isAllowed ? undefined : denied('TRANSACTIONAL_ID')
}

function producerId({ permissions, request }: CheckedRequest): Denial | undefined {
  const { transactionalId } = request
  if (transactionalId === null) {
    const isAllowed = permissions.mayOnCluster('IDEMPOTENT_WRITE') || permissions.mayOnAny('WRITE', 'TOPIC')
    return isAllowed ? undefined : denied('CLUSTER')
  }
  const may = (operation: 'WRITE' | 'TWO_PHASE_COMMIT') =>
    permissions.may(operation, 'TRANSACTIONAL_ID', String(transactionalId))
  const isAllowed = may('WRITE') && (request.enable2Pc !== true || may('TWO_PHASE_COMMIT'))
  return isAllowed ? undefined : denied('TRANSACTIONAL_ID')
}

function failProducer(_checked: CheckedRequest, _error: ErrorFields, top: Struct): Struct {
  return { ...top, producerId: -1n, producerEpoch: -1 }
}

/** The handler rejects invalid topic names. */
function describesProducers(checked: CheckedRequest, each: Entity): Denial | undefined {
  return topicNameProblem(each.name) === undefined ? readsTopic(checked, each) : undefined
}

/** From version 4 on only brokers send it. */
function addsPartitions(checked: CheckedRequest): Denial | undefined {
  return checked.version >= 4 ? cluster('CLUSTER_ACTION')(checked) : transaction('WRITE')(checked)
}

/** No client may write to internal topics. */
function mayAdd({ permissions }: CheckedRequest, topic: unknown): boolean {
  return !isInternalTopic(String(topic)) && permissions.may('WRITE', 'TOPIC', String(topic))
}

function addsTopics(checked: CheckedRequest): Denial | undefined {
  if (checked.version >= 4) return undefined
  return listIn(checked.request, 'v3AndBelowTopics').every(({ name }) => mayAdd(checked, name))
    ? undefined
    : denied('TOPIC')
}

/** All or none: partitions that could be added fail with OPERATION_NOT_ATTEMPTED. */
function failAdded(checked: CheckedRequest, { errorCode: whole }: ErrorFields, top: Struct): Struct {
  if (checked.version >= 4) return top
  const codeOf = (topic: unknown, partition: number): number => {
    if (whole !== errorCode('TOPIC_AUTHORIZATION_FAILED') || !mayAdd(checked, topic)) return whole
    const isKnown = partition >= 0 && partition < checked.partitionCount(String(topic))
    return errorCode(isKnown ? 'OPERATION_NOT_ATTEMPTED' : 'UNKNOWN_TOPIC_OR_PARTITION')
  }
  const resultsByTopicV3AndBelow = listIn(checked.request, 'v3AndBelowTopics').map(({ name, partitions }) => ({
    name,
    resultsByPartition: (partitions as readonly number[]).map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeOf(name, partitionIndex),
    })),
  }))
  return { ...top, resultsByTopicV3AndBelow }
}

function writesMarkers({ permissions }: CheckedRequest): Denial | undefined {
  const isAllowed = permissions.mayOnCluster('ALTER') || permissions.mayOnCluster('CLUSTER_ACTION')
  return isAllowed ? undefined : denied('CLUSTER')
}

function onlyVisibleTopics({ permissions }: CheckedRequest, response: Struct): Struct {
  const transactionStates = listIn(response, 'transactionStates').map((state) => ({
    ...state,
    topics: listIn(state, 'topics').filter(({ topic }) => permissions.may('DESCRIBE', 'TOPIC', String(topic))),
  }))
  return { ...response, transactionStates }
}

function onlyVisibleTransactions({ permissions }: CheckedRequest, response: Struct): Struct {
  const transactionStates = listIn(response, 'transactionStates').filter(({ transactionalId }) =>
    permissions.may('DESCRIBE', 'TRANSACTIONAL_ID', String(transactionalId)),
  )
  return { ...response, transactionStates }
}

function failMarkers({ request }: CheckedRequest, { errorCode }: ErrorFields): Struct {
  const markers = listIn(request, 'markers').map(({ producerId, topics }) => ({
    producerId,
    topics: listIn({ topics }, 'topics').map(({ name, partitionIndexes }) => ({
      name,
      partitions: (partitionIndexes as readonly number[]).map((partitionIndex) => ({ partitionIndex, errorCode })),
    })),
  }))
  return { markers }
}
