import { groupByTopic } from '../../cluster/topology.ts'
import type { TopicPartition } from '../membership.ts'
import type { Claim } from './sticky-group.ts'

// The user data of Java's StickyAssignor: an array of topics with their partitions, and the generation of the assignment. Clients
// before Kafka 2.3 wrote no generation.

export function encodeHistory(partitions: readonly TopicPartition[], generation: number): Buffer {
  const topics = groupByTopic(partitions, ({ partition }) => partition)
  const parts = topics.flatMap((one) => {
    const name = Buffer.from(one.topic)
    return [int16(name.length), name, int32(one.partitions.length), ...one.partitions.map(int32)]
  })
  return Buffer.concat([int32(topics.length), ...parts, int32(generation)])
}

/** Undefined for bytes that are no history. */
export function decodeHistory(bytes: Uint8Array): Claim | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = 0
  const next = (): number => {
    offset += 4
    return buffer.readInt32BE(offset - 4)
  }
  const partitions: TopicPartition[] = []
  try {
    for (let topics = next(); topics > 0; topics--) {
      const start = offset + 2
      offset = start + buffer.readInt16BE(offset)
      if (offset < start) return undefined
      const topic = buffer.toString('utf8', start, offset)
      for (let count = next(); count > 0; count--) partitions.push({ topic, partition: next() })
    }
    const generation = buffer.length - offset >= 4 ? next() : undefined
    return { partitions, generation }
  } catch (error) {
    // A length beyond the end.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value, 0)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value, 0)
  return bytes
}
