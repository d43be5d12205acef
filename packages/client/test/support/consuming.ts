import { Produce } from '@ottla/codec'
import type { Consumer, ConsumerOptions, Message } from '../../src/index.ts'
import type { Scenario } from './on-testkit.ts'
import { type BatchOptions, batchOf } from './record-batches.ts'

/** A consumer of the group 'g' and the topic 't', from the beginning. It is closed with the scenario. */
export function consumerOf({ kafka }: Scenario, options: Partial<ConsumerOptions> = {}): Consumer {
  const source = options.assign === undefined ? { topics: ['t'] } : {}
  return kafka.consumer({ groupId: 'g', offsetReset: 'earliest', ...source, ...options })
}

/** Appends one batch with these values to the topic 't', as another client would. */
export async function append(
  scenario: Scenario,
  partition: number,
  values: readonly (string | null)[],
  options?: BatchOptions,
): Promise<void> {
  const partitionData = [{ index: partition, records: batchOf(0, values, options) }]
  const topicData = [{ name: 't', partitionData }]
  const { leader } = scenario.cluster.partition('t', partition)
  const body = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }
  const response = await scenario.request(Produce, body, { node: leader, maxVersion: 12 })
  const { errorCode } = response.responses[0]!.partitionResponses[0]!
  if (errorCode !== 0) throw new Error(`the test's own Produce failed with error code ${errorCode}`)
}

/** The offset that the group 'g' has committed for a partition of 't', as its coordinator has it. */
export function committedAt({ cluster }: Scenario, partition = 0): number | undefined {
  const offsets = cluster.groups().find(({ groupId }) => groupId === 'g')?.offsets ?? []
  const found = offsets.find((one) => one.topic === 't' && one.partition === partition)
  return found === undefined ? undefined : Number(found.offset)
}

/** Commits for a group without members, before a consumer starts. */
export async function commitAt({ kafka }: Scenario, offset: bigint, partition = 0): Promise<void> {
  await kafka.admin().alterConsumerGroupOffsets('g', [{ topic: 't', partition, offset }])
}

export const value = (message: Message | undefined) => message?.value?.toString()
export const values = (messages: readonly Message[]) => messages.map(value)

export async function take(reader: AsyncIterator<Message>, count: number): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = []
  for (let i = 0; i < count; i++) taken.push(value((await reader.next()).value))
  return taken
}
