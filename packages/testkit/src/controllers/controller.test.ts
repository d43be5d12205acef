import { describe, expect, test } from 'vitest'
import { SimulatedTime } from '../../test/support/simulation.ts'
import { BrokerConfig } from '../state/configs/broker-config.ts'
import type { MetadataDelta } from '../state/metadata-view.ts'
import { Controller } from './controller.ts'
import { ensureOffsetsTopic } from './internal-topics.ts'

const sessionMs = 500

/** Three live brokers, and a topic with replicas on all of them. */
function cluster(configs: Readonly<Record<string, string>> = {}) {
  const time = new SimulatedTime(1)
  const published: MetadataDelta[] = []
  const controller = new Controller({
    runtime: time.runtime,
    config: new BrokerConfig({ 'broker.session.timeout.ms': sessionMs }),
    publish: (delta) => published.push(delta),
  })
  const register = (id: number) => {
    controller.register({ id, host: `b${id}`, port: 1, rack: null })
    controller.unfence(id)
  }
  for (const id of [1, 2, 3]) register(id)
  const { id: topicId } = controller.createTopic({
    name: 't',
    assignment: [[1, 2, 3]],
    configs: new Map(Object.entries(configs)),
  })
  const image = () => {
    const found = controller.state.topic('t')?.partitions[0]
    if (found === undefined) throw new Error('no partition')
    return found
  }
  const alterIsr = (isr: readonly number[], more: Partial<ReturnType<typeof image>> & { brokerId?: number } = {}) => {
    const { leaderEpoch, partitionEpoch } = { ...image(), ...more }
    const { brokerId = image().leader } = more
    return controller.alterIsr({ brokerId, topicId, partition: 0, leaderEpoch, partitionEpoch, isr })
  }
  return { time, controller, published, register, image, alterIsr }
}

describe('a lost broker', () => {
  test('is fenced when its session expires, and not before', () => {
    const { time, controller, image } = cluster()
    controller.brokerLost(1)
    expect(time.step(sessionMs - 1)).toBe(false)
    expect(image()).toMatchObject({ leader: 1, isr: [1, 2, 3] })
    time.step()
    expect(image()).toMatchObject({ leader: 2, leaderEpoch: 1, partitionEpoch: 1, isr: [2, 3] })
    expect(controller.state.isAlive(1)).toBe(false)
  })

  test('loses its leadership even when it registers again before its session expires', () => {
    const { time, controller, register, image } = cluster()
    controller.brokerLost(1)
    register(1)
    expect(image()).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] })
    expect(controller.state.isAlive(1)).toBe(true)
    time.step(sessionMs * 2)
    expect(controller.state.isAlive(1)).toBe(true)
  })

  test('remains eligible as the last in-sync replica, and leads again in a new epoch', () => {
    const { time, controller, register, image } = cluster()
    for (const id of [2, 3, 1]) {
      controller.brokerLost(id)
      time.step()
    }
    expect(image()).toMatchObject({ leader: -1, leaderEpoch: 1, isr: [], elr: [1], lastKnownElr: [1] })
    register(2)
    expect(image()).toMatchObject({ leader: -1, isr: [], elr: [1] })
    register(1)
    expect(image()).toMatchObject({ leader: 1, leaderEpoch: 2, isr: [1] })
  })

  test('is replaced by a lagging replica when the topic allows unclean elections', () => {
    const { time, controller, image, alterIsr } = cluster({ 'unclean.leader.election.enable': 'true' })
    alterIsr([1])
    controller.brokerLost(1)
    time.step()
    expect(image()).toMatchObject({ leader: 2, isr: [2] })
  })
})

describe('an ISR change', () => {
  test('is accepted for the current partition epoch only, and increments it', () => {
    const { image, alterIsr } = cluster()
    expect(alterIsr([1, 3])).toMatchObject({
      error: undefined,
      image: { isr: [1, 3], partitionEpoch: 1, leaderEpoch: 0 },
    })
    expect(alterIsr([1], { partitionEpoch: 0 })).toEqual({ error: 'INVALID_UPDATE_VERSION' })
    expect(image().isr).toEqual([1, 3])
  })

  test('is rejected from a non-leader, and from a leader of an older epoch', () => {
    const { time, controller, alterIsr } = cluster()
    expect(alterIsr([2], { brokerId: 2 })).toEqual({ error: 'FENCED_LEADER_EPOCH' })
    controller.brokerLost(1)
    time.step()
    expect(alterIsr([2], { leaderEpoch: 0 })).toEqual({ error: 'FENCED_LEADER_EPOCH' })
  })

  test('is rejected with a dead member, with a broker that is no replica, and without the leader', () => {
    const { time, controller, alterIsr } = cluster()
    controller.brokerLost(3)
    time.step()
    expect(alterIsr([1, 2, 3])).toEqual({ error: 'INELIGIBLE_REPLICA' })
    expect(alterIsr([1, 9])).toEqual({ error: 'INVALID_REQUEST' })
    expect(alterIsr([2])).toEqual({ error: 'INVALID_REQUEST' })
  })
})

describe('a requested election', () => {
  test('reports when it is not needed, and when no replica can lead', () => {
    const { time, controller, alterIsr, image } = cluster()
    expect(controller.electLeader('t', 0, 'preferred')).toBe('ELECTION_NOT_NEEDED')
    expect(controller.electLeader('t', 0, 'unclean')).toBe('ELECTION_NOT_NEEDED')
    expect(controller.electLeader('t', 1, 'preferred')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    controller.brokerLost(1)
    time.step()
    expect(controller.electLeader('t', 0, 'preferred')).toBe('PREFERRED_LEADER_NOT_AVAILABLE')
    alterIsr([2])
    for (const id of [2, 3]) {
      controller.brokerLost(id)
      time.step()
    }
    expect(image().leader).toBe(-1)
    expect(controller.electLeader('t', 0, 'unclean')).toBe('ELIGIBLE_LEADERS_NOT_AVAILABLE')
  })
})

test('the offsets topic is created once, compacted, with at most as many replicas as brokers', () => {
  const { controller } = cluster()
  ensureOffsetsTopic(controller, new BrokerConfig())
  ensureOffsetsTopic(controller, new BrokerConfig())
  const topic = controller.state.topic('__consumer_offsets')
  expect(topic?.partitions.map(({ replicas }) => replicas.length)).toEqual(Array(8).fill(3))
  expect([topic?.isInternal, topic?.configs.get('cleanup.policy')]).toEqual([true, 'compact'])
})

test('topic ids do not start with a dash', () => {
  const { controller } = cluster()
  for (let n = 0; n < 500; n++) expect(controller.newTopicId()).toMatch(/^[\w][\w-]{21}$/)
})
