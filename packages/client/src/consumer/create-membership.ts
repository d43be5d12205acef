import { noTopicId, type TopicPartition } from '../cluster/topology.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError } from '../errors.ts'
import { AutoMembership } from '../group/auto.ts'
import { ClassicMembership } from '../group/classic.ts'
import { newMemberId } from '../group/member-identity.ts'
import type { KnownTopic, Membership, MembershipListener } from '../group/membership.ts'
import { NextGenMembership } from '../group/next-gen.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { ConsumerParts } from './parts.ts'

/** A member of the group by the protocol of the options. Opens no connection. */
export function createMembership(parts: ConsumerParts, groupId: string): Membership {
  const listener = listenerOf(parts)
  const { protocol } = parts.options
  const classic = () => createClassic(parts, groupId, listener)
  const nextGen = () => createNextGen(parts, groupId, listener)
  if (protocol === 'auto') return new AutoMembership(parts.cluster, groupId, { classic, nextGen }, listener)
  return protocol === 'consumer' ? nextGen() : classic()
}

function createClassic(parts: ConsumerParts, groupId: string, listener: MembershipListener): Membership {
  const { instanceId = null, rack = null, assignors, revokeGraceMs } = parts.options
  const { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs } = parts.options
  const times = { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs, revokeGraceMs }
  const connections = parts.connections.member
  return new ClassicMembership(parts.cluster, { groupId, instanceId, rack, ...times, assignors, connections }, listener)
}

function createNextGen(parts: ConsumerParts, groupId: string, listener: MembershipListener): Membership {
  const { cluster, subscription, runtime, connections } = parts
  const { instanceId = null, rack = null, remoteAssignor = null, revokeGraceMs } = parts.options
  const { sessionTimeoutMs, rebalanceTimeoutMs } = parts.options
  const memberId = newMemberId(runtime)
  const topics = {
    nameOf: (topicId: string) => cluster.topicById(topicId)?.name,
    idOf: (name: string) => cluster.topic(name)?.topicId,
    recreated: (name: string) => subscription.recreated(name),
    lookUp: (topicIds: readonly string[], signal: AbortSignal) => cluster.lookUpTopicIds(topicIds, signal),
  }
  const times = { sessionTimeoutMs, rebalanceTimeoutMs, revokeGraceMs }
  const options = { groupId, memberId, instanceId, rack, remoteAssignor, regex: subscription.regex, ...times, topics }
  return new NextGenMembership(cluster, { ...options, connections: connections.member }, listener)
}

/** What the membership calls in the consumer. */
function listenerOf(parts: ConsumerParts): MembershipListener {
  const { cluster, subscription, assignment, positions, flush, events, lifecycle } = parts
  return {
    subscribedTopics: async (signal) => {
      const names = await subscription.topics(signal)
      parts.missing.look()
      return names
    },
    knownSubscription: () => subscription.known(),
    layouts: (names, signal) => subscription.layouts(names, signal),
    knownTopic: (topic) => knownTopic(parts, topic),
    onRevoked: (partitions, signal) => {
      lifecycle.reassigning()
      return assignment.revoke(partitions, parts.graceMs, signal)
    },
    onAssigned: (partitions, signal) => assignment.add(partitions, signal),
    lost: (partitions) => {
      lifecycle.reassigning()
      assignment.lose(partitions)
      events.emit('lost', { partitions })
    },
    onLost: (partitions, signal) => assignment.lost(partitions, signal),
    beforeJoin: () => commitBeforeJoin(parts),
    positioned: async (places, signal) => {
      await parts.turns.own(places.length)
      await positions.positioned(found(parts, places), signal)
    },
    onRebalanced: (info) => {
      parts.member?.settled()
      lifecycle.assigned()
      flush.resume()
      parts.handOut.wake()
      cluster.metrics.counter('consumer.rebalances').add(1)
      events.emit('rebalanced', info)
    },
    onRebalancing: (reason) => events.emit('rebalancing', { groupId: parts.identity.groupId, reason }),
    onEpoch: () => flush.resume(),
    onFatal: (error) => parts.fail(error),
  }
}

function found({ assignment }: ConsumerParts, places: readonly TopicPartition[]): AssignedPartition[] {
  return places.map((place) => assignment.partitions.get(place)).filter((partition) => partition !== undefined)
}

/** A topic that the brokers no longer have has no partitions: its members give them up. */
function knownTopic({ cluster, subscription, options }: ConsumerParts, topic: string): KnownTopic | undefined {
  const info = cluster.topic(topic)
  // Racks change the assignment only for a member that has one, as in Java.
  const racks = options.rack === undefined ? undefined : subscription.layout(topic)?.racks
  if (info !== undefined) return { topicId: info.topicId, partitionCount: info.partitions.length, racks }
  return meaningOf(cluster.topicErrorCode(topic)).missingTopic ? { topicId: noTopicId, partitionCount: 0 } : undefined
}

async function commitBeforeJoin({ flush, assignment, options, events }: ConsumerParts): Promise<void> {
  if (!options.commit.automatic) return
  const limits = { timeoutMs: options.revokeGraceMs, rebalance: 'fail' as const }
  const own = [...assignment.partitions.all].filter(({ commitsAutomatically }) => commitsAutomatically)
  await flush.commitProgress(own, limits).catch((error: unknown) => {
    events.emit('commitFailed', { error: asKafkaError(error, 'Committing offsets') })
  })
}
