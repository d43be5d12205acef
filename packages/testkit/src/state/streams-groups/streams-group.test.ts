import { errorOf } from '@ottla/codec'
import { expect, test } from 'vitest'
import { ConsumerBed } from '../../../test/support/consumer-bed.ts'
import { type StreamsResponse, streamsGroupHeartbeat } from './streams-group-heartbeat.ts'
import type { StreamsBody } from './streams-group-requests.ts'
import type { InternalTopic } from './streams-group-topology.ts'

const changelog = { name: 'store', partitions: 0, replicationFactor: 1, topicConfigs: [] }

const topology = {
  epoch: 1,
  subtopologies: [
    {
      subtopologyId: '0',
      sourceTopics: ['t'],
      sourceTopicRegex: [],
      stateChangelogTopics: [changelog],
      repartitionSinkTopics: [],
      repartitionSourceTopics: [],
      copartitionGroups: [],
    },
  ],
}

function beat(bed: ConsumerBed, body: Partial<StreamsBody>) {
  const isJoining = body.memberEpoch === 0
  const none = { activeTasks: [], standbyTasks: [], warmupTasks: [] }
  const whole: StreamsBody = {
    groupId: 'g',
    memberId: 'm',
    memberEpoch: 0,
    endpointInformationEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: 60_000,
    topology: isJoining ? topology : null,
    processId: body.memberId ?? 'm',
    userEndpoint: null,
    clientTags: null,
    taskOffsets: null,
    taskEndOffsets: null,
    shutdownApplication: false,
    ...none,
    ...body,
  }
  let seen: { readonly response: StreamsResponse; readonly missingTopics: readonly InternalTopic[] } | undefined
  const client = { clientId: 'c', clientHost: '/127.0.0.1', apiVersion: 0 }
  streamsGroupHeartbeat(bed.shard, whole, client, (outcome) => {
    seen = outcome
  })
  if (seen === undefined) throw new Error('No response')
  return { ...seen.response, error: errorOf(seen.response.errorCode).name, missing: seen.missingTopics }
}

test('is ready once its internal topics exist with the partition counts of their upstream topics', () => {
  const bed = new ConsumerBed()
  bed.topics.set('t', 3)
  const first = beat(bed, { memberEpoch: 0 })
  expect(first.missing).toMatchObject([{ name: 'store', partitions: 3 }])
  expect(first.status).toMatchObject([{ statusCode: 3, statusDetail: 'Internal topics are missing: store' }])
  expect(first.activeTasks).toEqual([])
  bed.topics.set('store', 3)
  const second = beat(bed, { memberEpoch: first.memberEpoch })
  expect(second).toMatchObject({ error: 'NONE', status: [], missing: [] })
  expect(second.activeTasks).toEqual([{ subtopologyId: '0', partitions: [0, 1, 2] }])
  bed.topics.set('store', 2)
  const group = bed.shard.streamsGroups.get('g')
  if (group !== undefined) group.metadataDeadline = { ms: 0, epoch: 0 }
  expect(beat(bed, { memberEpoch: second.memberEpoch }).status).toMatchObject([{ statusCode: 2 }])
})

test('assigns tasks to another process only after the revocation is confirmed, and restores all of it from the log', () => {
  const bed = new ConsumerBed()
  bed.topics.set('t', 2)
  bed.topics.set('store', 2)
  const a = beat(bed, { memberId: 'a', memberEpoch: 0 })
  expect(a.activeTasks).toEqual([{ subtopologyId: '0', partitions: [0, 1] }])
  expect(beat(bed, { memberId: 'b', memberEpoch: 0 }).activeTasks).toEqual([])
  const owned = a.activeTasks ?? []
  const kept = beat(bed, {
    memberId: 'a',
    memberEpoch: a.memberEpoch,
    activeTasks: owned.map((each) => ({ ...each, partitions: [...each.partitions] })),
  })
  expect(kept.activeTasks?.[0]?.partitions).toHaveLength(1)
  expect(beat(bed, { memberId: 'b', memberEpoch: 3 }).activeTasks).toBeNull()
  const remaining = (kept.activeTasks ?? []).map((each) => ({ ...each, partitions: [...each.partitions] }))
  beat(bed, { memberId: 'a', memberEpoch: kept.memberEpoch, activeTasks: remaining })
  expect(beat(bed, { memberId: 'b', memberEpoch: 3 }).activeTasks?.[0]?.partitions).toHaveLength(1)
  const live = bed.shard.streamsGroups.get('g')
  expect(live?.state).toBe('Stable')
  const before = [live?.groupEpoch, live?.assignmentEpoch, live?.topology, [...(live?.members ?? [])]]
  const read = bed.failover().shard.streamsGroups.get('g')
  expect([read?.groupEpoch, read?.assignmentEpoch, read?.topology, [...(read?.members ?? [])]]).toEqual(before)
})

test('fences a member after its session timeout', () => {
  const bed = new ConsumerBed()
  bed.topics.set('t', 2)
  bed.topics.set('store', 2)
  beat(bed, { memberId: 'a', memberEpoch: 0 })
  bed.clock.advance(45_000)
  expect(bed.shard.streamsGroups.get('g')?.state).toBe('Empty')
  expect(beat(bed, { memberId: 'a', memberEpoch: 2 }).error).toBe('UNKNOWN_MEMBER_ID')
  expect(bed.clock.timerCount).toBe(0)
})
