import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { type ErrorCode, KafkaError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { withSignal } from '../runtime/wait.ts'
import { type RetryContext, retry } from './retry.ts'

let runtime: ManualRuntime
let closing: AbortController
let context: RetryContext
let metrics: Metrics
let refreshed: string[]

beforeEach(() => {
  runtime = new ManualRuntime()
  closing = new AbortController()
  metrics = new Metrics()
  refreshed = []
  context = {
    runtime,
    closing: closing.signal,
    options: { apiTimeoutMs: 10_000, retryBackoffMs: 100, retryBackoffMaxMs: 1_000 },
    logger: silentLogger,
    retries: metrics.counter('retries'),
    refresh: async (reason, topics) => {
      refreshed.push([reason, ...topics].join(' '))
    },
  }
})

const busy = (details = {}) => new KafkaError('REQUEST_TIMED_OUT', 'no response', { retriable: true, ...details })
const what = { operation: 'Trying' }

describe('retry', () => {
  test('repeats retriable failures until the attempt succeeds', async () => {
    const attempts: number[] = []
    const done = retry(context, what, async (attemptNo) => {
      attempts.push(attemptNo)
      if (attemptNo < 4) throw busy()
      return 'done'
    })
    await runtime.advance(2_000)
    expect(await done).toBe('done')
    expect(attempts).toEqual([1, 2, 3, 4])
    expect(metrics.snapshot().counters.retries).toBe(3)
    expect(runtime.pendingTimers).toBe(0)
  })

  test('the first pauses are short while a broker ends a transaction, for the requests of transactions only', async () => {
    const pausesMs = async (code: ErrorCode, soonReady: boolean) => {
      const atMs: number[] = []
      const done = retry(context, { ...what, soonReady }, async (attemptNo) => {
        atMs.push(runtime.monoNow())
        if (attemptNo < 4) throw new KafkaError(code, 'not now', { retriable: true })
      })
      await runtime.advance(2_000)
      await done
      return atMs.slice(1).map((nowMs, index) => nowMs - atMs[index]!)
    }
    expect(await pausesMs('CONCURRENT_TRANSACTIONS', true)).toEqual([20, 40, 80])
    for (const usual of [await pausesMs('CONCURRENT_TRANSACTIONS', false), await pausesMs('NOT_COORDINATOR', true)]) {
      expect(Math.min(...usual)).toBeGreaterThanOrEqual(80)
    }
  })

  test('rejects immediately when a retry cannot help, with a KafkaError or another error', async () => {
    const permanent = new KafkaError('TOPIC_AUTHORIZATION_FAILED', 'no')
    await expect(retry(context, what, () => Promise.reject(permanent))).rejects.toBe(permanent)
    const bug = new TypeError('bug')
    const failed = retry(context, what, () => Promise.reject(bug))
    await expect(failed).rejects.toMatchObject({ code: 'INTERNAL_ERROR', message: 'Trying failed: bug', cause: bug })
    expect(runtime.pendingTimers).toBe(0)
  })

  test('ends at its deadline with the last failure, and whether something may have happened', async () => {
    let attempts = 0
    const failed = retry(context, { ...what, timeoutMs: 1_000 }, async () => {
      attempts++
      throw busy({ outcome: attempts === 1 ? 'unknown' : 'not-written', topic: 't', hint: 'do this' })
    })
    const checked = expect(failed).rejects.toMatchObject({
      code: 'TIMED_OUT',
      outcome: 'unknown',
      topic: 't',
      hint: 'do this',
      cause: { code: 'REQUEST_TIMED_OUT' },
      message: expect.stringMatching(/^Trying did not succeed within \d+ ms: no response$/),
    })
    await runtime.advance(1_000)
    await checked
    expect(attempts).toBeGreaterThan(2)
  })

  test('ends at its deadline even if the attempt hangs, and aborts the attempt', async () => {
    let seen: AbortSignal | undefined
    const failed = retry(context, { ...what, deadlineMs: runtime.monoNow() + 500 }, (_, signal) => {
      seen = signal
      return new Promise(() => {})
    })
    const checked = expect(failed).rejects.toMatchObject({ code: 'TIMED_OUT' })
    await runtime.advance(500)
    await checked
    expect(seen!.aborted).toBe(true)
  })

  test('ends with the signal of the caller, and with the client, during an attempt and between two', async () => {
    const { signal } = closing
    for (const attempt of [() => new Promise(() => {}), () => Promise.reject(busy())]) {
      const mine = new AbortController()
      const aborted = expect(retry(context, { ...what, signal: mine.signal }, attempt)).rejects.toMatchObject({
        code: 'ABORTED',
      })
      await runtime.advance(10)
      mine.abort()
      await aborted
      expect(getEventListeners(mine.signal, 'abort')).toEqual([])
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
    const closed = expect(retry(context, what, () => new Promise(() => {}))).rejects.toMatchObject({ code: 'CLOSED' })
    closing.abort()
    await closed
    await expect(retry(context, what, async () => 5)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(runtime.pendingTimers).toBe(0)
  })

  test('refreshes metadata when the failure shows that it is stale', async () => {
    const done = retry(context, what, async (attemptNo) => {
      if (attemptNo === 1) throw busy({ refreshMetadata: true })
      if (attemptNo === 2) throw busy()
      return attemptNo
    })
    await runtime.advance(1_000)
    expect(await done).toBe(3)
    expect(refreshed).toEqual(['Trying: REQUEST_TIMED_OUT'])
  })

  test('ends with the failure itself when its own deadline passes', async () => {
    const startedMs = runtime.monoNow()
    const failed = retry(context, { ...what, giveUpAtMs: () => startedMs + 700 }, () => Promise.reject(busy()))
    const checked = expect(failed).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT', message: 'no response' })
    await runtime.advance(700)
    await checked
  })

  test('reports whether the last attempt may have taken effect, also when the deadline ends it', async () => {
    const failed = retry(context, { ...what, timeoutMs: 500 }, async (_, signal) => {
      // The request is written only now: its own failure is known later than the signal.
      await Promise.resolve()
      return withSignal(new Promise(() => {}), signal).catch(() => {
        throw new KafkaError('ABORTED', 'Produce was aborted', { outcome: 'unknown' })
      })
    })
    const checked = expect(failed).rejects.toMatchObject({ code: 'TIMED_OUT', outcome: 'unknown' })
    await runtime.advance(500)
    await checked
  })

  test('reports whether the last attempt may have taken effect when a signal ends it', async () => {
    const mine = new AbortController()
    const failed = retry(context, { ...what, signal: mine.signal }, async (attemptNo, signal) => {
      if (attemptNo === 1)
        throw new KafkaError('CONNECTION_FAILED', 'refused', { retriable: true, outcome: 'not-written' })
      return withSignal(new Promise(() => {}), signal).catch(() => {
        throw new KafkaError('ABORTED', 'CreateTopics was aborted', { outcome: 'unknown' })
      })
    })
    const checked = expect(failed).rejects.toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
    await runtime.advance(500)
    mine.abort()
    await checked
  })

  test('ends when its owner closes, with the reason of the owner', async () => {
    const owner = new AbortController()
    const options = { ...what, closing: owner.signal, deadlineMs: Number.POSITIVE_INFINITY }
    const closed = expect(retry(context, options, () => Promise.reject(busy()))).rejects.toMatchObject({
      code: 'CLOSED',
      message: 'The consumer is closed',
    })
    await runtime.advance(100_000)
    owner.abort(new KafkaError('CLOSED', 'The consumer is closed'))
    await closed
    expect(runtime.pendingTimers).toBe(0)
  })

  test('lets the caller decide what is transient', async () => {
    const stuck = new KafkaError('UNKNOWN_SERVER_ERROR', 'no')
    const isTransient = (error: KafkaError) => error === stuck
    const done = retry(context, { ...what, isTransient }, async (attemptNo) => {
      if (attemptNo === 1) throw stuck
      return attemptNo
    })
    await runtime.advance(1_000)
    expect(await done).toBe(2)
    await expect(retry(context, { ...what, isTransient }, () => Promise.reject(busy()))).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
    })
  })

  test('refreshes given topics before every further attempt', async () => {
    const done = retry(context, { ...what, topics: () => ['a', 'b'] }, async (attemptNo) => {
      if (attemptNo < 3) throw busy()
      return attemptNo
    })
    await runtime.advance(1_000)
    await done
    expect(refreshed).toEqual(['Trying: REQUEST_TIMED_OUT a b', 'Trying: REQUEST_TIMED_OUT a b'])
  })
})
