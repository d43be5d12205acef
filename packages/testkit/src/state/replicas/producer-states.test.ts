import { describe, expect, test } from 'vitest'
import { lastSequenceOf, ProducerStates } from './producer-states.ts'

const max = 2_147_483_647

/** Appends a batch if possible; returns the verdict, or the base offset of the batch that it duplicates. */
function append(
  states: ProducerStates,
  baseSequence: number,
  count: number,
  { epoch = 0, at = 0, producerId = 7n } = {},
) {
  const lastSequence = lastSequenceOf(baseSequence, count)
  const batch = { producerId, producerEpoch: epoch, baseSequence, lastSequence }
  const check = states.check(batch)
  if (check.verdict === 'next') states.note({ ...batch, baseOffset: at, lastOffset: at + count - 1, timestamp: at })
  if (check.verdict === 'duplicate') return check.batch.baseOffset
  return check.verdict === 'error' ? check.error : 'next'
}

describe('sequences', () => {
  test('continue where the last batch ended', () => {
    const states = new ProducerStates()
    expect(append(states, 0, 3, { at: 10 })).toBe('next')
    expect(append(states, 3, 2, { at: 13 })).toBe('next')
    expect(append(states, 6, 1)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(append(states, 4, 1)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(append(states, 5, 1)).toBe('next')
  })

  test('of one of the last five batches return its first offset; of an earlier one are out of order', () => {
    const states = new ProducerStates()
    for (let n = 0; n < 6; n++) append(states, n, 1, { at: 100 + n })
    expect([1, 2, 3, 4, 5].map((n) => append(states, n, 1))).toEqual([101, 102, 103, 104, 105])
    expect(append(states, 0, 1)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  })

  test('that start like a batch of the window but end elsewhere are no duplicate', () => {
    const states = new ProducerStates()
    append(states, 0, 3)
    expect(append(states, 0, 2)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  })

  test('wrap from 2^31-1 to 0, between batches and within one', () => {
    const between = new ProducerStates()
    append(between, max, 1, { at: 1 })
    expect(append(between, 0, 1)).toBe('next')
    const within = new ProducerStates()
    append(within, max - 1, 4, { at: 5 })
    expect(append(within, max - 1, 4)).toBe(5)
    expect(append(within, 2, 1)).toBe('next')
  })

  test('of an unknown producer may start anywhere', () => {
    expect(append(new ProducerStates(), 1234, 1)).toBe('next')
  })
})

describe('epochs', () => {
  test('start with sequence 0, and fence earlier ones', () => {
    const states = new ProducerStates()
    append(states, 0, 5)
    expect(append(states, 5, 1, { epoch: 1 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(append(states, 0, 1, { epoch: 1, at: 5 })).toBe('next')
    expect(append(states, 5, 1)).toBe('INVALID_PRODUCER_EPOCH')
    expect(append(states, 1, 1, { epoch: 1 })).toBe('next')
  })
})

test('removes producers that were idle for too long, once there are many', () => {
  const states = new ProducerStates()
  for (let n = 0; n < 2000; n++) append(states, 0, 1, { producerId: BigInt(n), at: n })
  // Producer 7 has an open transaction.
  states.expire(2500, 1000, (id) => id === 7n)
  expect(states.size).toBe(500)
  states.expire(9999, 1000, () => false)
  expect(states.size).toBe(500)
  states.expireNow(9999, 1000, () => false)
  expect(states.size).toBe(0)
})
