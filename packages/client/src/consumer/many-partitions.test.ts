import { Fetch, ListOffsets, OffsetCommit, OffsetFetch } from '@ottla/codec'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedConsumer } from '../../test/support/scripted-consumer.ts'
import { ScriptedOffsets } from '../../test/support/scripted-offsets.ts'
import { KafkaError } from '../errors.ts'
import type { Consumer } from './consumer.ts'
import { CommitEntry } from './offsets/commit-entry.ts'
import { PartitionLookups } from './offsets/partition-lookups.ts'
import { AssignedPartition } from './partition/assigned-partition.ts'
import { FetchState } from './partition/fetch-state.ts'
import { PartitionBuffer } from './partition/partition-buffer.ts'
import { Progress } from './partition/progress.ts'

/** The calls of what costs time for each partition, by turn of the event loop. */
class Work {
  readonly #counts = new Map<string, Map<number, number>>()
  #turn = 0

  constructor(runtime: ManualRuntime) {
    const defer = runtime.defer.bind(runtime)
    const setTimer = runtime.setTimer.bind(runtime)
    const counted = (callback: () => void) => () => {
      this.#turn++
      callback()
    }
    runtime.defer = (callback) => defer(counted(callback))
    runtime.setTimer = (callback, delayMs) => setTimer(counted(callback), delayMs)
    this.#count('place', AssignedPartition.prototype, 'place')
    this.#count('release', AssignedPartition.prototype, 'release')
    this.#count('leader', FetchState.prototype, 'applyLeader')
    this.#count('response', FetchState.prototype, 'succeeded')
    this.#count('bytes', PartitionBuffer.prototype, 'accept')
    this.#count('look-up', PartitionLookups.prototype, 'run')
    this.#count('commit', CommitEntry.prototype, 'join')
    this.#count('stored', Progress.prototype, 'stored')
  }

  /** The most calls in one turn. */
  most(): Record<string, number> {
    return Object.fromEntries(Array.from(this.#counts, ([name, turns]) => [name, Math.max(0, ...turns.values())]))
  }

  totals(): Record<string, number> {
    const sum = (turns: Map<number, number>) => [...turns.values()].reduce((total, count) => total + count, 0)
    return Object.fromEntries(Array.from(this.#counts, ([name, turns]) => [name, sum(turns)]))
  }

  #count<K extends string>(name: string, target: Record<K, (...given: never[]) => unknown>, method: K): void {
    const original = target[method]
    const turns = new Map<number, number>()
    this.#counts.set(name, turns)
    const count = () => turns.set(this.#turn, (turns.get(this.#turn) ?? 0) + 1)
    vi.spyOn(target, method as never).mockImplementation(function (this: unknown, ...given: never[]) {
      count()
      return original.apply(this, given)
    } as never)
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

/** A consumer that starts, reads one record of each partition, commits, seeks, and closes. */
async function life(partitions: number) {
  const scripted = new ScriptedConsumer({ partitions })
  const { runtime, peer } = scripted
  for (const log of scripted.logs) log.append(['v'])
  const work = new Work(runtime)
  const consumer = scripted.consumer({ commit: { intervalMs: 600_000, count: Number.MAX_SAFE_INTEGER } })
  const finish = async <T>(call: Promise<T>): Promise<T> => {
    let isDone = false
    void call.then(() => {
      isDone = true
    })
    for (let waited = 0; !isDone && waited < 100; waited++) await runtime.advance(50)
    return call
  }
  await finish(consumer.ready())
  await finish(readAll(consumer, partitions, finish))
  await finish(consumer.commit())
  await finish(consumer.close())
  const requests = [OffsetFetch, ListOffsets, OffsetCommit, Fetch].map(
    (api) => peer.requests(api as typeof Fetch).length,
  )
  const most = work.most()
  const totals = work.totals()
  vi.restoreAllMocks()
  await scripted.close()
  return { most, totals, requests, committed: scripted.committed }
}

async function readAll(consumer: Consumer, count: number, finish: <T>(call: Promise<T>) => Promise<T>): Promise<void> {
  for (let read = 0; read < count; ) read += (await finish(consumer.poll({ maxRecords: 500 }))).length
  await finish(consumer.poll({ timeoutMs: 1 }))
}

describe('thousands of partitions', () => {
  test('are handled in slices of at most 500 a turn, each a constant number of times', async () => {
    const small = await life(1_000)
    const large = await life(5_000)
    for (const [name, most] of Object.entries(large.most)) expect(most, name).toBeLessThanOrEqual(500)
    const each = (one: Awaited<ReturnType<typeof life>>, count: number) =>
      Object.fromEntries(Object.entries(one.totals).map(([name, total]) => [name, total / count]))
    expect(each(large, 5_000)).toEqual(each(small, 1_000))
    expect(Math.max(...Object.values(each(large, 5_000)))).toBeLessThanOrEqual(4)
    // OffsetFetch, ListOffsets, and OffsetCommit for the starts and the progress.
    expect(small.requests.slice(0, 3)).toEqual([1, 1, 2])
    expect(large.requests.slice(0, 3)).toEqual([4, 4, 8])
    expect([...large.committed.values()]).toEqual(Array.from({ length: 5_000 }, () => 1n))
  })
})

describe('the start of more partitions than one turn handles', () => {
  test('is looked up together; what is sought or released between two slices keeps that', async () => {
    const scripted = new ScriptedOffsets({ mostPerTurn: 1 })
    scripted.topic('t', [1, 2, 3, 1])
    await scripted.refresh()
    const partitions = scripted.partitions('t', 4)
    for (const at of [0, 1, 2, 3]) scripted.of('t', at).committed = 7
    const positions = scripted.positions()
    const [first, second, third] = partitions
    const resolved = positions.resolve(partitions)
    if (first !== undefined) positions.seek(first, 2)
    if (second !== undefined) positions.seek(second, 3)
    if (third !== undefined) {
      third.release(() => new KafkaError('ABORTED', 'revoked'))
      positions.release([third])
    }
    await scripted.runtime.advance(1_000)
    await resolved
    expect(partitions.map(({ progress }) => progress.next)).toEqual([2, 3, -1, 7])
    const [request, ...others] = scripted.peer.requests(OffsetFetch)
    expect(others).toEqual([])
    expect(request?.body.groups?.[0]?.topics?.[0]?.partitionIndexes).toEqual([3])
    expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
  })

  test('shares its look-ups, and reports the starts of one response together', async () => {
    const scripted = new ScriptedOffsets({ nodes: 1, mostPerTurn: 1 })
    scripted.topic('t', [1, 1, 1, 1])
    await scripted.refresh()
    void scripted.positions().resolve(scripted.partitions('t', 4))
    await scripted.runtime.advance(1_000)
    expect(scripted.nodesOf(OffsetFetch)).toHaveLength(1)
    expect(scripted.nodesOf(ListOffsets)).toHaveLength(1)
    expect(scripted.events.filter((event) => event.startsWith('start'))).toEqual(['start 0,1,2,3'])
    expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
  })
})
