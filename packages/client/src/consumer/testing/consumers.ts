import { settle } from '../../group/testing/scripted-cluster.ts'
import { Consumer } from '../consumer.ts'
import type { Message } from '../message.ts'
import type { ConsumerOptions } from '../options.ts'
import type { ScriptedKafka } from './scripted-log.ts'

const open: { kafka: ScriptedKafka; consumer: Consumer }[] = []

/** A consumer of the group `g`, from the beginning; `closeConsumers` closes it. */
export function consumerOf(kafka: ScriptedKafka, options: Partial<ConsumerOptions> = {}): Consumer {
  const source = options.assign === undefined ? { topics: ['t'] } : {}
  const consumer = new Consumer(kafka.cluster, { groupId: 'g', offsetReset: 'earliest', ...source, ...options })
  open.push({ kafka, consumer })
  return consumer
}

/** Closes what a test left open, and tells how many timers are left then: there must be none. */
export async function closeConsumers(): Promise<number> {
  let left = 0
  for (const { kafka, consumer } of open.splice(0)) {
    const closed = consumer.close()
    await kafka.runtime.advance(20_000)
    await closed
    left += kafka.runtime.pendingTimers
  }
  return left
}

export const value = (message: Message | undefined) => message?.value?.toString()
export const values = (messages: readonly Message[]) => messages.map(value)

export async function take(reader: AsyncIterator<Message>, count: number): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = []
  for (let i = 0; i < count; i++) taken.push(value((await reader.next()).value))
  return taken
}

/** What a promise came to so far. */
export async function outcome(promise: Promise<unknown>): Promise<unknown> {
  let result: unknown = 'pending'
  promise.then(
    (given) => (result = given),
    (error: unknown) => (result = error),
  )
  await settle()
  return result
}
