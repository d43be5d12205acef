import { expect, test } from 'vitest'
import { sequenceAfter } from './sequences.ts'

test('sequence number 2147483647 is followed by 0', () => {
  expect(sequenceAfter(0x7fff_fffd, 2)).toBe(0x7fff_ffff)
  expect(sequenceAfter(0x7fff_fffd, 3)).toBe(0)
  expect(sequenceAfter(0x7fff_ffff, 5)).toBe(4)
})
