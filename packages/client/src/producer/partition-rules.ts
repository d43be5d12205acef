import { crc32 } from './crc32.ts'
import { kafkajsHash } from './kafkajs-hash.ts'
import { murmur2 } from './murmur2.ts'

/**
 * The partitioners of other clients. Each chooses the same partition for a key as its original:
 * - 'murmur2': Java's default, also that of KafkaJS 2. Sticky without a key (KIP-480, KIP-794).
 * - 'round-robin': Java's RoundRobinPartitioner, which ignores keys.
 * - 'consistent-random': librdkafka's default, by CRC-32 of the key. Sticky without a key, and for an empty one.
 * - 'murmur2-random': librdkafka's for compatibility with Java. Sticky without a key.
 * - 'kafkajs-legacy': KafkaJS' LegacyPartitioner, its default before version 2. Round robin without a key.
 */
export type PartitionerName = 'murmur2' | 'round-robin' | 'consistent-random' | 'murmur2-random' | 'kafkajs-legacy'

export interface PartitionRule {
  /** A hash of the key; negative: the key does not decide. */
  readonly hashOf: (key: string | Uint8Array) => number
  /** For a record whose key does not decide. */
  readonly otherwise: 'sticky' | 'round-robin'
}

const positive = (hash: number) => hash & 0x7fffffff
const javaHash = (key: string | Uint8Array) => positive(murmur2(key))

export const partitionRules: Readonly<Record<PartitionerName, PartitionRule>> = Object.freeze({
  murmur2: { hashOf: javaHash, otherwise: 'sticky' },
  'round-robin': { hashOf: () => -1, otherwise: 'round-robin' },
  'consistent-random': { hashOf: (key) => (key.length === 0 ? -1 : crc32(key)), otherwise: 'sticky' },
  'murmur2-random': { hashOf: javaHash, otherwise: 'sticky' },
  'kafkajs-legacy': { hashOf: (key) => positive(kafkajsHash(key)), otherwise: 'round-robin' },
} satisfies Record<PartitionerName, PartitionRule>)

export const partitionerNames = Object.keys(partitionRules) as readonly PartitionerName[]
