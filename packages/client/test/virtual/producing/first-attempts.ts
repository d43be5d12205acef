import type { ProduceRequest } from '@ottla/codec'
import { storedRecords } from './stored-records.ts'

const baseOffsetBytes = 8
const lengthEnd = 12

/** Which produce requests have only batches that no broker has received before. */
export class FirstAttempts {
  readonly #seen = new Set<string>()
  readonly #first = new WeakMap<object, boolean>()

  /** Called once or more for each request that a broker serves. */
  isFirst(request: unknown): boolean {
    const known = this.#first.get(request as object)
    if (known !== undefined) return known
    let isFirst = true
    for (const value of valuesOf(request as ProduceRequest)) {
      if (this.#seen.has(value)) isFirst = false
      this.#seen.add(value)
    }
    this.#first.set(request as object, isFirst)
    return isFirst
  }
}

function* valuesOf({ topicData }: ProduceRequest): Generator<string> {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      for (let rest = records ?? new Uint8Array(0); rest.length > lengthEnd; ) {
        const length = new DataView(rest.buffer, rest.byteOffset).getInt32(baseOffsetBytes)
        for (const { value } of storedRecords(rest.subarray(0, lengthEnd + length), 0)) yield value
        rest = rest.subarray(lengthEnd + length)
      }
    }
  }
}
