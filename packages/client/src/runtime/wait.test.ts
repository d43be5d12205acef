import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { KafkaError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { onAbort, scopeOf, sleep, WakeUp, waitAtMost, within, withSignal } from './wait.ts'

let runtime: ManualRuntime
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

beforeEach(() => {
  runtime = new ManualRuntime()
})

describe('backoff', () => {
  test('doubles up to its limit, with at most 20 % of jitter', () => {
    const options = { firstMs: 100, maxMs: 1_000 }
    for (const [attempt, expected] of [100, 200, 400, 800, 1_000, 1_000].entries()) {
      for (const random of [0, 0.5, 0.999]) {
        const pauseMs = backoffMs({ random: () => random }, attempt + 1, options)
        expect(pauseMs).toBeGreaterThanOrEqual(expected * 0.8)
        expect(pauseMs).toBeLessThanOrEqual(expected * 1.2)
      }
    }
    expect(backoffMs({ random: () => 0.5 }, 5_000, options)).toBe(1_000)
  })
})

describe('onAbort', () => {
  test('adds one listener to a signal, whatever the number of calls, and removes it with the last of them', () => {
    const { signal, controller } = newSignal()
    const called: number[] = []
    const releases = Array.from({ length: 50 }, (_, i) => onAbort(signal, () => called.push(i)))
    expect(listeners(signal)).toBe(1)
    for (const release of releases.slice(2)) release()
    expect(listeners(signal)).toBe(1)
    controller.abort()
    expect(called).toEqual([0, 1])
    for (const release of releases) release()

    const other = newSignal().signal
    onAbort(other, () => {})()
    expect(listeners(other)).toBe(0)
  })

  test('calls immediately when the signal has aborted, and never without a signal', () => {
    let calls = 0
    onAbort(AbortSignal.abort(), () => calls++)()
    onAbort(undefined, () => calls++)()
    expect(calls).toBe(1)
  })

  test('does not call what is withdrawn while the signal aborts', () => {
    const { signal, controller } = newSignal()
    const called: string[] = []
    onAbort(signal, () => {
      called.push('first')
      withdraw()
    })
    const withdraw = onAbort(signal, () => called.push('second'))
    controller.abort()
    expect(called).toEqual(['first'])
  })

  test('calls the others when one throws, whose error is an uncaught exception', async () => {
    const before = process.listeners('uncaughtException')
    const uncaught: unknown[] = []
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    try {
      const { signal, controller } = newSignal()
      const thrown = new Error('from a follower')
      let calls = 0
      onAbort(signal, () => {
        throw thrown
      })
      onAbort(signal, () => calls++)
      controller.abort()
      expect(calls).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      expect(uncaught).toEqual([thrown])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of before) process.on('uncaughtException', listener)
    }
  })
})

describe('sleep', () => {
  test('ends after its time, or with the signal, and leaves nothing', async () => {
    const { signal, controller } = newSignal()
    const slept = sleep(runtime, 100, signal)
    await runtime.advance(100)
    await slept
    const aborted = expect(sleep(runtime, 100, signal)).rejects.toThrow('enough')
    controller.abort(new Error('enough'))
    await aborted
    await expect(sleep(runtime, 100, signal)).rejects.toThrow('enough')
    expect([listeners(signal), runtime.pendingTimers]).toEqual([0, 0])
  })
})

describe('withSignal', () => {
  test('settles with the result, the failure or the abort, whichever is first, and leaves no listener', async () => {
    const { signal, controller } = newSignal()
    expect(await withSignal(Promise.resolve(5), signal)).toBe(5)
    await expect(withSignal(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
    const never = withSignal(new Promise(() => {}), signal)
    expect(listeners(signal)).toBe(1)
    const aborted = expect(never).rejects.toThrow('enough')
    controller.abort(new Error('enough'))
    await aborted
    expect(listeners(signal)).toBe(0)
    await expect(withSignal(Promise.reject(new Error('late')), signal)).rejects.toThrow('enough')
  })
})

describe('waitAtMost', () => {
  test('reports whether the promise settled in time, and leaves no timer', async () => {
    expect(await waitAtMost(runtime, 100, Promise.resolve(5))).toBe(true)
    await expect(waitAtMost(runtime, 100, Promise.reject(new Error('no')))).rejects.toThrow('no')
    const late = waitAtMost(runtime, 100, new Promise(() => {}))
    await runtime.advance(100)
    expect(await late).toBe(false)
    expect(runtime.pendingTimers).toBe(0)
  })
})

describe('within', () => {
  const never = (signal: AbortSignal) => withSignal(new Promise<never>(() => {}), signal)

  test('resolves and rejects with the work, and leaves neither timer nor listener', async () => {
    const { signal } = newSignal()
    const limits = { operation: 'Trying', timeoutMs: 100, signals: [signal] }
    expect(await within(runtime, limits, async () => 5)).toBe(5)
    await expect(within(runtime, limits, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect([listeners(signal), runtime.pendingTimers]).toEqual([0, 0])
  })

  test('rejects at its deadline with TIMED_OUT, or with the error of the caller', async () => {
    const timedOut = within(runtime, { operation: 'Trying', timeoutMs: 100 }, never)
    const own = within(runtime, { operation: 'Trying', timeoutMs: 100, timedOut: () => new Error('too late') }, never)
    const checked = Promise.all([
      expect(timedOut).rejects.toMatchObject({ code: 'TIMED_OUT', message: 'Trying took longer than 100 ms' }),
      expect(own).rejects.toThrow('too late'),
    ])
    await runtime.advance(100)
    await checked
  })

  test("rejects with ABORTED when the caller's signal aborts, with CLOSED when a closing signal does", async () => {
    for (const [reason, code] of [
      [new Error('enough'), 'ABORTED'],
      [new KafkaError('CLOSED', 'The client is closed'), 'CLOSED'],
    ] as const) {
      const { signal, controller } = newSignal()
      const checked = expect(
        within(runtime, { operation: 'Trying', timeoutMs: 100, signals: [undefined, signal] }, never),
      ).rejects.toMatchObject({ code })
      controller.abort(reason)
      await checked
    }
    expect(runtime.pendingTimers).toBe(0)
  })

  test('keeps a failure of its own that comes together with the deadline', async () => {
    const failure = new KafkaError('TOPIC_AUTHORIZATION_FAILED', 'no')
    const checked = expect(
      within(runtime, { operation: 'Trying', timeoutMs: 100 }, (signal) =>
        never(signal).catch(() => Promise.reject(failure)),
      ),
    ).rejects.toBe(failure)
    await runtime.advance(100)
    await checked
  })
})

describe('a scope', () => {
  test('aborts at its deadline', async () => {
    const scope = scopeOf(runtime, runtime.monoNow() + 50, [])
    await runtime.advance(49)
    expect(scope.signal.aborted).toBe(false)
    await runtime.advance(1)
    expect([scope.signal.aborted, scope.expired]).toEqual([true, true])
  })

  test('aborts with any of its signals, for their reason', () => {
    const { signal, controller } = newSignal()
    const scope = scopeOf(runtime, runtime.monoNow() + 50, [undefined, signal])
    controller.abort('reason')
    expect([scope.signal.reason, scope.expired, runtime.pendingTimers]).toEqual(['reason', false, 0])
    expect(scopeOf(runtime, undefined, [signal]).signal.aborted).toBe(true)
  })

  test('leaves neither timer nor listener when released', () => {
    const { signal } = newSignal()
    scopeOf(runtime, runtime.monoNow() + 50, [signal]).release()
    expect([listeners(signal), runtime.pendingTimers]).toEqual([0, 0])
  })
})

describe('many scopes of one signal', () => {
  test('cause no MaxListenersExceededWarning', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const { signal } = newSignal()
    const outer = scopeOf(runtime, undefined, [signal])
    const scopes = Array.from({ length: 50 }, () => scopeOf(runtime, undefined, [signal, outer.signal]))
    const waits = scopes.map((scope) => sleep(runtime, 10, scope.signal))
    await runtime.advance(10)
    await Promise.all(waits)
    for (const scope of [...scopes, outer]) scope.release()
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    expect(listeners(signal)).toBe(0)
  })
})

describe('WakeUp', () => {
  test('keeps a wake that comes before the wait', async () => {
    const wakeUp = new WakeUp()
    wakeUp.wake()
    wakeUp.wake()
    await wakeUp.wait()
    let woken = false
    const waiting = wakeUp.wait().then(() => {
      woken = true
    })
    await runtime.settle()
    expect(woken).toBe(false)
    wakeUp.wake()
    await waiting
  })
})

function newSignal() {
  const controller = new AbortController()
  return { controller, signal: controller.signal }
}
