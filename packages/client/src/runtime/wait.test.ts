import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { backoffMs } from './backoff.ts'
import { scopeOf, sleep, WakeUp, withSignal } from './wait.ts'

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
    const alarm = new WakeUp()
    alarm.wake()
    alarm.wake()
    await alarm.wait()
    let woken = false
    const waiting = alarm.wait().then(() => {
      woken = true
    })
    await runtime.settle()
    expect(woken).toBe(false)
    alarm.wake()
    await waiting
  })
})

function newSignal() {
  const controller = new AbortController()
  return { controller, signal: controller.signal }
}
