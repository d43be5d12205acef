import { describe, expect, it } from 'vitest'
import { LeaderEpochs } from './leader-epochs.ts'

function epochsOf(...entries: [epoch: number, startOffset: number][]): LeaderEpochs {
  const epochs = new LeaderEpochs()
  for (const [epoch, startOffset] of entries) epochs.assign(epoch, startOffset)
  return epochs
}

describe('the end of an epoch', () => {
  const epochs = epochsOf([2, 0], [4, 10], [7, 30])

  it.each([
    ['the latest ends at the log end', 7, { epoch: 7, endOffset: 42 }],
    ['an earlier one where the next begins', 2, { epoch: 2, endOffset: 10 }],
    ['one that wrote nothing is that before it', 6, { epoch: 4, endOffset: 30 }],
    ['one before all ends where the first begins', 1, { epoch: 1, endOffset: 0 }],
    ['one above all is not known', 8, { epoch: -1, endOffset: -1 }],
    ['none is not known', -1, { epoch: -1, endOffset: -1 }],
  ])('%s', (_, epoch, end) => {
    expect(epochs.endOf(epoch, 42)).toEqual(end)
  })

  it('is not known when nothing was written', () => {
    expect(new LeaderEpochs().endOf(0, 0)).toEqual({ epoch: -1, endOffset: -1 })
  })
})

it('an epoch noted where nothing was written gives way to what is written there', () => {
  const epochs = epochsOf([1, 0], [2, 10], [3, 10])
  expect(epochs.entries).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 10 },
  ])
})

it('the same epoch again changes nothing', () => {
  const epochs = epochsOf([1, 0], [1, 5])
  expect(epochs.entries).toEqual([{ epoch: 1, startOffset: 0 }])
})

it('truncation drops epochs that wrote nothing of what is left', () => {
  const epochs = epochsOf([1, 0], [2, 10], [3, 20])
  epochs.truncateFromEnd(20)
  expect(epochs.latestEpoch).toBe(2)
  epochs.truncateFromEnd(11)
  expect(epochs.latestEpoch).toBe(2)
  epochs.truncateFromEnd(10)
  expect(epochs.latestEpoch).toBe(1)
})

it('deleting records moves the start of the epoch that covers the new log start', () => {
  const epochs = epochsOf([1, 0], [2, 10], [3, 20])
  epochs.truncateFromStart(15)
  expect(epochs.entries).toEqual([
    { epoch: 2, startOffset: 15 },
    { epoch: 3, startOffset: 20 },
  ])
  expect(epochs.epochAt(15)).toBe(2)
  expect(epochs.epochAt(14)).toBe(-1)
})
