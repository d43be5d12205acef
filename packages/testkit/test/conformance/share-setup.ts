import { Produce, ShareAcknowledge, ShareFetch, ShareGroupHeartbeat } from '@ottla/codec'
import { batchOf } from '../support/batches.ts'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** One member of a share group, on the leader of its partitions. */
export interface Member {
  readonly groupId: string
  readonly memberId: string
  readonly coordinator: Wire
}

/** ShareFetch options that wait for at least one record. */
export const someRecords = { maxWaitMs: 5_000, minBytes: 1, maxBytes: 1 << 20, maxRecords: 500, batchSize: 500 }
/** ShareFetch options that return the available records. */
export const availableRecords = { ...someRecords, maxWaitMs: 300, minBytes: 0 }

export const memberIdOf = (index: number) => `member-${index}`.padEnd(22, '0')

export async function produce(stage: Stage, name: string, values: readonly string[], partition = 0): Promise<void> {
  const records = Buffer.from(batchOf(values))
  const wire = await stage.leader(name, partition)
  const topicData = [{ name, partitionData: [{ index: partition, records }] }]
  const { responses } = await stage.do(
    Produce,
    9,
    { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData },
    { on: wire },
  )
  const code = responses[0]?.partitionResponses[0]?.errorCode
  if (code !== 0) throw new Error(`Produce failed with error ${code}`)
}

/** Joins, and waits until all partitions of the existing topics are assigned. */
export async function join(
  stage: Stage,
  groupId: string,
  topics: readonly string[],
  { memberId = memberIdOf(1), partitions = topics.length }: { memberId?: string; partitions?: number } = {},
): Promise<Member> {
  const coordinator = await stage.coordinator(groupId)
  const beat = (memberEpoch: number, subscribed: readonly string[] | null) =>
    stage.do(
      ShareGroupHeartbeat,
      1,
      { groupId, memberId, memberEpoch, rackId: null, subscribedTopicNames: subscribed && [...subscribed] },
      { on: coordinator },
    )
  let epoch = 0
  await stage.until(`${memberId} of ${groupId} has ${partitions} partitions`, async () => {
    const response = await beat(epoch, topics)
    if (response.errorCode !== 0) return false
    epoch = response.memberEpoch
    const assigned = response.assignment?.topicPartitions ?? []
    return assigned.reduce((sum, each) => sum + each.partitions.length, 0) === partitions
  })
  return { groupId, memberId, coordinator }
}

export async function leave(stage: Stage, { groupId, memberId, coordinator }: Member): Promise<void> {
  const body = { groupId, memberId, memberEpoch: -1, rackId: null, subscribedTopicNames: null }
  await stage.do(ShareGroupHeartbeat, 1, body, { on: coordinator })
}

/** A share group at the start of an empty topic, with a member that has an open session. */
export async function openShare(
  stage: Stage,
  { group = 'g', topic = 't', partitions = 1 }: { group?: string; topic?: string; partitions?: number } = {},
): Promise<{ readonly member: Member; readonly name: string; readonly topicId: string; readonly topics: Topics }> {
  const name = stage.name(topic)
  await stage.createTopic(name, { partitions })
  const topicId = await stage.topicId(name)
  const member = await join(stage, stage.name(group), [name], { partitions })
  const topics = [{ topicId, partitions: Array.from({ length: partitions }, (_, index) => partitionOf(index)) }]
  await startAtLatest(stage, member, topics)
  return { member, name, topicId, topics }
}

export type Topics = { topicId: string; partitions: { partitionIndex: number; acknowledgementBatches: Ack[] }[] }[]
type Ack = { firstOffset: bigint; lastOffset: bigint; acknowledgeTypes: number[] }

export const partitionOf = (partitionIndex: number, ...acks: [first: number, last: number, ...types: number[]][]) => ({
  partitionIndex,
  acknowledgementBatches: acks.map(([first, last, ...acknowledgeTypes]) => ({
    firstOffset: BigInt(first),
    lastOffset: BigInt(last),
    acknowledgeTypes,
  })),
})

/** Fetches once, so that the share partitions start at the current log end offset, then closes the session. */
async function startAtLatest(stage: Stage, { groupId, memberId }: Member, topics: Topics): Promise<void> {
  await stage.until('the share partitions are loaded', async () => {
    const body = { ...availableRecords, maxWaitMs: 2_000, groupId, memberId, topics, forgottenTopicsData: [] }
    const response = await stage.do(ShareFetch, 1, { ...body, shareSessionEpoch: 0 })
    const all = response.responses.flatMap((topic) => topic.partitions)
    const count = topics.reduce((sum, { partitions }) => sum + partitions.length, 0)
    return all.length === count && all.every(({ errorCode }) => errorCode === 0)
  })
  const last = { groupId, memberId, shareSessionEpoch: -1, topics: [] }
  await stage.do(ShareAcknowledge, 1, last)
}
