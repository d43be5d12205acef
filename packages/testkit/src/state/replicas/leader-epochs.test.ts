import { describe, expect, test } from 'vitest'
import { LeaderEpochs } from './leader-epochs.ts'

function epochsOf(...entries: [epoch: number, startOffset: number][]): LeaderEpochs {
  const epochs = new LeaderEpochs()
  for (const [epoch, startOffset] of entries) epochs.assign(epoch, startOffset)
  return epochs
}

describe('the end of an epoch', () => {
  const epochs = epochsOf([2, 0], [4, 10], [7, 30])

  test.each([
    ['of the latest is the log end offset', 7, { epoch: 7, endOffset: 42 }],
    ['of an earlier epoch is where the next starts', 2, { epoch: 2, endOffset: 10 }],
    ['of an epoch without records is that of the epoch before it', 6, { epoch: 4, endOffset: 30 }],
    ['of an epoch before all others is where the first starts', 1, { epoch: 1, endOffset: 0 }],
    ['of an epoch above all others is unknown', 8, { epoch: -1, endOffset: -1 }],
    ['of no epoch is unknown', -1, { epoch: -1, endOffset: -1 }],
  ])('%s', (_, epoch, end) => {
    expect(epochs.endOf(epoch, 42)).toEqual(end)
  })

  test('is unknown when nothing was written', () => {
    expect(new LeaderEpochs().endOf(0, 0)).toEqual({ epoch: -1, endOffset: -1 })
  })
})

test('an epoch without records is replaced by the next epoch at the same offset', () => {
  const epochs = epochsOf([1, 0], [2, 10], [3, 10])
  expect(epochs.entries).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 10 },
  ])
})

test('assigning the same epoch again changes nothing', () => {
  const epochs = epochsOf([1, 0], [1, 5])
  expect(epochs.entries).toEqual([{ epoch: 1, startOffset: 0 }])
})

test('truncation removes epochs without remaining records', () => {
  const epochs = epochsOf([1, 0], [2, 10], [3, 20])
  epochs.truncateFromEnd(20)
  expect(epochs.latestEpoch).toBe(2)
  epochs.truncateFromEnd(11)
  expect(epochs.latestEpoch).toBe(2)
  epochs.truncateFromEnd(10)
  expect(epochs.latestEpoch).toBe(1)
})

test('deleting records moves the start of the epoch that covers the new log start', () => {
  const epochs = epochsOf([1, 0], [2, 10], [3, 20])
  epochs.truncateFromStart(15)
  expect(epochs.entries).toEqual([
    { epoch: 2, startOffset: 15 },
    { epoch: 3, startOffset: 20 },
  ])
  expect(epochs.epochAt(15)).toBe(2)
  expect(epochs.epochAt(14)).toBe(-1)
})
