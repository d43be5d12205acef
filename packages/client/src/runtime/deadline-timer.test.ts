import type { Timer } from '@ottla/runtime'
import { beforeEach, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { DeadlineTimer } from './deadline-timer.ts'

let runtime: ManualRuntime
let startMs: number
let fired: number[]

beforeEach(() => {
  runtime = new ManualRuntime()
  startMs = runtime.monoNow()
  fired = []
})

const note = (nowMs: number) => {
  fired.push(nowMs - startMs)
  return Number.POSITIVE_INFINITY
}

test('fires once, at the earliest of its deadlines', async () => {
  const timer = new DeadlineTimer(runtime, note)
  timer.wakeIn(50)
  timer.wakeIn(20)
  timer.wakeIn(30)
  expect(runtime.pendingTimers).toBe(1)
  await runtime.advance(100)
  expect(fired).toEqual([20])
  expect(timer.armed).toBe(false)
})

test('never fires early, and does not spin on a deadline in the past', async () => {
  let rounds = 0
  const timer = new DeadlineTimer(runtime, (nowMs) => {
    note(nowMs)
    return rounds++ < 2 ? nowMs - 5 : Number.POSITIVE_INFINITY
  })
  timer.wakeIn(10.2)
  await runtime.advance(20)
  expect(fired).toEqual([11, 12, 13])
})

test('fires again when one of its owners has another deadline', async () => {
  const timer = new DeadlineTimer(runtime, note)
  timer.add((nowMs) => (nowMs < startMs + 30 ? nowMs + 15 : Number.POSITIVE_INFINITY))
  timer.wakeIn(10)
  await runtime.advance(100)
  expect(fired).toEqual([10, 25, 40])
})

test('a deadline that is set while it fires counts too', async () => {
  const timer: DeadlineTimer = new DeadlineTimer(runtime, (nowMs) => {
    if (fired.length === 0) timer.wakeBy(nowMs + 5)
    note(nowMs)
    return fired.length === 1 ? nowMs + 50 : Number.POSITIVE_INFINITY
  })
  timer.wakeIn(10)
  await runtime.advance(100)
  expect(fired).toEqual([10, 15])
})

test('drops its deadlines when cleared, and accepts no new ones when stopped', async () => {
  const timer = new DeadlineTimer(runtime, note)
  timer.wakeIn(10)
  timer.clear()
  expect(runtime.pendingTimers).toBe(0)
  timer.wakeIn(20)
  await runtime.advance(30)
  expect(fired).toEqual([20])
  timer.stop()
  timer.wakeIn(10)
  expect(runtime.pendingTimers).toBe(0)
})

test('passes on how long ago a missed deadline was: the Runtime notices a blocked event loop by it', () => {
  const delays: number[] = []
  const clock = {
    monoNow: () => runtime.monoNow(),
    clearTimer: (timer: Timer) => runtime.clearTimer(timer),
    setTimer: (callback: () => void, delayMs: number) => {
      delays.push(delayMs)
      return runtime.setTimer(callback, delayMs)
    },
  }
  const timer = new DeadlineTimer(clock, note)
  timer.wakeBy(startMs - 150)
  expect(delays).toEqual([-150])
  timer.stop()
})
