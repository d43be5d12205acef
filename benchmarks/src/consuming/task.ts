import type { Measured } from '../measured.ts'

/** The work of a run, the same for every client: all records of the topic in a new group, by batches. */
export interface ConsumeTask {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly records: number
}

export interface ConsumeMeasured extends Measured {
  /** The sum of the numbers at the start of the read values, to compare with what was written. */
  readonly checksum: number
}

export type Consume = (task: ConsumeTask) => Promise<ConsumeMeasured>

export function checksumOf(records: number): number {
  return (records * (records - 1)) / 2
}
