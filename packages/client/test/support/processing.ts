import { expect } from 'vitest'
import type {
  HandlerTransaction,
  Message,
  TransactionalProcessor,
  TransactionalProcessorOptions,
} from '../../src/index.ts'
import type { Scenario } from './on-testkit.ts'

export type ProcessorOptions = Partial<TransactionalProcessorOptions>

/** A processor of the group 'g' that copies topic 'in' to topic 'out'. It is closed with the scenario. */
export function processorOf(
  { kafka }: Pick<Scenario, 'kafka'>,
  options: ProcessorOptions = {},
): TransactionalProcessor {
  const each = options.eachBatch === undefined ? copy : undefined
  const own = { groupId: 'g', topics: ['in'], transactionalId: 'p-1', offsetReset: 'earliest' as const, each }
  return kafka.processTransactionally({ ...own, ...options })
}

/** Sends the value of the message, prefixed. */
export function copy(message: Message, tx: HandlerTransaction): unknown {
  return tx.send(outputOf(message))
}

export function outputOf({ value, partition }: Message) {
  return { topic: 'out', partition, value: `out-${String(value)}` }
}

/** Sends these values to topic 'in', in turn to its partitions. */
export async function feed(
  { kafka }: Pick<Scenario, 'kafka'>,
  values: readonly string[],
  partitions = 1,
): Promise<void> {
  const producer = kafka.producer()
  await producer.send(values.map((value, n) => ({ topic: 'in', partition: n % partitions, value })))
  await producer.close()
}

export const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => String(from + n).padStart(4, '0'))

export const outputs = (values: readonly string[]): string[] => values.map((value) => `out-${value}`)

/** The values that a read_committed reader finds in topic 'out', by partition in the order of the log. */
export async function visible({ kafka, advance }: Scenario, partitions = 1): Promise<string[]> {
  // Markers of the last transaction may still be on their way.
  await advance('1s')
  const assign = Array.from({ length: partitions }, (_, partition) => ({ topic: 'out', partition }))
  const consumer = kafka.consumer({ assign: assign.map((place) => ({ ...place, offset: 'earliest' as const })) })
  const found: { partition: number; value: string }[] = []
  for (;;) {
    const messages = await consumer.poll({ timeoutMs: 2_000 })
    if (messages.length === 0) break
    for (const { partition, value } of messages) found.push({ partition, value: String(value) })
  }
  await consumer.close()
  return found.sort((a, b) => a.partition - b.partition).map(({ value }) => value)
}

/** Advances the time until it is true. */
export async function until(
  { advance }: Scenario,
  what: string,
  isTrue: () => boolean,
  timeoutMs = 60_000,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += 10) {
    if (isTrue()) return
    await advance(10)
  }
  expect.fail(`not within ${timeoutMs} ms: ${what}`)
}

/** The offsets that the group 'g' has committed for the partitions of topic 'in'. */
export async function committedInputs({ kafka }: Scenario): Promise<bigint[]> {
  const admin = kafka.admin()
  const found = await admin.listConsumerGroupOffsets('g')
  await admin.close()
  const own = found.filter(({ topic }) => topic === 'in').sort((a, b) => a.partition - b.partition)
  return own.map(({ offset }) => offset ?? -1n)
}
