import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { KafkaError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import type { Broker } from './broker.ts'
import { byLeader, type LeaderRequest } from './by-leader.ts'
import { type RetryOptions, retry } from './retry.ts'

interface Entry {
  readonly topic: string
  readonly partition: number
}

const entries: readonly Entry[] = [0, 1, 2, 3].map((partition) => ({ topic: 't', partition }))
const operation = 'Looking'

let runtime: ManualRuntime
/** Broker ids by partition; -1: no leader. */
let leaders: number[]
let refreshes: string[]

beforeEach(() => {
  runtime = new ManualRuntime()
  leaders = [1, 2, 1, 2]
  refreshes = []
})

function run(request: LeaderRequest<Entry, string>, what: Partial<RetryOptions> = {}) {
  const brokers = [1, 2].map((id) => ({ id, host: 'h', port: id }) as Broker)
  const options = { apiTimeoutMs: 10_000, retryBackoffMs: 100, retryBackoffMaxMs: 1_000 }
  const closing = new AbortController().signal
  const retries = new Metrics().counter('retries')
  const refresh = async (_reason: string, topics: readonly string[]) => {
    refreshes.push(topics.join())
  }
  const cluster = {
    leaderOf: (_topic: string, partition: number) => brokers.find(({ id }) => id === leaders[partition]),
    retry: <T>(given: RetryOptions, attempt: (attemptNo: number, signal: AbortSignal) => Promise<T>) =>
      retry({ runtime, options, closing, logger: silentLogger, retries, refresh }, given, attempt),
  }
  return byLeader<Entry, string>(cluster, { operation, ...what }, entries, request)
}

const moved = (retriable = true) => new KafkaError('NOT_LEADER_OR_FOLLOWER', 'moved', { retriable })

describe('byLeader', () => {
  test('sends one request per leader, and returns the outcome of each entry', async () => {
    const sent: string[] = []
    const found = await run(async (leader, own) => {
      sent.push(`${leader.id}: ${own.map(({ partition }) => partition).join()}`)
      return own.map((entry) => [entry, `by ${leader.id}`])
    })
    expect(sent).toEqual(['1: 0,2', '2: 1,3'])
    expect(entries.map((entry) => found.get(entry))).toEqual(['by 1', 'by 2', 'by 1', 'by 2'])
    expect(refreshes).toEqual([])
  })

  test('repeats only what is open, after a refresh of its topics', async () => {
    const sent: string[] = []
    leaders[3] = -1
    const found = run(async (leader, own) => {
      sent.push(`${leader.id}: ${own.map(({ partition }) => partition).join()}`)
      const first = sent.length <= 2
      if (first) leaders = [2, 2, 1, 1]
      // Partition 0 moved, and the response is missing partition 2.
      return own
        .filter(({ partition }) => !first || partition !== 2)
        .map((entry) => [entry, first && entry.partition === 0 ? moved() : 'found'])
    })
    await runtime.advance(2_000)
    expect([...(await found).values()]).toEqual(['found', 'found', 'found', 'found'])
    expect(sent).toEqual(['1: 0,2', '2: 1', '2: 0', '1: 2,3'])
    expect(refreshes).toEqual(['t'])
  })

  test('keeps a permanent error as the outcome of its entry', async () => {
    const refused = new KafkaError('TOPIC_AUTHORIZATION_FAILED', 'no')
    const found = await run(async (_leader, own) =>
      own.map((entry) => [entry, entry.partition === 1 ? refused : 'found']),
    )
    expect(entries.map((entry) => found.get(entry))).toEqual(['found', refused, 'found', 'found'])
  })

  test('repeats a request that fails for the moment, and fails with one that fails for good', async () => {
    let failures = 0
    const found = run(async (leader, own) => {
      if (leader.id === 2 && failures++ === 0) throw moved()
      return own.map((entry) => [entry, 'found'])
    })
    await runtime.advance(1_000)
    expect((await found).size).toBe(4)
    const refused = moved(false)
    await expect(run(() => Promise.reject(refused))).rejects.toBe(refused)
  })

  test('times out with the reason: a partition without a leader', async () => {
    leaders[2] = -1
    const checked = expect(
      run(async (_leader, own) => own.map((entry) => [entry, 'found']), { timeoutMs: 1_000 }),
    ).rejects.toMatchObject({ code: 'TIMED_OUT', cause: { code: 'LEADER_NOT_AVAILABLE', partition: 2 } })
    await runtime.advance(1_000)
    await checked
  })
})
