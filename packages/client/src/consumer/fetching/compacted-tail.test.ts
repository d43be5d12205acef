import { Fetch } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { batchOf } from '../../../test/support/record-batches.ts'
import { fetched, fetchResponse } from '../../../test/support/scripted-log.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'

const open: ScriptedSource[] = []

afterEach(async () => {
  for (const scripted of open.splice(0)) expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
})

/** Offset 0 has a record, and nothing is left of those up to the end of the log, 5. */
const tail = (partitionIndex: number, offset: number) =>
  fetched({ partitionIndex, records: offset === 0 ? batchOf(0, ['a']) : null, end: 5 })

interface Behavior {
  readonly throttleTimeMs?: number
  /** How many records partition 1 has: a response that is full of them has no room for partition 0. */
  readonly others?: number
}

/** Partition 0 is read up to the end of its log. */
function readToTheEnd({ throttleTimeMs = 0, others = 0 }: Behavior) {
  const scripted = new ScriptedSource()
  open.push(scripted)
  const { peer, runtime } = scripted
  peer.topics.set('t', { partitions: [{ leader: 1 }, { leader: 1 }] })
  peer.on(Fetch, async ({ body }) => {
    await new Promise<void>((resolve) => runtime.setTimer(resolve, 100))
    const parts = (body.topics ?? []).flatMap(({ partitions }) => partitions)
    const offsetOf = (index: number) => Number(parts.find(({ partition }) => partition === index)?.fetchOffset ?? -1)
    const other = offsetOf(1)
    const more = other >= 0 && other < others ? batchOf(other, ['x']) : null
    const responses = [tail(0, offsetOf(0)), fetched({ partitionIndex: 1, records: more, end: others })]
    return { ...fetchResponse('t', responses), throttleTimeMs }
  })
  const [partition] = scripted.assign('t', [0, 1])
  partition!.limitTo(5)
  return { scripted, partition: partition! }
}

describe('the end of a log whose last records were compacted away', () => {
  test('is reached with a response that has no record at all', async () => {
    const { scripted, partition } = readToTheEnd({})
    await scripted.runtime.advance(1_000)
    expect(scripted.values).toEqual(['a'])
    expect(partition.isAtEnd).toBe(true)
    expect(partition.progress.next).toBe(5)
  })

  test('is not concluded from a response with records of another partition: it may have had no room', async () => {
    const { scripted, partition } = readToTheEnd({ others: 100 })
    await scripted.runtime.advance(3_000)
    expect(partition.progress.next).toBe(1)
    await scripted.runtime.advance(30_000)
    expect(partition.isAtEnd).toBe(true)
  })

  test('is not concluded from a response that a quota emptied', async () => {
    const { scripted, partition } = readToTheEnd({ throttleTimeMs: 50 })
    await scripted.runtime.advance(3_000)
    expect(partition.isAtEnd).toBe(false)
  })
})
