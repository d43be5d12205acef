import type { Runtime } from '@ottla/runtime'
import { beforeEach, describe, expect, test } from 'vitest'
import { TimeSlice } from './time-slice.ts'

let nowMs: number
let looks: number
let turns: number
let deferred: (() => void)[]
let slice: TimeSlice

beforeEach(() => {
  nowMs = 0
  looks = 0
  turns = 0
  deferred = []
  const runtime = {
    monoNow: () => {
      looks++
      return nowMs
    },
    defer: (callback: () => void) => deferred.push(callback),
  }
  slice = new TimeSlice(runtime as unknown as Runtime, () => turns++)
})

function endTurn(): void {
  for (const callback of deferred.splice(0)) callback()
}

describe('a turn', () => {
  test('ends before the next item when one has blocked the event loop', async () => {
    expect(slice.take()).toBe(true)
    nowMs += 9_500
    expect(slice.take()).toBe(false)
    const resting = slice.rest()
    endTurn()
    await resting
    expect(slice.take()).toBe(true)
    expect(turns).toBe(2)
  })

  test('ends after 5 ms of fast items, and reads the clock for few of them', () => {
    let items = 0
    while (slice.take()) {
      items++
      nowMs += 0.001
    }
    expect(items).toBeGreaterThan(5_000)
    expect(items).toBeLessThan(5_040)
    expect(looks).toBeLessThan(200)
  })
})
