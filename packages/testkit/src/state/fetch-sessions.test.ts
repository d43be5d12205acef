import { describe, expect, test } from 'vitest'
import { type FetchContext, type FetchPartition, type FetchSessionRequest, FetchSessions } from './fetch-sessions.ts'

let nowMs = 0
const clock = { monoNow: () => nowMs, random: Math.random }

const partition = (index: number, fetchOffset = 0): FetchPartition => ({
  topic: 't',
  topicId: '',
  partition: index,
  currentLeaderEpoch: -1,
  fetchOffset,
  lastFetchedEpoch: -1,
  maxBytes: 1000,
})

function request(
  sessionId: number,
  sessionEpoch: number,
  partitions: FetchPartition[] = [],
  more: Partial<FetchSessionRequest> = {},
) {
  return { sessionId, sessionEpoch, usesTopicIds: false, partitions, forgotten: [], nameOf: () => undefined, ...more }
}

function opened(sessions: FetchSessions, sessionRequest: FetchSessionRequest): FetchContext {
  const context = sessions.open(sessionRequest)
  if (typeof context === 'string') throw new Error(context)
  return context
}

const response = {
  errorCode: 0,
  highWatermark: 5,
  logStartOffset: 0,
  hasRecords: false,
  isDiverging: false,
  isRedirected: false,
}
const indexes = ({ partitions }: FetchContext) => partitions.map(({ partition }) => partition)

describe('a session', () => {
  test('keeps its partitions, and returns only changed ones', () => {
    const sessions = new FetchSessions(10, clock)
    const full = opened(sessions, request(0, 0, [partition(0), partition(1)]))
    expect(full.sessionId).toBeGreaterThan(0)
    expect(full.partitions.map((each) => full.select(each, response))).toEqual([true, true])
    const next = opened(sessions, request(full.sessionId, 1, [partition(1, 7)]))
    expect(next.partitions.map(({ fetchOffset }) => fetchOffset)).toEqual([0, 7])
    const [first, second] = next.partitions as [FetchPartition, FetchPartition]
    expect(next.select(first, response)).toBe(false)
    expect(next.select(second, { ...response, highWatermark: 6 })).toBe(true)
    expect(next.select(second, { ...response, highWatermark: 6 })).toBe(false)
  })

  test('returns an error each time, and the first response after it', () => {
    const sessions = new FetchSessions(10, clock)
    const full = opened(sessions, request(0, 0, [partition(0)]))
    const [only] = full.partitions as [FetchPartition]
    full.select(only, response)
    const next = opened(sessions, request(full.sessionId, 1))
    expect(next.select(only, { ...response, errorCode: 6 })).toBe(true)
    expect(next.select(only, { ...response, errorCode: 6 })).toBe(true)
    expect(next.select(only, response)).toBe(true)
    expect(next.select(only, response)).toBe(false)
  })

  test('starts with the partitions that returned no records last time', () => {
    const sessions = new FetchSessions(10, clock)
    const full = opened(sessions, request(0, 0, [partition(0), partition(1), partition(2)]))
    full.select(partition(0), { ...response, hasRecords: true })
    expect(indexes(opened(sessions, request(full.sessionId, 1)))).toEqual([1, 2, 0])
  })

  test('removes forgotten partitions, and ends with the last', () => {
    const sessions = new FetchSessions(10, clock)
    const { sessionId } = opened(sessions, request(0, 0, [partition(0), partition(1)]))
    expect(indexes(opened(sessions, request(sessionId, 1, [], { forgotten: [partition(0)] })))).toEqual([1])
    expect(opened(sessions, request(sessionId, 2, [], { forgotten: [partition(1)] })).sessionId).toBe(0)
    expect(sessions.open(request(sessionId, 3))).toBe('FETCH_SESSION_ID_NOT_FOUND')
  })

  test('rejects another epoch, another id and a change between names and topic ids', () => {
    const sessions = new FetchSessions(10, clock)
    const { sessionId } = opened(sessions, request(0, 0, [partition(0)]))
    expect(sessions.open(request(sessionId, 2))).toBe('INVALID_FETCH_SESSION_EPOCH')
    expect(sessions.open(request(sessionId + 1, 1))).toBe('FETCH_SESSION_ID_NOT_FOUND')
    expect(sessions.open(request(sessionId, 1, [], { usesTopicIds: true }))).toBe('FETCH_SESSION_TOPIC_ID_ERROR')
  })

  test('ends on request of the client', () => {
    const sessions = new FetchSessions(10, clock)
    const { sessionId } = opened(sessions, request(0, 0, [partition(0)]))
    expect(opened(sessions, request(sessionId, -1, [partition(0)])).sessionId).toBe(0)
    expect(sessions.size).toBe(0)
  })
})

test('creates no session while the cache is full, until the least recently used one is evictable', () => {
  const sessions = new FetchSessions(2, clock)
  const first = opened(sessions, request(0, 0, [partition(0)])).sessionId
  const second = opened(sessions, request(0, 0, [partition(0)])).sessionId
  expect(opened(sessions, request(0, 0, [partition(0)])).sessionId).toBe(0)
  nowMs += 119_000
  opened(sessions, request(first, 1))
  nowMs += 2000
  expect(opened(sessions, request(0, 0, [partition(0)])).sessionId).toBeGreaterThan(0)
  expect(sessions.open(request(second, 1))).toBe('FETCH_SESSION_ID_NOT_FOUND')
  expect(typeof sessions.open(request(first, 2))).toBe('object')
})
