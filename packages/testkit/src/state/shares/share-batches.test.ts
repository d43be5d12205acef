import { expect, test } from 'vitest'
import { combineBatches, type StateBatch } from './share-batches.ts'

const batch = (firstOffset: number, lastOffset: number, deliveryState: number, deliveryCount: number): StateBatch => ({
  ...{ firstOffset, lastOffset, deliveryState, deliveryCount },
})

test.each([
  ['merges adjacent batches with equal state', [batch(0, 4, 2, 1)], [batch(5, 9, 2, 1)], -1, [batch(0, 9, 2, 1)]],
  [
    'keeps adjacent batches with different states',
    [batch(0, 4, 2, 1)],
    [batch(5, 9, 0, 1)],
    -1,
    [batch(0, 4, 2, 1), batch(5, 9, 0, 1)],
  ],
  ['keeps a gap', [batch(0, 1, 2, 1)], [batch(3, 4, 2, 1)], -1, [batch(0, 1, 2, 1), batch(3, 4, 2, 1)]],
  [
    'replaces a lower delivery count by a higher one',
    [batch(0, 9, 0, 1)],
    [batch(3, 5, 2, 2)],
    -1,
    [batch(0, 2, 0, 1), batch(3, 5, 2, 2), batch(6, 9, 0, 1)],
  ],
  ['ignores a lower delivery count', [batch(0, 9, 0, 3)], [batch(3, 5, 2, 2)], -1, [batch(0, 9, 0, 3)]],
  [
    'removes records before the start offset',
    [batch(0, 9, 2, 1)],
    [batch(10, 12, 0, 1)],
    5,
    [batch(5, 9, 2, 1), batch(10, 12, 0, 1)],
  ],
] as const)('%s', (_, before, newer, startOffset, expected) => {
  expect(combineBatches(before, newer, startOffset)).toEqual(expected)
})
