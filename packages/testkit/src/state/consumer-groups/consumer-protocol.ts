import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  type Decoded,
  DecodeError,
  decodeMessage,
} from '@ottla/codec'
import { int16, prefixed } from '../coordinators/coordinator-record.ts'
import type { GroupTopics } from '../coordinators/group-topics.ts'
import type { Partitions } from '../coordinators/member-partitions.ts'
import { numbersInHashOrder, uuidsInHashOrder } from '../java-order.ts'

/** The newest versions; newer ones are decoded as these. */
const SUBSCRIPTION_VERSION = 3
const ASSIGNMENT_VERSION = 3

export type Subscription = Decoded<typeof ConsumerProtocolSubscription>

/** The subscription of a classic consumer; undefined when the bytes are not one. */
export function readSubscription(metadata: Uint8Array): Subscription | undefined {
  return read(metadata, (version, body) =>
    decodeMessage(ConsumerProtocolSubscription, Math.min(version, SUBSCRIPTION_VERSION), body),
  )
}

/** The assignment of a classic consumer; undefined when the bytes are not one. */
export function readAssignment(bytes: Uint8Array): Decoded<typeof ConsumerProtocolAssignment> | undefined {
  return read(bytes, (version, body) =>
    decodeMessage(ConsumerProtocolAssignment, Math.min(version, ASSIGNMENT_VERSION), body),
  )
}

function read<T>(bytes: Uint8Array, decode: (version: number, body: Uint8Array) => T): T | undefined {
  if (bytes.length < 2) return undefined
  const version = int16(bytes)
  if (version > 0x7fff) return undefined
  try {
    return decode(version, bytes.subarray(2))
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

/** Encodes an assignment for a classic consumer, in the version of its subscription. */
export function writeAssignment(topics: GroupTopics, partitions: Partitions, metadata: Uint8Array): Uint8Array {
  const version = Math.min(int16(metadata), ASSIGNMENT_VERSION)
  const assignedPartitions = uuidsInHashOrder(partitions.keys()).flatMap((topicId) => {
    const topic = topics.topicById(topicId)?.name
    return topic === undefined ? [] : { topic, partitions: numbersInHashOrder(partitions.get(topicId) ?? []) }
  })
  return prefixed(version, ConsumerProtocolAssignment, version, { assignedPartitions, userData: null })
}
