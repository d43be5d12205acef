import type { FetchResponse } from '@ottla/codec'
import { errorCode } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { batchOf } from '../../test/support/record-batches.ts'
import { noTopicId } from '../cluster/topology.ts'
import { Cursor } from './cursor.ts'
import { acceptFetch, endOf, type FetchListener } from './fetch-response.ts'
import { FetchSession } from './fetch-session.ts'

function cursorAt(partition: number, fetchOffset: number, topic = 't'): Cursor {
  const cursor = new Cursor(topic, partition)
  cursor.moveTo(fetchOffset, -1)
  return cursor
}

const idOf = (cursor: Cursor) => `id-of-${cursor.topic}`

describe('a fetch session', () => {
  const requested = (session: FetchSession, cursors: readonly Cursor[], topicIdOf = idOf) => {
    const { sessionId, sessionEpoch, topics, forgottenTopicsData } = session.next(cursors, topicIdOf, 1_000)
    const list = topics.flatMap((one) => one.partitions.map((p) => `${one.topic}${p.partition}@${p.fetchOffset}`))
    const gone = forgottenTopicsData.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}${p}`))
    return `${sessionId}/${sessionEpoch} ${list.join(' ')} -${gone.join(' ')}`
  }

  test('names all partitions first, then only changed ones, then those to forget', () => {
    const session = new FetchSession()
    const cursors = [cursorAt(0, 5), cursorAt(1, 6), cursorAt(0, 7, 'u')]
    expect(requested(session, cursors)).toBe('0/0 t0@5 t1@6 u0@7 -')
    session.accepted(99)
    expect(requested(session, cursors)).toBe('99/1  -')
    session.accepted(99)
    cursors[1]!.fetchOffset = 8
    expect(requested(session, cursors)).toBe('99/2 t1@8 -')
    session.accepted(99)
    cursors[0]!.leaderEpoch = 3
    expect(requested(session, cursors.slice(0, 2))).toBe('99/3 t0@5 -u0')
    session.accepted(99)
    expect(requested(session, cursors)).toBe('99/4 u0@7 -')
  })

  test('names all partitions each time after a reset, and with a broker that keeps no sessions', () => {
    const session = new FetchSession()
    const cursors = [cursorAt(0, 5)]
    requested(session, cursors)
    session.accepted(99)
    session.reset()
    expect(requested(session, cursors)).toBe('0/0 t0@5 -')
    session.accepted(0)
    expect(requested(session, cursors)).toBe('0/0 t0@5 -')
    session.accepted(0)
    expect(requested(session, cursors)).toBe('0/0 t0@5 -')
  })

  test('treats a recreated topic as another topic; one topic without an id makes all requests use names', () => {
    const session = new FetchSession()
    const cursors = [cursorAt(0, 5)]
    requested(session, cursors)
    session.accepted(99)
    expect(requested(session, cursors, () => 'other')).toBe('99/1 t0@5 -')
    session.accepted(99)
    expect(session.withIds).toBe(true)
    expect(requested(session, cursors, () => noTopicId)).toBe('0/0 t0@5 -')
    expect(session.withIds).toBe(false)
    expect(session.find(noTopicId, 't', 0)?.cursor).toBe(cursors[0])
  })

  test('wraps the epoch to 1', () => {
    const session = new FetchSession()
    const cursors = [cursorAt(0, 5)]
    requested(session, cursors)
    for (let i = 0; i < 3; i++) session.accepted(1)
    expect(requested(session, cursors)).toBe('1/3  -')
  })
})

describe('a response', () => {
  type Partition = FetchResponse['responses'][number]['partitions'][number]
  const calls: string[] = []
  const listener: FetchListener = {
    chunk: (_, { bytes, aborted }) => void calls.push(`chunk ${bytes > 0} ${aborted !== undefined}`),
    moved: (_, leader, epoch, code) => void calls.push(`moved ${leader} ${epoch} ${code}`),
    pause: (_, code, refresh) => void calls.push(`pause ${code} ${refresh}`),
    outOfRange: (_, offset) => void calls.push(`outOfRange ${offset}`),
    prefer: (_, replica) => void calls.push(`prefer ${replica}`),
    oversized: () => void calls.push('oversized'),
    refused: (_, code) => void calls.push(`refused ${code}`),
  }

  function accept(cursor: Cursor, partition: Partial<Partition>, before?: () => void): string[] {
    const session = new FetchSession()
    session.next([cursor], idOf, 1_000)
    before?.()
    const response = {
      partitionIndex: cursor.partition,
      errorCode: 0,
      highWatermark: 9n,
      lastStableOffset: 8n,
      logStartOffset: 0n,
      abortedTransactions: [],
      preferredReadReplica: -1,
      currentLeader: { leaderId: -1, leaderEpoch: -1 },
      records: null,
      ...partition,
    } as unknown as Partition
    const responses = [{ topic: '', topicId: 'id-of-t', partitions: [response] }]
    calls.length = 0
    acceptFetch({ responses } as unknown as FetchResponse, session, true, listener)
    return [...calls]
  }

  test('passes the bytes on, and the next fetch starts after them', () => {
    const cursor = cursorAt(0, 5)
    const records = Buffer.concat([batchOf(5, ['a']), batchOf(6, ['b', 'c']), batchOf(8, ['cut']).subarray(0, 40)])
    expect(accept(cursor, { records })).toEqual(['chunk true false'])
    expect(cursor.fetchOffset).toBe(8)
    expect(cursor.highWatermark).toBe(9)
  })

  test('drops what was requested before a seek, a revocation or another response', () => {
    const records = batchOf(5, ['a'])
    const sought = cursorAt(0, 5)
    expect(accept(sought, { records }, () => sought.moveTo(5, -1))).toEqual([])
    const ahead = cursorAt(0, 5)
    expect(accept(ahead, { records }, () => (ahead.fetchOffset = 6))).toEqual([])
    expect(accept(cursorAt(0, 5), { records, partitionIndex: 3 })).toEqual([])
  })

  test('handles each error code', () => {
    const codeOf = (name: Parameters<typeof errorCode>[0]) => ({ errorCode: errorCode(name) })
    const leader = { currentLeader: { leaderId: 2, leaderEpoch: 7 } }
    expect(accept(cursorAt(0, 5), { ...codeOf('NOT_LEADER_OR_FOLLOWER'), ...leader } as never)).toEqual([
      'moved 2 7 NOT_LEADER_OR_FOLLOWER',
    ])
    expect(accept(cursorAt(0, 5), codeOf('FENCED_LEADER_EPOCH'))).toEqual(['moved -1 -1 FENCED_LEADER_EPOCH'])
    expect(accept(cursorAt(0, 5), codeOf('UNKNOWN_TOPIC_ID'))).toEqual(['pause UNKNOWN_TOPIC_ID true'])
    expect(accept(cursorAt(0, 5), codeOf('KAFKA_STORAGE_ERROR'))).toEqual(['pause KAFKA_STORAGE_ERROR true'])
    expect(accept(cursorAt(0, 5), codeOf('UNKNOWN_SERVER_ERROR'))).toEqual(['pause UNKNOWN_SERVER_ERROR false'])
    expect(accept(cursorAt(0, 5), codeOf('OFFSET_OUT_OF_RANGE'))).toEqual(['outOfRange 5'])
    expect(accept(cursorAt(0, 5), codeOf('TOPIC_AUTHORIZATION_FAILED'))).toEqual([
      `refused ${errorCode('TOPIC_AUTHORIZATION_FAILED')}`,
    ])
    expect(accept(cursorAt(0, 5), { preferredReadReplica: 3 })).toEqual(['prefer 3'])
    expect(accept(cursorAt(0, 5), { records: batchOf(5, ['a']).subarray(0, 60) })).toEqual(['oversized'])
    expect(accept(cursorAt(0, 5), { records: Buffer.alloc(0) })).toEqual([])
  })

  test('reads the end of the fetched batches from their headers', () => {
    expect(endOf(Buffer.alloc(0))).toBe(-1)
    expect(endOf(batchOf(2 ** 40, ['a', 'b']))).toBe(2 ** 40 + 2)
    expect(endOf(batchOf(3, ['a']).subarray(0, 70))).toBe(-1)
  })
})
