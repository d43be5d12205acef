import { expect, test } from 'vitest'
import { Queue } from './queue.ts'

function seeded(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * sides)
  }
}

/** Compared without an assertion per step: tens of thousands of them would take seconds. */
function same(queue: Queue<number>, model: readonly number[]): boolean {
  if (queue.size !== model.length || queue.peek() !== model[0]) return false
  return true
}

test('behaves like an array, over thousands of random steps', () => {
  const queue = new Queue<number>()
  let model: number[] = []
  const random = seeded(7)
  for (let i = 0; i < 20_000; i++) {
    const step = random(20)
    let matches = true
    if (step < 10) {
      queue.push(i)
      model.push(i)
    } else if (step < 16) matches = queue.shift() === model.shift()
    else if (step < 18) {
      const front = random(3) === 0 ? [i, i + 0.5] : []
      queue.unshift(front)
      model = [...front, ...model]
    } else if (step < 19 || model.length < 200) {
      const item = model[random(model.length + 1)] ?? -1
      const at = model.indexOf(item)
      if (at >= 0) model.splice(at, 1)
      matches = queue.remove(item) === at >= 0
    } else {
      const keep = (item: number) => Math.floor(item) % 5 !== 0
      queue.keep(keep)
      model = model.filter(keep)
    }
    if (!matches || !same(queue, model)) expect.fail(`differs from the array after step ${i}`)
    if (i % 500 === 0) expect([...queue]).toEqual(model)
  }
  expect(queue.drain()).toEqual(model)
  expect(same(queue, [])).toBe(true)
  expect(queue.shift()).toBeUndefined()
})

test('keeps the order of a list that is put in front, also when it has to grow', () => {
  const queue = new Queue<number>()
  for (let i = 0; i < 7; i++) queue.push(i)
  queue.shift()
  queue.unshift(Array.from({ length: 30 }, (_, i) => 100 + i))
  expect([...queue]).toEqual([...Array.from({ length: 30 }, (_, i) => 100 + i), 1, 2, 3, 4, 5, 6])
})

test('survives a long backlog: it grows, and becomes small again', () => {
  const queue = new Queue<number>()
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 40_000; i++) queue.push(i)
    for (let i = 0; i < 40_000; i++) if (queue.shift() !== i) expect.fail(`item ${i} is out of order`)
    for (let i = 0; i < 100_000; i++) {
      queue.push(i)
      if (queue.shift() !== i) expect.fail(`item ${i} is out of order`)
    }
    expect(same(queue, [])).toBe(true)
  }
})
