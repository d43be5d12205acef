import { Heartbeat, JoinGroup, LeaveGroup, StreamsGroupHeartbeat, SyncGroup } from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  ConsumerScript,
  disableAssignmentDelay,
  elsewhere,
  groupBed,
  joinBody,
  rebalanceTimeoutMs,
  syncBody,
} from '../groups.ts'
import type { Stage } from '../stage.ts'
import { StreamsScript, streamsBeat, subtopology, topicInfo } from '../streams.ts'

type StreamsStage = Stage<typeof StreamsGroupHeartbeat>

async function twoMembers(stage: StreamsStage): Promise<void> {
  const group = await StreamsScript.open(stage, 'two')
  await group.join('m1 joins', 'm1')
  await group.beat('m1 has it', 'm1')
  await group.describe('one member')
  await group.join('m2 joins', 'm2', { rackId: 'r', clientTags: [{ key: 'zone', value: 'a' }] })
  await group.beat('m1 is to let go', 'm1')
  await group.beat('m2 waits', 'm2')
  await group.describe('m1 has not let go')
  await group.beat('m1 has let go', 'm1')
  await group.beat('m2 gets', 'm2')
  await group.describe('two members')
  await group.send('m1 leaves', { memberId: 'm1', memberEpoch: -1 })
  await group.beat('m2 gets all', 'm2')
  await group.beat('m2 says nothing', 'm2', { activeTasks: null, standbyTasks: null, warmupTasks: null })
  await group.describe('m2 alone')
  await group.send('m2 leaves', { memberId: 'm2', memberEpoch: -1 })
  await group.describe('an empty group')
}

async function internalTopics(stage: StreamsStage): Promise<void> {
  const bed = await groupBed(stage, 'internal', 3)
  await disableAssignmentDelay(stage, bed, ['streams.assignment.interval.ms', 'streams.initial.rebalance.delay.ms'])
  const repartition = stage.name('repartition')
  const group = new StreamsScript(stage, bed, [
    subtopology('0', { sourceTopics: [bed.topic], repartitionSinkTopics: [repartition] }),
    subtopology('1', {
      repartitionSourceTopics: [topicInfo(repartition)],
      stateChangelogTopics: [topicInfo(stage.name('changelog'))],
      copartitionGroups: [{ sourceTopics: [], sourceTopicRegex: [], repartitionSourceTopics: [0] }],
    }),
  ])
  // Two missing topics are created; when each of them is visible depends on the cluster.
  await group.join(undefined, 'm')
  await stage.until('the tasks of both subtopologies', async () => {
    const { status } = await group.beat(undefined, 'm')
    return group.member('m').active.length === 2 && (status?.length ?? 0) === 0
  })
  stage.saw('all tasks', [...group.member('m').active])
}

async function endpoints(stage: StreamsStage): Promise<void> {
  const group = await StreamsScript.open(stage, 'endpoint', 2)
  const userEndpoint = { host: 'h', port: 7 }
  await group.join('with an endpoint', 'm', { userEndpoint })
  await group.beat('asks where', 'm', { endpointInformationEpoch: -1 })
  await group.join('another', 'n', { userEndpoint: { host: 'g', port: 8 } })
  await group.settle(3, ['m', 'n'])
  await group.beat('requests a shutdown of the application', 'm', { shutdownApplication: true })
  await group.beat('is informed of the shutdown', 'n')
}

export const streamsHeartbeats = conformance(StreamsGroupHeartbeat, {
  async valid(stage) {
    await twoMembers(stage)
    await internalTopics(stage)
    await endpoints(stage)
    const stateful = await StreamsScript.open(stage, 'sticky', 5)
    await stateful.join('a joins', 'a', { processId: 'p1' })
    await stateful.join('b joins', 'b', { processId: 'p1' })
    await stateful.join('c joins', 'c', { processId: 'p2' })
    await stateful.settle(4, ['a', 'b', 'c'])
    await stateful.describe('three members of two processes')
  },

  async invalid(stage) {
    const group = await StreamsScript.open(stage, 'g')
    const none = { activeTasks: [], standbyTasks: [], warmupTasks: [] }
    const topology = { epoch: 1, subtopologies: [subtopology('0', { sourceTopics: [group.bed.topic] })] }
    const join = { memberEpoch: 0, rebalanceTimeoutMs, processId: 'p', topology, ...none }
    const of = (more: Parameters<typeof subtopology>[1]) => ({ epoch: 1, subtopologies: [subtopology('0', more)] })
    await group.send('no member id', { ...join, memberId: '' })
    await group.send('no group', { ...join, groupId: '' })
    await group.send('an instance', { ...join, instanceId: 'i' })
    await group.send('no rack', { ...join, rackId: '' })
    await group.send('no rebalance timeout', { ...join, rebalanceTimeoutMs: -1 })
    await group.send('owns already', { ...join, activeTasks: [{ subtopologyId: '0', partitions: [0] }] })
    await group.send('nothing said of standby tasks', { ...join, standbyTasks: null })
    await group.send('warmup tasks', { ...join, warmupTasks: [{ subtopologyId: '0', partitions: [0] }] })
    await group.send('no topology', { ...join, topology: null })
    await group.send('leaves for a while', { memberEpoch: -2 })
    await group.send('no such epoch', { memberEpoch: -3 })
    await group.send('one kind of tasks', { memberEpoch: 1, activeTasks: [] })
    await group.send('a topology later', { memberEpoch: 1, topology })
    await group.send('a changelog of fixed size', {
      ...join,
      topology: of({ sourceTopics: ['t'], stateChangelogTopics: [topicInfo('c', 3)] }),
    })
    await group.send('an expression', { ...join, topology: of({ sourceTopicRegex: ['t.*'] }) })
    await group.send('offsets', { ...join, taskOffsets: [{ subtopologyId: '0', partition: 0, offset: 1n }] })
    await group.send('end offsets', { ...join, taskEndOffsets: [{ subtopologyId: '0', partition: 0, offset: 1n }] })
    await group.send('repartitions a topic without a writer', {
      ...join,
      topology: of({ sourceTopics: [group.bed.topic], repartitionSourceTopics: [topicInfo('r')] }),
    })
    await group.join('joins', 'm')
    const tasks = (subtopologyId: string, partitions: number[]) => ({
      ...none,
      activeTasks: [{ subtopologyId, partitions }],
    })
    await group.beat('a strange subtopology', 'm', tasks('7', [0]))
    await group.beat('a strange task', 'm', tasks('0', [9]))
    await group.send('another topology', {
      ...join,
      memberId: 'n',
      topology: of({ sourceTopics: [group.bed.topic], repartitionSinkTopics: ['x'] }),
    })
  },

  async wrongState(stage) {
    const group = await StreamsScript.open(stage, 'g')
    const { on, group: groupId, topic } = group.bed
    const none = { activeTasks: [], standbyTasks: [], warmupTasks: [] }
    const topology = { epoch: 1, subtopologies: [subtopology('0', { sourceTopics: [topic] })] }
    const join = { memberEpoch: 0, rebalanceTimeoutMs, processId: 'p', topology, ...none }
    await stage.ask('elsewhere', streamsBeat({ groupId, ...join }), { on: await elsewhere(stage, groupId) })
    await group.send('no group', { memberEpoch: 1 })
    await group.send('leaves no group', { memberEpoch: -1 })
    await group.join('joins', 'm')
    await group.send('a stranger', { memberId: 'stranger', memberEpoch: 2 })
    await group.send('a stranger leaves', { memberId: 'stranger', memberEpoch: -1 })
    await group.send('an epoch to come', { memberEpoch: 9 })
    await group.join('another', 'n')
    await group.settle(3, ['m', 'n'])
    await group.send('an epoch that is over', { memberEpoch: 1 })
    await group.send('an older topology', { ...join, memberId: 'old', topology: { ...topology, epoch: 0 } })
    const classic = joinBody(group.bed, '')
    await stage.note('a classic member', JoinGroup, 9, classic, { on })
    await stage.note('a classic sync', SyncGroup, 5, syncBody(group.bed, { memberId: 'm', generationId: 3 }), { on })
    const beat = { groupId, memberId: 'm', generationId: 3, groupInstanceId: null }
    await stage.note('a classic heartbeat', Heartbeat, 4, beat, { on })
    const members = [{ memberId: 'm', groupInstanceId: null, reason: null }]
    await stage.note('a classic leave', LeaveGroup, 4, { groupId, memberId: '', members }, { on })
    const { bed: missing } = await StreamsScript.open(stage, 'missing')
    const nowhere = { epoch: 1, subtopologies: [subtopology('0', { sourceTopics: [stage.name('nowhere')] })] }
    const body = streamsBeat({ groupId: missing.group, ...join, topology: nowhere })
    await stage.ask('a topic that is not there', body, { on: missing.on })
    const consumers = await groupBed(stage, 'consumers')
    const script = new ConsumerScript(stage, consumers)
    await script.join(undefined, 'm')
    await stage.ask('a consumer group', streamsBeat({ groupId: consumers.group, ...join }), { on: consumers.on })
    await stage.ask('leaves a consumer group', streamsBeat({ groupId: consumers.group, memberEpoch: -1 }), {
      on: consumers.on,
    })
  },
})
