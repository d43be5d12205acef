import { beforeEach, describe, expect, test } from 'vitest'
import { Turns } from './turns.ts'

let nowMs: number
let deferred: (() => void)[]
let turns: Turns
/** The items of each turn. */
let done: number[][]

beforeEach(() => {
  nowMs = 0
  deferred = []
  done = [[]]
  turns = new Turns({ monoNow: () => nowMs, defer: (callback) => void deferred.push(callback) })
})

const items = (count: number) => Array.from({ length: count }, (_, at) => at)
const note = (item: number) => void done.at(-1)?.push(item)
const sizes = () => done.map(({ length }) => length).filter((size) => size > 0)

/** Runs turns until nothing waits. */
async function runAll(): Promise<void> {
  while (deferred.length > 0) {
    done.push([])
    for (const callback of deferred.splice(0)) callback()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('work on items', () => {
  test('is synchronous for few, also while other work waits', () => {
    void turns.next()
    expect(turns.each(items(100), note)).toBeUndefined()
    expect(turns.own(100)).toBeUndefined()
    expect(sizes()).toEqual([100])
  })

  test('is divided into at most 500 a turn, in order', async () => {
    const ended = turns.each(items(1_200), note)
    await runAll()
    await ended
    expect(sizes()).toEqual([500, 500, 200])
    expect(done.flat()).toEqual(items(1_200))
  })

  test('of slow items is divided by time', async () => {
    const slow = (item: number) => {
      nowMs += 1
      note(item)
    }
    const ended = turns.each(items(101), slow)
    await runAll()
    await ended
    expect(Math.max(...sizes())).toBe(8)
    expect(done.flat()).toEqual(items(101))
  })

  test('ends before a slice in which it is over', async () => {
    let isOver = false
    const ended = turns.each(items(1_200), note, () => isOver)
    isOver = true
    await runAll()
    await ended
    expect(sizes()).toEqual([500])
  })

  test('of several callers takes turns, one slice in each', async () => {
    const order: string[] = []
    const all = ['a', 'b', 'c'].map((name) => turns.each(items(900), () => void order.push(name)))
    void all.push(turns.own(101)?.then(() => void order.push('own')))
    const perTurn: string[][] = []
    while (deferred.length > 0) {
      const from = order.length
      for (const callback of deferred.splice(0)) callback()
      await new Promise((resolve) => setImmediate(resolve))
      perTurn.push([...new Set(order.slice(from))])
    }
    await Promise.all(all)
    // The first slice of the first caller needs no turn.
    expect(perTurn.filter(({ length }) => length > 0)).toEqual([['a'], ['b'], ['c'], ['own'], ['b'], ['c']])
  })

  test('rejects with an error that an item throws in a later turn', async () => {
    const ended = turns.each(items(600), (item) => {
      if (item === 550) throw new Error('item 550')
    })
    const failed = expect(ended).rejects.toThrow('item 550')
    await runAll()
    await failed
  })
})
