import {
  ConsumerGroupHeartbeat,
  CreatePartitions,
  DeleteTopics,
  type Encodable,
  Heartbeat,
  JoinGroup,
} from '@ottla/codec'
import { conformance } from '../case.ts'
import {
  beat,
  ConsumerScript,
  disableAssignmentDelay,
  elsewhere,
  groupBed,
  joinBody,
  newMemberId,
  ready,
  rebalanceTimeoutMs,
  stableAlone,
} from '../groups.ts'
import type { Stage } from '../stage.ts'

type HeartbeatStage = Stage<typeof ConsumerGroupHeartbeat>

async function script(stage: HeartbeatStage, hint: string, partitions = 4): Promise<ConsumerScript> {
  const bed = await groupBed(stage, hint, partitions)
  await disableAssignmentDelay(stage, bed)
  return new ConsumerScript(stage, bed)
}

/** Two members join, share the partitions and leave: each heartbeat is recorded. */
async function twoMembers(stage: HeartbeatStage): Promise<void> {
  const group = await script(stage, 'two')
  await group.join('m1 joins', 'm1')
  await group.beat('m1 has it', 'm1')
  await group.describe('one member')
  await group.join('m2 joins', 'm2')
  await group.beat('m2 waits', 'm2')
  await group.beat('m1 is to let go', 'm1', { topicPartitions: group.member('m1').owned })
  await group.describe('m1 has not let go')
  await group.beat('m1 has let go', 'm1')
  await group.beat('m2 gets', 'm2')
  await group.beat('m2 has it', 'm2')
  await group.describe('two members')
  await group.leave('m1 leaves', 'm1')
  await group.beat('m2 gets all', 'm2')
  await group.describe('m2 alone')
  await group.leave('m2 leaves', 'm2')
  await group.describe('an empty group')
}

async function threeMembers(stage: HeartbeatStage, serverAssignor: string): Promise<void> {
  const group = await script(stage, serverAssignor, 7)
  const more = { serverAssignor, rackId: 'rack-2' }
  await group.join('a joins', 'a', more)
  await group.join('b joins', 'b', more)
  await group.settle(3, ['a', 'b'])
  await group.describe('two share')
  await group.join('c joins', 'c', more)
  await group.settle(4, ['a', 'b', 'c'])
  await group.describe('three share')
  await group.leave('b leaves', 'b')
  await group.settle(5, ['a', 'c'])
  await group.describe('two are left')
}

async function staticMembers(stage: HeartbeatStage): Promise<void> {
  const group = await script(stage, 'static')
  await group.join('joins', 's1', { instanceId: 'i1' })
  await group.join('another', 's2', { instanceId: 'i2' })
  await group.settle(3, ['s1', 's2'])
  await group.leave('leaves for a while', 's1', -2)
  await group.describe('one is away')
  await group.join('is back under another id', 's3', { instanceId: 'i1' })
  await group.beat('continues', 's3')
  await group.describe('it is back')
  await group.leave('leaves for good', 's3', -1)
  await group.settle(4, ['s2'])
  await group.describe('one is left')
}

async function subscriptions(stage: HeartbeatStage): Promise<void> {
  const group = await script(stage, 'subs', 2)
  const other = stage.name('other')
  await stage.createTopic(other, { partitions: 1 })
  const { topic } = group.bed
  await group.join('joins', 'm', { subscribedTopicNames: [topic] })
  await group.beat('subscribes to another', 'm', { subscribedTopicNames: [other] })
  await group.beat('has let go', 'm')
  await group.describe('reads another')
  await group.beat('subscribes to one that is not there', 'm', { subscribedTopicNames: [stage.name('none')] })
  await group.beat('has let go of it', 'm')
  await group.beat('says all', 'm', { subscribedTopicNames: [topic], rebalanceTimeoutMs, topicPartitions: [] })
  await group.beat('says all again', 'm', { subscribedTopicNames: [topic], rebalanceTimeoutMs })
  await group.beat('asks for range', 'm', { serverAssignor: 'range' })
  await group.describe('by range')
  await group.beat('in a rack', 'm', { rackId: 'r' })
  await group.beat('says nothing', 'm', { topicPartitions: null })
}

async function topicsChange(stage: HeartbeatStage): Promise<void> {
  const group = await script(stage, 'grow', 1)
  const { topic } = group.bed
  await group.join('joins', 'm')
  await group.settle(2, ['m'])
  const topics = [{ name: topic, count: 3, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }]
  await stage.do(CreatePartitions, 3, { topics, timeoutMs: 10_000, validateOnly: false })
  await group.settle(3, ['m'])
  await group.describe('more partitions')
  await stage.do(DeleteTopics, 6, {
    topics: [{ name: topic, topicId: noId }],
    timeoutMs: 10_000,
  })
  await group.settle(4, ['m'])
  await group.describe('no topic')
}

const noId = 'AAAAAAAAAAAAAAAAAAAAAA'

async function regexes(stage: HeartbeatStage): Promise<void> {
  const group = await script(stage, 'regex', 2)
  const { topic } = group.bed
  const byRegex = { subscribedTopicNames: null, subscribedTopicRegex: `${topic}.*` }
  await group.join('joins by an expression', 'm', byRegex)
  await group.settle(2, ['m'])
  await group.describe('what it matches')
  await group.join('another with the same', 'n', byRegex)
  await group.settle(3, ['m', 'n'])
  await group.describe('both')
  await group.beat('another expression', 'n', { subscribedTopicRegex: 'nothing-is-called-so' })
  await group.leave('leaves', 'n')
  await group.beat('by name', 'm', { subscribedTopicRegex: '', subscribedTopicNames: [topic] })
  await group.beat('has it by name', 'm')
  await group.describe('by name')
  await group.beat('by both', 'm', { subscribedTopicRegex: '[a-z]{1,2}(one|two)+?', subscribedTopicNames: [topic] })
  await group.describe('by both')
}

async function lostResponses(stage: HeartbeatStage): Promise<void> {
  const group = await script(stage, 'lost')
  const { group: groupId, topic } = group.bed
  const join = { groupId, memberId: 'm', rebalanceTimeoutMs, subscribedTopicNames: [topic], topicPartitions: [] }
  const send = (label: string, body: Partial<Encodable<typeof ConsumerGroupHeartbeat.request>>) =>
    stage.ask(label, beat({ groupId, memberId: 'm', ...body }), { on: group.bed.on })
  await group.join('joins', 'm')
  await send('joins again', join)
  const { owned, memberEpoch } = group.member('m')
  await send('in its epoch', { memberEpoch, topicPartitions: owned })
  await group.join('another joins', 'n')
  await send('is to let go', { memberEpoch, topicPartitions: owned })
  await send('did not hear it', { memberEpoch, topicPartitions: owned })
  const kept = owned.map(({ topicId }) => ({ topicId, partitions: [0, 1] }))
  await send('has let go', { memberEpoch, topicPartitions: kept })
  await send('did not hear that either', { memberEpoch, topicPartitions: kept })
  await send('says nothing of the old epoch', { memberEpoch, topicPartitions: null })
}

export const heartbeats = conformance(ConsumerGroupHeartbeat, {
  async valid(stage, version) {
    await twoMembers(stage)
    await threeMembers(stage, 'uniform')
    await threeMembers(stage, 'range')
    await staticMembers(stage)
    await subscriptions(stage)
    await topicsChange(stage)
    await lostResponses(stage)
    if (version >= 1) await regexes(stage)
    if (version === 0) {
      const group = await script(stage, 'made')
      await group.join('gets an id', '')
    }
  },

  async invalid(stage, version) {
    const { group: groupId, topic, on } = await groupBed(stage)
    const send = (label: string, body: Partial<Encodable<typeof ConsumerGroupHeartbeat.request>>) =>
      stage.ask(label, beat({ groupId, memberId: 'm', ...body }), { on })
    const join = { memberEpoch: 0, rebalanceTimeoutMs, subscribedTopicNames: [topic], topicPartitions: [] }
    await send('no member id', { ...join, memberId: '', memberEpoch: 1 })
    await send('a blank member id', { ...join, memberId: ' ', memberEpoch: -1 })
    await send('no group', { ...join, groupId: '' })
    await send('no instance id', { ...join, instanceId: '' })
    await send('no rack', { ...join, rackId: ' ' })
    await send('no rebalance timeout', { ...join, rebalanceTimeoutMs: -1 })
    await send('nothing owned said', { ...join, topicPartitions: null })
    await send('owns already', { ...join, topicPartitions: [{ topicId: await stage.topicId(topic), partitions: [0] }] })
    await send('no subscription', { ...join, subscribedTopicNames: null })
    await send('leaves for a while without an instance', { memberEpoch: -2 })
    await send('no such epoch', { memberEpoch: -3 })
    await send('no such assignor', { ...join, serverAssignor: 'best' })
    if (version === 0) return
    await send('no member id to join', { ...join, memberId: '' })
    const patterns = [
      '(',
      ')',
      '[a',
      'a**',
      '*',
      '(?=a)',
      '\\1',
      '\\',
      'a{1001}',
      '[b-a]',
      '(?<n',
      '(?P<n>a',
      '\\pX',
      '\\8',
      'a{2,1}',
    ]
    for (const subscribedTopicRegex of patterns) {
      await send(`no expression: ${subscribedTopicRegex}`, {
        ...join,
        subscribedTopicNames: null,
        subscribedTopicRegex,
      })
    }
  },

  async wrongState(stage) {
    const group = await script(stage, 'g')
    const { group: groupId, topic, on } = group.bed
    const send = (label: string, body: Partial<Encodable<typeof ConsumerGroupHeartbeat.request>>, to = on) =>
      stage.ask(label, beat({ groupId, memberId: 'm', ...body }), { on: to })
    const join = { memberEpoch: 0, rebalanceTimeoutMs, subscribedTopicNames: [topic], topicPartitions: [] }
    await send('elsewhere', join, await elsewhere(stage, groupId))
    await send('a group that is not there', { memberEpoch: 3 })
    await send('leaves a group that is not there', { memberEpoch: -1 })
    await group.join('joins', 'm')
    await send('an unknown member', { memberId: 'stranger', memberEpoch: 2 })
    await send('a stranger leaves', { memberId: 'stranger', memberEpoch: -1 })
    await send('an epoch to come', { memberEpoch: 5 })
    await group.join('another joins', 'n')
    await group.settle(3, ['m', 'n'])
    await send('an epoch that is over', {
      memberEpoch: 2,
      topicPartitions: [{ topicId: group.bed.topicId, partitions: [0, 1, 2, 3] }],
    })
    await group.join('a static one', 's', { instanceId: 'i' })
    await send('its instance id is taken', { ...join, memberId: 'other', instanceId: 'i' })
    await send('fenced', { memberId: 'other', memberEpoch: 4, instanceId: 'i' })
    await send('an unknown instance', { memberId: 's', memberEpoch: 4, instanceId: 'j' })
    await send('an unknown instance leaves', { memberId: 's', memberEpoch: -1, instanceId: 'j' })
    await send('another leaves for it', { memberId: 'other', memberEpoch: -2, instanceId: 'i' })

    const connect = await groupBed(stage, 'connect')
    await stableAlone(stage, connect, {
      protocolType: 'connect',
      protocols: [{ name: 'p', metadata: Buffer.from('x') }],
    })
    await send('a group of another kind', { ...join, groupId: connect.group }, connect.on)
    await send('no member of it', { groupId: connect.group, memberEpoch: 1 }, connect.on)
    await send('leaves it', { groupId: connect.group, memberEpoch: -1 }, connect.on)

    const strange = await groupBed(stage, 'strange')
    await stableAlone(stage, strange, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] })
    await send('members that cannot be read', { ...join, groupId: strange.group }, strange.on)
  },
})

export const migration = conformance(ConsumerGroupHeartbeat, {
  async valid(stage) {
    const bed = await groupBed(stage, 'up')
    await disableAssignmentDelay(stage, bed)
    const classic = await stableAlone(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join('joins a classic group', 'm')
    await group.describe('upgraded')
    const beatBody = { groupId: bed.group, ...classic, groupInstanceId: null }
    await stage.note('the classic member is notified', Heartbeat, 4, beatBody, { on: bed.on })
    await group.leave('leaves again', 'm')
    await group.describe('downgraded')
    await stage.note('the classic one rejoins', JoinGroup, 9, joinBody(bed, classic.memberId), { on: bed.on })
  },

  async wrongState(stage) {
    const bed = await groupBed(stage, 'rejoining')
    await disableAssignmentDelay(stage, bed)
    await newMemberId(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join('while a member is joining', 'm')
    await group.describe('the group')
    await ready(stage, bed.group)
  },
})
