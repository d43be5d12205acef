import { describe, expect, test } from 'vitest'
import { noTopicId } from '../../cluster/topology.ts'
import { AssignedPartition } from '../partition/assigned-partition.ts'
import type { BufferHost } from '../partition/buffer-host.ts'
import { FetchSession } from './fetch-session.ts'

const partitionAt = (partition: number, offset: number, topic = 't'): AssignedPartition => {
  const assigned = new AssignedPartition(topic, partition, {} as BufferHost<AssignedPartition>)
  assigned.fetching.applyLeader({ leader: 1, leaderEpoch: 0, topicId: `id-of-${topic}` })
  assigned.fetching.moveTo(offset)
  return assigned
}

const recreate = ({ fetching, topic }: AssignedPartition) =>
  fetching.applyLeader({ leader: 1, leaderEpoch: 0, topicId: `new-id-of-${topic}` })

function requested(session: FetchSession, partitions: readonly AssignedPartition[]): string {
  const { sessionId, sessionEpoch, topics, forgottenTopicsData } = session.next(partitions, 1_000).request
  const list = topics.flatMap((one) => one.partitions.map((p) => `${one.topic}${p.partition}@${p.fetchOffset}`))
  const gone = forgottenTopicsData.flatMap(({ topic, partitions: of }) => of.map((p) => `${topic}${p}`))
  return `${sessionId}/${sessionEpoch} ${list.sort().join(' ')} -${gone.join(' ')}`
}

describe('a fetch session', () => {
  test('names all partitions first, then only changed ones, then those to forget', () => {
    const session = new FetchSession(true)
    const partitions = [partitionAt(0, 5), partitionAt(1, 6), partitionAt(0, 7, 'u')]
    expect(requested(session, partitions)).toBe('0/0 t0@5 t1@6 u0@7 -')
    session.accepted(99)
    expect(requested(session, partitions)).toBe('99/1  -')
    session.accepted(99)
    partitions[1]!.fetching.moveTo(8)
    expect(requested(session, partitions)).toBe('99/2 t1@8 -')
    session.accepted(99)
    partitions[0]!.fetching.applyLeader({ leader: 1, leaderEpoch: 3, topicId: 'id-of-t' })
    expect(requested(session, partitions.slice(0, 2))).toBe('99/3 t0@5 -u0')
    session.accepted(99)
    expect(requested(session, partitions)).toBe('99/4 u0@7 -')
    expect(session.offsetOf(partitions[1]!)).toBe(8)
  })

  test('names all partitions each time after a reset, and with a broker that keeps no sessions', () => {
    const session = new FetchSession(true)
    const partitions = [partitionAt(0, 5)]
    requested(session, partitions)
    session.accepted(99)
    session.reset()
    expect(requested(session, partitions)).toBe('0/0 t0@5 -')
    session.accepted(0)
    expect(requested(session, partitions)).toBe('0/0 t0@5 -')
    session.accepted(0)
    expect(requested(session, partitions)).toBe('0/0 t0@5 -')
  })

  test('begins with another partition each time without a session: a full response must not always leave out the same', () => {
    const session = new FetchSession(true)
    const partitions = [0, 1, 2].map((partition) => partitionAt(partition, 5))
    const firsts = [1, 2, 3].map(() => {
      const [first] = session.next(partitions, 1_000).request.topics[0]!.partitions
      session.accepted(0)
      return first?.partition
    })
    expect(new Set(firsts)).toEqual(new Set([0, 1, 2]))
  })

  test('is opened with at most 1,500 partitions, and the others follow', () => {
    const session = new FetchSession(true)
    const partitions = Array.from({ length: 4_500 }, (_, at) => partitionAt(at, 5))
    const sizes: number[] = []
    const next = () => {
      const { request, isPartial } = session.next(partitions, 1_000)
      sizes.push(request.topics.reduce((sum, topic) => sum + topic.partitions.length, 0))
      return isPartial
    }
    while (next()) session.accepted(99)
    expect(sizes).toEqual([1_500, 1_500, 1_500])
    session.accepted(99)
    for (const { fetching } of partitions) fetching.moveTo(7)
    expect(next()).toBe(true)
    // What is not sent yet is still what the broker has.
    expect(partitions.map((partition) => session.offsetOf(partition)).filter((offset) => offset === 5)).toHaveLength(
      3_000,
    )
    expect(session.next(partitions.slice(0, 4_000), 1_000).request.forgottenTopicsData[0]?.partitions).toHaveLength(500)
  })

  test('that the broker refuses does not limit the next requests', () => {
    const session = new FetchSession(true)
    const partitions = Array.from({ length: 4_500 }, (_, at) => partitionAt(at, 5))
    expect(session.next(partitions, 1_000).isPartial).toBe(true)
    session.accepted(0)
    const { request, isPartial } = session.next(partitions, 1_000)
    expect(isPartial).toBe(false)
    expect(request.topics[0]?.partitions).toHaveLength(4_500)
  })

  test('is opened again for a recreated topic', () => {
    const session = new FetchSession(true)
    const partitions = [partitionAt(0, 5), partitionAt(1, 5, 'u')]
    requested(session, partitions)
    session.accepted(99)
    recreate(partitions[0]!)
    expect(requested(session, partitions)).toBe('0/0 t0@5 u1@5 -')
    expect(session.find('id-of-t', '', 0)).toBeUndefined()
    expect(session.find('new-id-of-t', '', 0)?.partition).toBe(partitions[0])
  })

  test('finds partitions by id, and by name for brokers whose Fetch has names only', () => {
    const session = new FetchSession(true)
    const partition = partitionAt(0, 5)
    requested(session, [partition])
    expect(session.find('id-of-t', '', 0)?.partition).toBe(partition)
    expect(session.find(noTopicId, 't', 0)?.partition).toBe(partition)
    expect(session.find(noTopicId, 'u', 0)).toBeUndefined()
    expect(session.find('id-of-t', '', 0x7fffffff)).toBeUndefined()
  })

  test('without ids has none in its requests', () => {
    const session = new FetchSession(false)
    const partition = partitionAt(0, 5)
    expect(session.next([partition], 1_000).request.topics[0]).toMatchObject({ topic: 't', topicId: noTopicId })
    expect(session.find(noTopicId, 't', 0)?.partition).toBe(partition)
  })

  test('takes over the place of a partition that was revoked and assigned again', () => {
    const session = new FetchSession(true)
    requested(session, [partitionAt(0, 5)])
    session.accepted(99)
    const again = partitionAt(0, 3)
    expect(requested(session, [again])).toBe('99/1 t0@3 -')
    session.accepted(99)
    expect(session.find('id-of-t', '', 0)?.partition).toBe(again)
    expect(requested(session, [])).toBe('99/2  -t0')
  })

  test('wraps the epoch to 1', () => {
    const session = new FetchSession(true)
    const partitions = [partitionAt(0, 5)]
    requested(session, partitions)
    for (let i = 0; i < 3; i++) session.accepted(1)
    expect(requested(session, partitions)).toBe('1/3  -')
  })
})
