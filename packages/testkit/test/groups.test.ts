import {
  errorOf,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  OffsetCommit,
  OffsetFetch,
  SyncGroup,
} from '@ottla/codec'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { bytes, subscription, text } from './support/group-bed.ts'
import { Wire } from './support/wire.ts'

const groupId = 'billing'
const errorName = (code: number) => errorOf(code).name

let cluster: TestCluster
const wires: Wire[] = []

async function open(brokerId = 1): Promise<Wire> {
  const { host, port } = cluster.broker(brokerId)
  const wire = await Wire.open(`${host}:${port}`)
  wires.push(wire)
  return wire
}

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close()
  await cluster.close()
})

const start = (config: Record<string, string | number> = {}) =>
  createCluster({
    listen: true,
    topics: [{ name: 't', partitions: 2, replicationFactor: 3 }],
    config: { 'broker.session.timeout.ms': 50, ...config },
  })

/** Repeats a request until the response is as expected; the cluster works in the background. */
async function until<A>(send: () => Promise<A>, isThere: (response: A) => boolean): Promise<A> {
  for (let i = 0; i < 400; i++) {
    const response = await send()
    if (isThere(response)) return response
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`Unexpected response: ${JSON.stringify(await send())}`)
}

/** The coordinator's id, according to the first live broker. */
async function coordinator(key = groupId, except = -1): Promise<number> {
  const alive = cluster.brokers.find(({ isUp }) => isUp)
  const wire = await open(alive?.id)
  const find = async () =>
    (await wire.request(FindCoordinator, 6, { keyType: 0, coordinatorKeys: [key] })).coordinators[0]
  const found = await until(find, (each) => each?.errorCode === 0 && each.nodeId !== except)
  return found?.nodeId ?? -1
}

const joining = (memberId: string) => ({
  groupId,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  memberId,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription('t') }],
})

/** Joins as the only member and assigns itself `mine`; the first request may reach a coordinator that is still loading. */
async function stable(wire: Wire, assignment = bytes('mine')): Promise<string> {
  const rejected = await until(
    () => wire.request(JoinGroup, 9, joining('')),
    ({ errorCode }) => errorName(errorCode) === 'MEMBER_ID_REQUIRED',
  )
  const { generationId, memberId } = await wire.request(JoinGroup, 9, joining(rejected.memberId))
  const assignments = [{ memberId, assignment }]
  const sync = { groupId, generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments }
  expect(text((await wire.request(SyncGroup, 5, sync)).assignment)).toBe(text(assignment))
  return memberId
}

/** An assignment of version 0 in its bytes. */
function assigned(topic: string, ...partitions: number[]): Uint8Array {
  const numbers = partitions.flatMap((partition) => [0, 0, 0, partition])
  const head = [0, 0, 0, 0, 0, 1, 0, topic.length, ...bytes(topic), 0, 0, 0, partitions.length]
  return new Uint8Array([...head, ...numbers, 0xff, 0xff, 0xff, 0xff])
}

const commit = (wire: Wire, memberId: string, generationIdOrMemberEpoch: number, committedOffset: bigint) => {
  const partitions = [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: 0, committedMetadata: null }]
  const body = { groupId, memberId, generationIdOrMemberEpoch, topics: [{ name: 't', partitions }] }
  return wire.request(OffsetCommit, 9, body)
}

const committed = async (wire: Wire) => {
  const groups = [{ groupId, topics: [{ name: 't', partitionIndexes: [0] }] }]
  const { groups: responses } = await wire.request(OffsetFetch, 9, { groups, requireStable: true })
  return errorName(responses[0]?.errorCode ?? -1) === 'NONE'
    ? responses[0]?.topics[0]?.partitions[0]?.committedOffset
    : errorName(responses[0]?.errorCode ?? -1)
}

describe('a group on the wire', () => {
  test('creates the offsets topic with the first FindCoordinator request', async () => {
    cluster = await start()
    expect(cluster.topics()).toEqual(['t'])
    const wire = await open()
    const body = { keyType: 0, coordinatorKeys: [groupId] }
    const first = await wire.request(FindCoordinator, 4, body)
    expect(errorName(first.coordinators[0]?.errorCode ?? 0)).toBe('COORDINATOR_NOT_AVAILABLE')
    const id = await coordinator()
    expect(cluster.topics()).toContain('__consumer_offsets')
    // "billing".hashCode() is -109829509, of which Java's coordinator takes the absolute value, modulo 8 partitions.
    expect(cluster.partition('__consumer_offsets', 109_829_509 % 8).leader).toBe(id)
  })

  test('is served only by its coordinator', async () => {
    cluster = await start()
    const id = await coordinator()
    const other = await open(cluster.brokers.find((broker) => broker.id !== id)?.id)
    const joined = await other.request(JoinGroup, 9, joining(''))
    expect(errorName(joined.errorCode)).toBe('NOT_COORDINATOR')
    expect(await committed(other)).toBe('NOT_COORDINATOR')
    const beat = await other.request(Heartbeat, 4, { groupId, generationId: 1, memberId: 'x' })
    expect(errorName(beat.errorCode)).toBe('NOT_COORDINATOR')
  })

  test('serves other connections while a join is held', async () => {
    cluster = await start()
    const id = await coordinator()
    const [a, b] = [await open(id), await open(id)]
    const memberId = await stable(a)
    const rejected = await b.request(JoinGroup, 9, joining(''))
    const held = b.request(JoinGroup, 9, joining(rejected.memberId))
    const beat = () => a.request(Heartbeat, 4, { groupId, generationId: 1, memberId })
    await until(beat, ({ errorCode }) => errorName(errorCode) === 'REBALANCE_IN_PROGRESS')
    const left = await a.request(LeaveGroup, 5, { groupId, members: [{ memberId }] })
    expect(left.members.map(({ errorCode }) => errorCode)).toEqual([0])
    expect(await held).toMatchObject({ errorCode: 0, generationId: 2, memberId: rejected.memberId })
  })
})

test('a test can read groups with members, assignments and committed offsets', async () => {
  cluster = await start()
  const wire = await open(await coordinator())
  const memberId = await stable(wire, assigned('t', 1, 0))
  await commit(wire, memberId, 1, 42n)
  const partitions = [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 1 },
  ]
  const member = { memberId, groupInstanceId: null, clientId: 'wire', isLeader: true, epoch: 1, partitions }
  const offsets = [{ topic: 't', partition: 0, offset: 42n }]
  const group = { groupId, state: 'Stable', generation: 1, protocol: 'range', members: [member], offsets }
  expect(cluster.groups()).toEqual([group])
})

describe('when the coordinator dies', () => {
  test('the next one has members, generation, assignment and offsets', async () => {
    cluster = await start()
    const id = await coordinator()
    const wire = await open(id)
    const memberId = await stable(wire)
    await commit(wire, memberId, 1, 42n)
    await cluster.broker(id).kill()
    const next = await coordinator(groupId, id)
    const again = await open(next)
    const beat = () => again.request(Heartbeat, 4, { groupId, generationId: 1, memberId })
    expect(errorName((await until(beat, ({ errorCode }) => errorCode !== 16)).errorCode)).toBe('NONE')
    expect(
      await until(
        () => committed(again),
        (offset) => typeof offset === 'bigint',
      ),
    ).toBe(42n)
    const sync = {
      groupId,
      generationId: 1,
      memberId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
    }
    expect(text((await again.request(SyncGroup, 5, sync)).assignment)).toBe('mine')
    const stale = await commit(again, memberId, 0, 1n)
    expect(errorName(stale.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe('ILLEGAL_GENERATION')
    expect(await committed(again)).toBe(42n)
  })

  test('a held join gets NOT_COORDINATOR, even when the leadership returns to it later', async () => {
    cluster = await start({ 'leader.imbalance.check.interval.seconds': 0 })
    const id = await coordinator()
    await stable(await open(id))
    await cluster.broker(id).kill()
    const next = await coordinator(groupId, id)
    const wire = await open(next)
    const rejected = await until(
      () => wire.request(JoinGroup, 9, joining('')),
      ({ errorCode }) => errorName(errorCode) === 'MEMBER_ID_REQUIRED',
    )
    const held = wire.request(JoinGroup, 9, joining(rejected.memberId))
    await cluster.broker(id).restart()
    expect(errorName((await held).errorCode)).toBe('NOT_COORDINATOR')
    const back = await open(await coordinator(groupId, next))
    const joined = await until(
      () => back.request(JoinGroup, 9, joining('')),
      ({ errorCode }) => errorCode !== 14,
    )
    expect(errorName(joined.errorCode)).toBe('MEMBER_ID_REQUIRED')
  })

  test('a commit that cannot be replicated is not acknowledged', async () => {
    cluster = await start({ 'offsets.commit.timeout.ms': 250 })
    const id = await coordinator()
    const wire = await open(id)
    const memberId = await stable(wire)
    for (const broker of cluster.brokers) if (broker.id !== id) broker.pauseReplication()
    const response = await commit(wire, memberId, 1, 7n)
    expect(errorName(response.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe('COORDINATOR_NOT_AVAILABLE')
    for (const broker of cluster.brokers) broker.resumeReplication()
    expect(
      await until(
        () => committed(wire),
        (offset) => offset === 7n,
      ),
    ).toBe(7n)
  })
})
