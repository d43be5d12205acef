import { expect, test } from 'vitest'
import { Room } from './room.ts'

test('divides what is free between the brokers that may ask, and reserves it', () => {
  let held = 0
  const room = new Room(
    () => 8,
    () => held,
  )
  expect(room.take(1, 2)).toBe(4)
  expect(room.take(2, 1)).toBe(4)
  expect(room.take(3, 1)).toBe(0)
  room.giveBack(4)
  held = 3
  expect(room.take(3, 1)).toBe(1)
})

test('serves brokers that found no room in their order', () => {
  const room = new Room(
    () => 1,
    () => 0,
  )
  expect(room.take(1, 1)).toBe(1)
  expect([room.take(2, 1), room.take(3, 1)]).toEqual([0, 0])
  room.giveBack(1)
  expect([room.take(1, 3), room.take(3, 3)]).toEqual([0, 0])
  expect(room.take(2, 3)).toBe(1)
})

test('keeps no place for a broker that does not ask any more', () => {
  const room = new Room(
    () => 1,
    () => 0,
  )
  room.take(1, 1)
  room.take(2, 1)
  room.giveBack(1)
  expect(room.take(3, 2)).toBe(0)
  expect([room.leave(2), room.leave(2)]).toEqual([true, false])
  expect(room.take(3, 1)).toBe(1)
})
