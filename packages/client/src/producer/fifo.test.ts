import { expect, test } from 'vitest'
import { Fifo } from './fifo.ts'

test('does what an array does, over thousands of steps', () => {
  const fifo = new Fifo<number>()
  let model: number[] = []
  let state = 7
  const dice = (sides: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * sides)
  }
  for (let i = 0; i < 20_000; i++) {
    const step = dice(10)
    if (step < 5) {
      fifo.push(i)
      model.push(i)
    } else if (step < 8) expect(fifo.shift()).toBe(model.shift())
    else if (step < 9) {
      const front = dice(3) === 0 ? [i, i + 0.5] : []
      fifo.unshift(front)
      model = [...front, ...model]
    } else {
      const item = model[dice(model.length + 1)] ?? -1
      const at = model.indexOf(item)
      if (at >= 0) model.splice(at, 1)
      expect(fifo.remove(item)).toBe(at >= 0)
    }
    expect(fifo.length).toBe(model.length)
    expect(fifo.first()).toBe(model[0])
    if (i % 500 === 0) expect([...fifo]).toEqual(model)
  }
  expect(model.length).toBeGreaterThan(100)
})
