import { describe, expect, test } from 'vitest'
import { OffsetRanges } from './offset-ranges.ts'
import { Progress } from './progress.ts'

const started = (offset = 0, epoch = 0) => {
  const progress = new Progress()
  progress.start({ offset, epoch })
  return progress
}

/** Hands out messages one by one, as a loop does. */
const hand = (progress: Progress, ...offsets: number[]) => {
  for (const offset of offsets) progress.hand(offset, offset + 1, 1)
}

describe('what is undone', () => {
  test('is the item in hand; everything before it is done', () => {
    const progress = started()
    hand(progress, 0)
    progress.settle(0, 1)
    hand(progress, 1)
    expect(progress.lowestUndone).toEqual({ offset: 1, epoch: 1 })
    expect(progress.position).toEqual({ offset: 2, epoch: 1 })
  })

  test('returns to the lowest item that was neither marked nor is in hand elsewhere, and only these are wanted', () => {
    const progress = started()
    progress.hand(0, 10, 1)
    progress.settle(3, 4)
    progress.settle(0, 2)
    progress.giveBack(0, 10)
    expect(progress.next).toBe(2)
    const wanted = progress.wanted(0, 11)
    expect([0, 1, 2, 3, 4, 9, 10].filter((offset) => wanted?.has(offset))).toEqual([2, 4, 9, 10])
    expect(progress.lowestUndone.offset).toBe(2)
    hand(progress, 2)
    progress.settle(2, 3)
    expect(progress.lowestUndone.offset).toBe(4)
    expect(progress.next).toBe(4)
  })

  test('includes what a manual loop has passed, until it is marked', () => {
    const progress = started()
    hand(progress, 0, 1, 2)
    expect(progress.lowestUndone.offset).toBe(0)
    progress.settle(1, 2)
    expect(progress.lowestUndone.offset).toBe(0)
    progress.giveBack(2, 3)
    expect(progress.next).toBe(2)
    progress.settle(0, 1)
    expect(progress.lowestUndone.offset).toBe(2)
    progress.settleBefore(3)
    expect(progress.lowestUndone.offset).toBe(2)
  })

  test('includes the rest of a batch with gaps whose first record was returned before', () => {
    const progress = started()
    hand(progress, 0)
    progress.giveBack(0, 1)
    progress.handAll([{ start: 0, end: 3, epochBefore: -1, epoch: -1 }], 4, 1)
    progress.giveBack(0, 4)
    progress.settle(0, 1)
    expect(progress.lowestUndone.offset).toBe(1)
  })

  test('does not include offsets without records: control batches, gaps of compaction', () => {
    const progress = started()
    progress.handAll(
      [0, 5, 9].map((start) => ({ start, end: start + 1, epochBefore: -1, epoch: -1 })),
      10,
      1,
    )
    for (const offset of [0, 5]) progress.settle(offset, offset + 1)
    expect(progress.lowestUndone.offset).toBe(9)
    progress.settle(9, 10)
    expect(progress.lowestUndone.offset).toBe(10)
    progress.skip(12, 2)
    expect(progress.lowestUndone).toEqual({ offset: 12, epoch: 2 })
  })
})

test('what was given back and has no record any more is not delivered again', () => {
  const progress = started()
  progress.hand(0, 4, 1)
  progress.giveBack(0, 4)
  progress.skip(4, 1)
  expect(progress.position).toEqual({ offset: 4, epoch: 1 })
  expect(progress.lowestUndone.offset).toBe(4)
})

describe('the epoch of the position', () => {
  test('follows records and skipped batches alike', () => {
    const progress = started(0, 0)
    progress.hand(0, 1, 3)
    expect(progress.position).toEqual({ offset: 1, epoch: 3 })
    progress.skip(2, 4)
    expect(progress.position).toEqual({ offset: 2, epoch: 4 })
    expect(progress.lowestUndone).toEqual({ offset: 0, epoch: 0 })
    progress.settle(0, 1)
    expect(progress.lowestUndone).toEqual({ offset: 2, epoch: 4 })
  })

  test('is that before the record when it is given back', () => {
    const progress = started(0, 0)
    progress.hand(0, 1, 3)
    progress.settle(0, 1)
    progress.hand(1, 2, 5)
    progress.giveBack(1, 2)
    expect(progress.position).toEqual({ offset: 1, epoch: 3 })
  })
})

describe('a commit', () => {
  test('that the application made itself is followed only by progress beyond it, until a seek', () => {
    const progress = started()
    hand(progress, 0, 1, 2)
    progress.settle(0, 2)
    progress.storedExplicitly(8)
    expect(progress.pending(false)).toBeUndefined()
    for (let offset = 3; offset < 9; offset++) hand(progress, offset)
    progress.settle(0, 8)
    expect(progress.pending(false)).toBeUndefined()
    progress.settle(8, 9)
    expect(progress.pending(false)?.offset).toBe(9)
    progress.storedExplicitly(1)
    expect(progress.pending(false)).toBeUndefined()
    progress.start({ offset: 4, epoch: -1 })
    expect(progress.pending(false)?.offset).toBe(4)
  })

  test('in mode manual needs something processed: a start is no progress', () => {
    const progress = started(7)
    expect(progress.pending(true)).toBeUndefined()
    expect(progress.pending(false)?.offset).toBe(7)
    hand(progress, 7, 8)
    expect(progress.pending(true)).toBeUndefined()
    progress.settle(7, 8)
    expect(progress.pending(true)?.offset).toBe(8)
  })

  test('of a reset stays below what is in hand, and what the log lost is no longer undone', () => {
    const progress = started()
    progress.hand(0, 10, 1)
    progress.reset({ offset: 20, epoch: -1 })
    expect(progress.lowestUndone.offset).toBe(0)
    progress.settle(0, 10)
    expect(progress.lowestUndone.offset).toBe(20)
    progress.hand(20, 30, 1)
    progress.reset({ offset: 25, epoch: 1 })
    progress.settle(20, 25)
    expect(progress.lowestUndone.offset).toBe(25)
  })
})

/** The same with a state for each offset. */
class Model {
  readonly states: ('handed' | 'returned' | 'done')[] = []

  get next(): number {
    const returned = this.states.indexOf('returned')
    return returned < 0 ? this.states.length : returned
  }

  get lowestUndone(): number {
    const undone = this.states.findIndex((state) => state !== 'done')
    return undone < 0 ? this.states.length : undone
  }

  change(start: number, end: number, from: readonly string[], to: 'handed' | 'returned' | 'done'): void {
    for (let offset = start; offset < end; offset++) {
      if (from.includes(this.states[offset] ?? '')) this.states[offset] = to
    }
  }
}

/** Hands out a batch of these offsets as a whole; some that were never delivered have no record. */
function handBatch(progress: Progress, model: Model, end: number, hasRecord: () => boolean): void {
  const ranges = new OffsetRanges()
  for (let offset = model.next; offset < end; offset++) {
    const isWanted = offset < model.states.length ? model.states[offset] === 'returned' : hasRecord()
    if (isWanted) ranges.add({ start: offset, end: offset + 1, epochBefore: -1, epoch: -1 })
    if (isWanted) model.states[offset] = 'handed'
    else model.states[offset] ??= 'done'
  }
  progress.handAll(ranges, end, 1)
}

function seeded(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * sides)
  }
}

test.each([1, 2, 3, 4])('equals a model with one state for each offset, over random steps: seed %i', (seed) => {
  const random = seeded(seed)
  const progress = started()
  const model = new Model()
  for (let step = 0; step < 3_000; step++) {
    const start = random(model.states.length + 1)
    const end = start + 1 + random(5)
    switch (random(5)) {
      case 0: {
        const offset = model.next
        progress.hand(offset, offset + 1, 1 + Math.floor(step / 500))
        model.states[offset] = 'handed'
        break
      }
      case 4:
        handBatch(progress, model, model.next + 1 + random(6), () => random(3) > 0)
        break
      case 1:
        progress.settle(start, end)
        model.change(start, end, ['handed', 'returned'], 'done')
        break
      case 2:
        progress.giveBack(start, end)
        model.change(start, end, ['handed'], 'returned')
        break
      default:
        if (random(10) > 0) break
        progress.settleBefore(start)
        model.change(0, start, ['handed'], 'done')
    }
    const seen = { next: progress.next, lowestUndone: progress.lowestUndone.offset }
    if (seen.next !== model.next || seen.lowestUndone !== model.lowestUndone) {
      expect(seen, `step ${step}`).toEqual({ next: model.next, lowestUndone: model.lowestUndone })
    }
    const handed = progress.isHanded(start, end)
    if (handed !== model.states.slice(start, end).includes('handed')) expect(handed, `step ${step}`).toBe(!handed)
  }
  expect(model.states.length).toBeGreaterThan(100)
})

describe('what is processed above the commit', () => {
  const runsOf = (progress: Progress) => [...progress.doneAhead()]
  const done = {
    runs: [
      { start: 11, end: 13 },
      { start: 20, end: 22 },
    ],
    epoch: 4,
  }

  test('is what is neither in hand nor returned, with the epoch of the last record of each run', () => {
    const progress = started()
    hand(progress, 0, 1, 2, 3, 4, 5)
    for (const offset of [1, 2, 4, 5]) progress.settle(offset, offset + 1)
    expect(runsOf(progress)).toEqual([
      { start: 1, end: 3, epoch: 1 },
      { start: 4, end: 6, epoch: 1 },
    ])
    progress.giveBack(0, 10)
    expect(runsOf(progress)).toHaveLength(2)
  })

  test('is not delivered again where it is restored; the rest is, in order', () => {
    const progress = started(10, 2)
    progress.restore(done)
    expect(progress.position).toEqual({ offset: 10, epoch: 2 })
    expect(progress.frontier).toEqual({ offset: 22, epoch: 4 })
    const wanted = progress.wanted(0, 30)
    expect(Array.from({ length: 14 }, (_, i) => 10 + i).filter((offset) => wanted?.has(offset))).toEqual([
      10, 13, 14, 15, 16, 17, 18, 19, 22, 23,
    ])
    expect(runsOf(progress)).toEqual([
      { start: 11, end: 13, epoch: -1 },
      { start: 20, end: 22, epoch: 4 },
    ])
  })

  test('is gone from where the log was cut', () => {
    const progress = started(10, 2)
    progress.restore(done)
    expect(progress.truncate({ offset: 15, epoch: 3 })).toBe(true)
    expect(progress.frontier).toEqual({ offset: 15, epoch: 3 })
    expect(runsOf(progress)).toEqual([{ start: 11, end: 13, epoch: -1 }])
  })

  test('is committed again at the same offset only when there is more of it', () => {
    const progress = started(0)
    progress.storeAhead()
    hand(progress, 0, 1, 2)
    progress.stored(0, progress.aheadCount)
    expect(progress.pending(true)).toBeUndefined()
    progress.settle(1, 2)
    expect(progress.pending(true)).toMatchObject({ offset: 0 })
    const written = progress.aheadCount
    progress.settle(2, 3)
    progress.stored(0, written)
    expect(progress.pending(false)).toMatchObject({ offset: 0 })
    progress.stored(0, progress.aheadCount)
    expect(progress.pending(false)).toBeUndefined()
    hand(progress, 3)
    progress.settle(3, 4)
    progress.refuseAhead()
    expect(progress.pending(false)).toBeUndefined()
  })

  test('is not stored without work by key', () => {
    const progress = started(0)
    hand(progress, 0, 1)
    progress.settle(1, 2)
    progress.stored(0)
    expect([progress.aheadCount, progress.pending(false)]).toEqual([-1, undefined])
  })
})
