import { ConsumerProtocolAssignment, ConsumerProtocolSubscription, decodeMessage, encodeMessage } from '@ottla/codec'
import { groupByTopic } from '../cluster/topology.ts'
import type { TopicPartition } from './membership.ts'

/** What the group's leader receives of a member: the metadata in JoinGroup. */
export interface Subscription {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** The generation in which `owned` was assigned; -1 where there is none, or an old client does not write it. */
  readonly generation: number
  readonly rack: string | null
  readonly userData: Uint8Array | null
}

/** The newest version that Java's client 4.3 writes; older readers ignore the fields that they do not have. */
const VERSION = 3

export function encodeSubscription(subscription: Subscription): Buffer {
  const body = encodeMessage(ConsumerProtocolSubscription, VERSION, {
    topics: subscription.topics.toSorted(),
    userData: subscription.userData,
    ownedPartitions: groupByTopic(subscription.owned, partitionOf),
    generationId: subscription.generation,
    rackId: subscription.rack,
  })
  return withVersion(VERSION, body)
}

/** Metadata that cannot be decoded counts as a member without topics and partitions: one broken client must not stop the group. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  try {
    const { version, body } = splitVersion(bytes)
    const decoded = decodeMessage(ConsumerProtocolSubscription, version, body)
    return {
      topics: decoded.topics,
      owned: flatten(decoded.ownedPartitions),
      generation: decoded.generationId,
      rack: decoded.rackId,
      userData: decoded.userData,
    }
  } catch {
    return { topics: [], owned: [], generation: -1, rack: null, userData: null }
  }
}

export function encodeAssignment(partitions: readonly TopicPartition[], userData: Uint8Array | null = null): Buffer {
  const assignedPartitions = groupByTopic(partitions, partitionOf)
  return withVersion(VERSION, encodeMessage(ConsumerProtocolAssignment, VERSION, { assignedPartitions, userData }))
}

/** No bytes at all are an empty assignment: a coordinator sends that to a member that the leader left out. */
export function decodeAssignment(bytes: Uint8Array): { partitions: TopicPartition[]; userData: Uint8Array | null } {
  if (bytes.length === 0) return { partitions: [], userData: null }
  const { version, body } = splitVersion(bytes)
  const { assignedPartitions, userData } = decodeMessage(ConsumerProtocolAssignment, version, body)
  return { partitions: flatten(assignedPartitions), userData }
}

function withVersion(version: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 + body.length)
  bytes.writeInt16BE(version, 0)
  bytes.set(body, 2)
  return bytes
}

/** A newer version only adds fields at the end, so it is decoded as the newest version known here. */
function splitVersion(bytes: Uint8Array): { version: number; body: Buffer } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = buffer.readInt16BE(0)
  if (version < 0) throw new RangeError(`The consumer protocol has no version ${version}`)
  return { version: Math.min(version, VERSION), body: buffer.subarray(2) }
}

function flatten(topics: readonly { topic: string; partitions: readonly number[] }[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
}

function partitionOf({ partition }: TopicPartition): number {
  return partition
}
