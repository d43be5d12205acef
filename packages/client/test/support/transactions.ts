import type { Scenario } from './on-testkit.ts'

/** KIP-890 is final from 4.0 on: brokers before it have protocol 1. */
export const protocols = [
  { protocol: 2, release: '4.3' },
  { protocol: 1, release: '3.9' },
] as const

/** The values that a read_committed consumer finds in topic 't', sorted; waits until it has read everything that is stable. */
export async function committedValues({ kafka, advance }: Scenario, partitions = 3): Promise<string[]> {
  // Markers of the last transaction may still be on their way.
  await advance('1s')
  const assign = Array.from({ length: partitions }, (_, partition) => ({ topic: 't', partition }))
  const consumer = kafka.consumer({ assign: assign.map((place) => ({ ...place, offset: 'earliest' as const })) })
  const values: string[] = []
  for (;;) {
    const messages = await consumer.poll({ timeoutMs: 2_000 })
    if (messages.length === 0) break
    for (const { value } of messages) values.push(String(value))
  }
  await consumer.close()
  return values.sort()
}

/** The offset that the group has committed for partition 0 of topic 't', once the transactions with it have ended. */
export async function committedOffset({ kafka }: Scenario, groupId = 'g'): Promise<bigint | undefined> {
  const admin = kafka.admin()
  const found = await admin.listConsumerGroupOffsets(groupId, { requireStable: true })
  await admin.close()
  return found.find(({ topic, partition }) => topic === 't' && partition === 0)?.offset
}
