import { expect, test } from 'vitest'
import { SharePartition } from './share-partition.ts'
import { ShareSession } from './share-session.ts'

const { signal } = new AbortController()
const partition = (number: number) =>
  new SharePartition({ topic: 't', topicId: 'id', partition: number }, signal, undefined)

test('names only what changed, and counts epochs from 1 on', () => {
  const session = new ShareSession()
  const [a, b, c] = [partition(0), partition(1), partition(2)]
  expect([session.isOpen, session.epoch]).toEqual([false, 0])
  expect(session.changes([a, b])).toEqual({ added: [a, b], forgotten: [] })
  session.accepted([a, b])
  expect([session.isOpen, session.epoch]).toEqual([true, 1])
  expect(session.changes([b, c])).toEqual({ added: [c], forgotten: [a] })
  session.accepted()
  expect(session.epoch).toBe(2)
  session.reset()
  expect(session.changes([b])).toEqual({ added: [b], forgotten: [] })
})

test('a partition that was given up and assigned again is the same one for the broker', () => {
  const session = new ShareSession()
  session.accepted([partition(0)])
  expect(session.changes([partition(0)])).toEqual({ added: [], forgotten: [] })
})
