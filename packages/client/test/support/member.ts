import type { Consumer, ConsumerOptions, Kafka } from '../../src/index.ts'
import { until } from './until.ts'

/** A record as received by a member of a group. */
export interface Seen {
  readonly partition: number
  readonly offset: bigint
  readonly value: string
}

/** A consumer of a group that records the messages it processes. */
export class Member {
  readonly consumer: Consumer
  readonly seen: Seen[] = []
  /** The assigned partitions after each rebalance. */
  readonly assignments: number[][] = []
  readonly revoked: number[][] = []
  /** Settles when the consumer is closed. */
  readonly running: Promise<unknown>

  constructor(kafka: Kafka, options: ConsumerOptions, handle: (seen: Seen) => unknown = () => undefined) {
    this.consumer = kafka.consumer({ offsetReset: 'earliest', ...options })
    this.consumer.on('rebalanced', ({ assigned, revoked }) => {
      this.assignments.push(assigned.map(({ partition }) => partition).sort((a, b) => a - b))
      this.revoked.push(revoked.map(({ partition }) => partition).sort((a, b) => a - b))
    })
    this.running = this.consumer.run({
      each: async ({ partition, offset, value }) => {
        const seen = { partition, offset, value: value?.toString() ?? '-' }
        this.seen.push(seen)
        await handle(seen)
      },
    })
    this.running.catch(() => {})
  }

  get assigned(): readonly number[] | undefined {
    return this.assignments.at(-1)
  }

  get values(): string[] {
    return this.seen.map(({ value }) => value)
  }

  async leave(): Promise<void> {
    await this.consumer.close()
    await this.running
  }
}

/** Waits until the members have these numbers of partitions; returns the partitions by member. */
export async function untilShared(members: readonly Member[], counts: readonly number[]): Promise<number[][]> {
  const now = () => members.map(({ assigned = [] }) => [...assigned])
  await until(
    () => `the members have ${counts.join(', ')} partitions (now ${JSON.stringify(now())})`,
    () => {
      const held = now()
      const apart = new Set(held.flat()).size === held.flat().length
      return apart && members.every(({ assigned }, i) => assigned !== undefined && assigned.length === counts[i])
    },
  )
  return now()
}
