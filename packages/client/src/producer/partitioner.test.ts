import { expect, test } from 'vitest'
import type { PartitionRecord } from './partition-record.ts'
import { CustomPartitioner, type Partitioner, type PartitionerArgs } from './partitioner.ts'

const record: PartitionRecord = { key: 'k', value: 'v', headers: [], timestampMs: 0, sizeBound: 50 }
const custom = (partitioner: Partitioner) => new CustomPartitioner(partitioner, 't', (partition) => partition > 0)

test('rejects an invalid result', () => {
  expect(custom(() => 2).choose(record, 3)).toBe(2)
  for (const wrong of [3, -1, 1.5, Number.NaN, '1', undefined]) {
    expect(() => custom(() => wrong as number).choose(record, 3)).toThrow(/must return an integer from 0 to 2/)
  }
  const bug = new Error('oops')
  const throws = custom(() => {
    throw bug
  })
  const failed = { code: 'PARTITIONER_FAILED', cause: bug, outcome: 'not-written' }
  expect(() => throws.choose(record, 3)).toThrow(expect.objectContaining(failed))
})

test('passes the record and the partitions, and the properties can be taken from the argument', () => {
  const seen: unknown[] = []
  const partitioner = custom(({ isAvailable, ...rest }) => {
    seen.push(rest, isAvailable(0), isAvailable(1))
    return 0
  })
  partitioner.choose({ ...record, headers: [{ key: 'h', value: null }] }, 3)
  const args = { topic: 't', key: 'k', value: 'v', headers: [{ key: 'h', value: null }], partitionCount: 3 }
  expect(seen).toEqual([args, false, true])
})

test('one argument serves all records, and has nothing of a record after its call', () => {
  const seen = new Set<PartitionerArgs>()
  let fails = false
  const partitioner = custom((args) => {
    seen.add(args)
    if (fails) throw new Error('oops')
    return args.partitionCount - 1
  })
  expect([1, 2, 3].map((count) => partitioner.choose(record, count))).toEqual([0, 1, 2])
  fails = true
  expect(() => partitioner.choose(record, 3)).toThrow()
  const [args] = seen
  expect(seen.size).toBe(1)
  expect(args).toMatchObject({ topic: 't', key: null, value: null, headers: [] })
})

test('a call within a call has an argument of its own', () => {
  const chosen: unknown[] = []
  const partitioner: CustomPartitioner = custom((args) => {
    const nested = args.key === 'outer' ? partitioner.choose({ ...record, key: 'inner' }, 2) : undefined
    chosen.push([args.key, args.partitionCount, nested])
    return args.partitionCount - 1
  })
  partitioner.choose({ ...record, key: 'outer' }, 5)
  expect(chosen).toEqual([
    ['inner', 2, undefined],
    ['outer', 5, 1],
  ])
})
