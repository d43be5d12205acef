import { errorCode, type FetchResponse } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../../test/support/manual-runtime.ts'
import { batchOf } from '../../../test/support/record-batches.ts'
import { type FetchedPartition, fetched } from '../../../test/support/scripted-log.ts'
import { KafkaError } from '../../errors.ts'
import { AssignedPartition } from '../partition/assigned-partition.ts'
import type { BufferHost } from '../partition/buffer-host.ts'
import { Turns } from '../turns.ts'
import { acceptFetch, lastBatchOf, type PartitionListener } from './fetch-response.ts'
import { FetchSession } from './fetch-session.ts'

const topicId = 'id-of-t'

function partitionAt(offset: number, index = 0): AssignedPartition {
  const ignore = () => {}
  const host = {
    countFetched: ignore,
    keeps: () => false,
    discardKept: ignore,
    discharge: ignore,
    check: ignore,
    ready: ignore,
    skipped: ignore,
    unreadable: ignore,
  }
  const assigned = new AssignedPartition('t', index, host as unknown as BufferHost<AssignedPartition>)
  assigned.fetching.applyLeader({ leader: 1, leaderEpoch: 0, topicId })
  assigned.place({ offset, epoch: -1 }, 'start')
  return assigned
}

/** What the listener and the caller get, for a response to a request that was made before `meanwhile`. */
async function accept(partition: AssignedPartition, part: Partial<FetchedPartition>, meanwhile?: () => void) {
  const calls: string[] = []
  const listener: PartitionListener = {
    failed: (_, response) => void calls.push(`failed ${response.errorCode}`),
    prefer: (_, response) => calls.push(`prefer ${response.preferredReadReplica}`) > 0,
    confirmed: (partitions) => {
      for (const { fetching } of partitions) fetching.confirmHint()
      calls.push(`confirmed ${partitions.length}`)
    },
    oversized: () => void calls.push('oversized'),
  }
  const session = new FetchSession(true)
  session.next([partition], 1_000)
  meanwhile?.()
  const response = { ...fetched({ records: null, end: 9 }), lastStableOffset: 8n, ...part }
  const whole = { responses: [{ topic: '', topicId, partitions: [response] }] } as unknown as FetchResponse
  const broker = { id: 1, host: 'h', port: 1 }
  const { signal } = new AbortController()
  const turns = new Turns(new ManualRuntime())
  const context = { broker, committedOnly: true, nowMs: 5, turns, signal, endpoints: [], listener }
  const result = await acceptFetch(whole, session, context)
  return { calls, ...result }
}

describe('a response', () => {
  test('passes the bytes on, and the next fetch starts after them', async () => {
    const partition = partitionAt(5)
    const cut = batchOf(8, ['cut']).subarray(0, 40)
    const records = Buffer.concat([batchOf(5, ['a']), batchOf(6, ['b', 'c'], { leaderEpoch: 3 }), cut])
    expect(await accept(partition, { records })).toMatchObject({ calls: [], progressed: true, explained: false })
    expect(partition.fetching).toMatchObject({ offset: 8, epoch: 3, highWatermark: 9, lastStableOffset: 8 })
    expect(partition.buffer.hasBatch).toBe(true)
  })

  test('is dropped when the partition was sought, revoked or served by another response in the meantime', async () => {
    const records = batchOf(5, ['a'])
    const dropped = { calls: [], progressed: true, explained: false }
    const sought = partitionAt(5)
    expect(await accept(sought, { records }, () => sought.place({ offset: 5, epoch: -1 }, 'sought'))).toMatchObject(
      dropped,
    )
    expect(sought.fetching.offset).toBe(5)
    const ahead = partitionAt(5)
    expect(await accept(ahead, { records }, () => ahead.fetching.moveTo(6))).toMatchObject(dropped)
    const unknown = { calls: [], progressed: false, explained: false }
    expect(await accept(partitionAt(5), { records, partitionIndex: 3 })).toMatchObject(unknown)
  })

  test('with an error of a broker that is no longer responsible is dropped', async () => {
    const partition = partitionAt(5)
    const moved = () => void partition.fetching.applyLeader({ leader: 2, leaderEpoch: 1, topicId })
    const part = { errorCode: errorCode('NOT_LEADER_OR_FOLLOWER') }
    expect(await accept(partition, part, moved)).toMatchObject({ calls: [], progressed: true, explained: false })
  })

  test('leaves errors and preferred replicas to the listener', async () => {
    const explained = { progressed: false, explained: true }
    expect(await accept(partitionAt(5), { errorCode: 3 })).toMatchObject({ calls: ['failed 3'], ...explained })
    expect(await accept(partitionAt(5), { preferredReadReplica: 3 })).toMatchObject({
      calls: ['prefer 3'],
      ...explained,
    })
    const records = batchOf(5, ['a']).subarray(0, 60)
    expect(await accept(partitionAt(5), { records })).toMatchObject({ calls: ['oversized'], ...explained })
    const nothing = { calls: [], progressed: false, explained: false }
    expect(await accept(partitionAt(5), { records: Buffer.alloc(0) })).toMatchObject(nothing)
  })

  test('of a hinted leader confirms it first', async () => {
    const partition = partitionAt(5)
    const result = await accept(
      partition,
      { records: batchOf(5, ['a']) },
      () => void partition.fetching.followHint(1, 4),
    )
    expect(result.calls).toEqual(['confirmed 1'])
    expect(partition.fetching).toMatchObject({ offset: 6, leaderEpoch: 4, isHinted: false })
  })
})

describe('a response with more partitions than one turn handles', () => {
  async function between(act: (partitions: readonly AssignedPartition[]) => void) {
    const runtime = new ManualRuntime()
    const stop = new AbortController()
    const partitions = [0, 1, 2].map((index) => partitionAt(5, index))
    const session = new FetchSession(true)
    session.next(partitions, 1_000)
    const parts = partitions.map(({ partition }) => {
      return fetched({ partitionIndex: partition, records: batchOf(5, ['a']), end: 6 })
    })
    const response = { responses: [{ topic: '', topicId, partitions: parts }] } as unknown as FetchResponse
    const accepted = acceptFetch(response, session, {
      ...{ broker: { id: 1, host: 'h', port: 1 }, committedOnly: true, nowMs: 5, endpoints: [], signal: stop.signal },
      turns: new Turns(runtime, 1),
      listener: {} as PartitionListener,
    })
    expect(partitions.map(({ fetching }) => fetching.offset)).toEqual([6, 5, 5])
    act(partitions)
    await runtime.settle()
    await accepted
    return partitions.map(({ fetching, buffer }) => `${fetching.offset} ${buffer.hasBatch}`)
  }

  test('passes on the rest in later turns', async () => {
    expect(await between(() => {})).toEqual(['6 true', '6 true', '6 true'])
  })

  test('drops what was sought or revoked since its first slice', async () => {
    const lost = () => new KafkaError('ABORTED', 'lost')
    const found = await between(([, second, third]) => {
      second?.place({ offset: 5, epoch: -1 }, 'sought')
      third?.release(lost)
    })
    expect(found).toEqual(['6 true', '5 false', '5 false'])
  })
})

describe('the last batch', () => {
  test('is found by the headers alone', () => {
    expect(lastBatchOf(Buffer.alloc(0))).toEqual({ end: -1, epoch: -1 })
    expect(lastBatchOf(batchOf(2 ** 40, ['a', 'b'], { leaderEpoch: 7 }))).toEqual({ end: 2 ** 40 + 2, epoch: 7 })
    expect(lastBatchOf(batchOf(3, ['a']).subarray(0, 70))).toEqual({ end: -1, epoch: -1 })
  })

  test('is none where the length is impossible, whatever follows', () => {
    for (let length = -1; length < 49; length++) {
      const bytes = Buffer.from(batchOf(3, ['a']))
      bytes.writeInt32BE(length, 8)
      for (let size = 0; size <= bytes.length; size++) expect(lastBatchOf(bytes.subarray(0, size)).end).toBe(-1)
    }
  })
})
