import { asKafkaError } from '../errors.ts'
import { PartsCall } from './calls.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import type { PartitionRecord } from './partition-record.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerParts } from './producer-parts.ts'
import { failedResult, type ResultPart } from './receipt.ts'
import { tightBound } from './size.ts'
import { recordsOf } from './split-batch.ts'

/** A topic, for records that need another partition. */
export interface PartitionChooser {
  readonly name: string
  partitionFor(record: PartitionRecord, wanted: number | undefined): PartitionBuffer
}

/** Appends the records of a batch whose partition no longer exists to those that the topic has now. */
export function distributeAgain(batch: ProducerBatch, topic: PartitionChooser, parts: ProducerParts): void {
  const { generation, createdMs: acceptedMs } = batch
  const results: ResultPart[] = []
  // One part until all records are appended.
  const whole = new PartsCall(1, () => parts.settle(batch, undefined))
  parts.detach(batch)
  let start = 0
  for (const record of recordsOf(batch)) {
    const { key, value, headers } = record
    results.push(appendTo({ ...record, acceptedMs, sizeBound: tightBound(key, value, headers) }, start++))
  }
  batch.result.parts = results
  whole.settled()

  function appendTo(record: PartitionRecord, at: number): ResultPart {
    try {
      const partition = topic.partitionFor(record, undefined)
      partition.append(record, whole, at, generation)
      const { result, count } = partition.open!
      if (batch.unreported) partition.open!.unreported = true
      return { start: at, first: count - 1, result }
    } catch (cause) {
      const error = asKafkaError(cause, 'Producing').with({ outcome: 'not-written' })
      parts.observer.refused(topic.name, error, batch.unreported)
      const result = failedResult(topic.name, error)
      return { start: at, first: 0, result }
    }
  }
}
