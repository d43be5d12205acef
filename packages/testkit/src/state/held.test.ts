import { describe, expect, test, vi } from 'vitest'
import { SimulatedTime } from '../../test/support/simulation.ts'
import { Held } from './held.ts'

describe('a held response', () => {
  test('is delivered once, before or after its receiver is set', () => {
    const { runtime } = new SimulatedTime(1)
    const early = new Held<string>(runtime)
    const late = new Held<string>(runtime)
    const seen: string[] = []
    early.deliverTo((response) => seen.push(response))
    expect([early.complete('a'), early.complete('b')]).toEqual([true, false])
    late.complete('c')
    late.deliverTo((response) => seen.push(response))
    expect(seen).toEqual(['a', 'c'])
  })

  test('is completed by the timeout, and not before', () => {
    const time = new SimulatedTime(1)
    const receiver = vi.fn()
    const held = new Held<string>(time.runtime, { timeoutMs: 50, onTimeout: () => 'too late' })
    held.deliverTo(receiver)
    expect(time.step(49)).toBe(false)
    expect(time.step(50)).toBe(true)
    expect(receiver).toHaveBeenCalledExactlyOnceWith('too late')
  })

  test('is not delivered after a cancel, which calls onSettled', () => {
    const time = new SimulatedTime(1)
    const receiver = vi.fn()
    const onSettled = vi.fn()
    const held = new Held<string>(time.runtime, { timeoutMs: 50, onTimeout: () => '', onSettled })
    held.deliverTo(receiver)
    held.cancel()
    expect(held.complete('a')).toBe(false)
    expect([receiver.mock.calls.length, onSettled.mock.calls.length, time.step()]).toEqual([0, 1, false])
  })
})
