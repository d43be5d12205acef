import { OffsetCommit } from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScriptedCommitter } from '../../../test/support/scripted-committer.ts'
import { failure, outcome } from '../../../test/support/settled.ts'
import type { Committer } from './committer.ts'

let scripted: ScriptedCommitter
let committer: Committer

function use(made: ScriptedCommitter): void {
  scripted = made
  committer = made.committer
}

const settle = () => scripted.runtime.settle()
const advance = (ms: number) => scripted.runtime.advance(ms)

beforeEach(() => use(new ScriptedCommitter('manual')))

afterEach(() => scripted.close())

describe('one request in flight', () => {
  test('merges the calls made meanwhile into the next request, the latest offset of a partition wins', async () => {
    const respond = scripted.hold()
    const first = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await settle()
    const later = [2, 3, 4].map((offset) => committer.commitOffsets([{ topic: 't', partition: 0, offset }]))
    later.push(committer.commitOffsets([{ topic: 't', partition: 1, offset: 7 }]))
    await settle()
    expect(scripted.sent()).toEqual([['t-0@1']])
    await respond()
    await Promise.all([first, ...later])
    expect(scripted.sent()).toEqual([['t-0@1'], ['t-0@4', 't-1@7']])
  })

  test('has a bounded queue, however many calls wait', async () => {
    const respond = scripted.hold()
    const calls = Array.from({ length: 2_000 }, (_, offset) =>
      committer.commitOffsets([{ topic: 't', partition: offset % 2, offset }]),
    )
    await settle()
    const more = Array.from({ length: 50 }, (_, offset) =>
      committer.commitOffsets([{ topic: 't', partition: 0, offset }]),
    )
    await respond()
    await Promise.all([...calls, ...more])
    expect(scripted.sent()).toEqual([['t-0@1998', 't-1@1999'], ['t-0@49']])
  })

  test('computes the progress when the request is written', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    const respond = scripted.hold()
    const other = committer.commitOffsets([{ topic: 't', partition: 1, offset: 1 }])
    await settle()
    const call = committer.commitProgress([partition])
    scripted.process(partition, 5)
    await respond()
    await Promise.all([other, call])
    expect(scripted.stored.get('t-0')).toBe(5n)
    expect(partition.progress.committed).toBe(5)
  })

  test('does not send a progress that the request in flight has stored', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    const respond = scripted.hold()
    const first = committer.commitProgress([partition])
    await settle()
    const second = committer.commitProgress([partition])
    await respond()
    await Promise.all([first, second])
    expect(scripted.sent()).toEqual([['t-0@3']])
  })

  test('does not commit a start without anything processed in mode manual', async () => {
    const [a, b] = [scripted.assign(0, { at: 5 }), scripted.assign(1, { at: 5 })]
    scripted.process(b, 6)
    await committer.commitProgress([a, b])
    expect(scripted.sent()).toEqual([['t-1@6']])
  })

  test('does not commit the position of a seek in mode manual', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    const respond = scripted.hold()
    const other = committer.commitOffsets([{ topic: 't', partition: 1, offset: 1 }])
    await settle()
    const call = committer.commitProgress([partition])
    partition.place({ offset: 2, epoch: -1 }, 'sought')
    await respond()
    await Promise.all([other, call])
    expect(scripted.sent()).toEqual([['t-1@1']])
  })

  test('resolves without a request where nothing is pending', async () => {
    await committer.commitProgress([scripted.assign(0)])
    await committer.commitOffsets([])
    expect(scripted.requests()).toEqual([])
  })
})

describe('deadlines and signals', () => {
  test('count from the call, whatever the request in flight does', async () => {
    const respond = scripted.hold()
    const first = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await settle()
    const abort = new AbortController()
    const timed = failure(committer.commitOffsets([{ topic: 't', partition: 1, offset: 2 }], { timeoutMs: 1_000 }))
    const aborted = failure(
      committer.commitOffsets([{ topic: 't', partition: 2, offset: 3 }], { signal: abort.signal }),
    )
    await advance(1_000)
    expect(await timed).toMatchObject({ code: 'TIMED_OUT', retriable: true, outcome: 'not-written' })
    abort.abort()
    expect(await aborted).toMatchObject({ code: 'ABORTED', outcome: 'not-written' })
    await respond()
    await first
    expect(scripted.sent()).toEqual([['t-0@1']])
  })

  test('report that the outcome is unknown once the request is written', async () => {
    scripted.hold()
    const call = failure(committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }], { timeoutMs: 1_000 }))
    await advance(1_000)
    expect(await call).toMatchObject({ code: 'TIMED_OUT', outcome: 'unknown' })
  })

  test('keep an offset for the other calls that wait for it', async () => {
    const respond = scripted.hold()
    const first = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await settle()
    const short = failure(committer.commitOffsets([{ topic: 't', partition: 1, offset: 2 }], { timeoutMs: 100 }))
    const long = committer.commitOffsets([{ topic: 't', partition: 1, offset: 3 }])
    await advance(200)
    expect(await short).toMatchObject({ code: 'TIMED_OUT' })
    await respond()
    await Promise.all([first, long])
    expect(scripted.sent()).toEqual([['t-0@1'], ['t-1@3']])
  })

  test('reject a call whose signal has aborted before, and send nothing', async () => {
    const call = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }], { signal: AbortSignal.abort() })
    expect(await failure(call)).toMatchObject({ code: 'ABORTED', outcome: 'not-written' })
    await advance(1_000)
    expect(scripted.requests()).toEqual([])
  })
})

describe('outcomes per partition', () => {
  test('a transient error costs the other partitions nothing, and only its partition is sent again', async () => {
    scripted.errors.set('t-1', 'UNKNOWN_SERVER_ERROR')
    const good = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    const bad = committer.commitOffsets([{ topic: 't', partition: 1, offset: 2 }])
    await good
    expect(scripted.committed).toEqual([[{ topic: 't', partition: 0, offset: 1 }]])
    expect(await outcome(bad, settle)).toBe('pending')
    scripted.errors.clear()
    await advance(1_000)
    await bad
    expect(scripted.sent()).toEqual([['t-0@1', 't-1@2'], ['t-1@2']])
  })

  test('partitions that fail together are sent again together', async () => {
    const offsets = [0, 1, 2, 3, 4, 5].map((partition) => ({ topic: 't', partition, offset: 1 }))
    for (const { partition } of offsets) scripted.errors.set(`t-${partition}`, 'UNKNOWN_SERVER_ERROR')
    const call = committer.commitOffsets(offsets)
    await settle()
    scripted.errors.clear()
    await advance(1_000)
    await call
    expect(scripted.requests()).toHaveLength(2)
  })

  test('an offset that failed gives way to a later one of its partition, and both calls resolve', async () => {
    const respond = scripted.hold()
    const first = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await settle()
    const second = committer.commitOffsets([{ topic: 't', partition: 0, offset: 2 }])
    scripted.errors.set('t-0', 'UNKNOWN_SERVER_ERROR')
    await respond()
    expect(scripted.requests()).toHaveLength(1)
    scripted.errors.clear()
    await advance(1_000)
    await Promise.all([first, second])
    expect(scripted.sent()).toEqual([['t-0@1'], ['t-0@2']])
  })

  test('progress behind an explicit offset that is retried waits for it, and the event loop is free meanwhile', async () => {
    const partition = scripted.assign(0)
    scripted.errors.set('t-0', 'UNKNOWN_SERVER_ERROR')
    const explicit = committer.commitOffsets([{ topic: 't', partition: 0, offset: 3 }])
    await settle()
    scripted.process(partition, 5)
    const progress = committer.commitProgress([partition])
    expect(await outcome(progress, settle)).toBe('pending')
    expect(scripted.requests()).toHaveLength(1)
    scripted.errors.clear()
    await advance(1_000)
    await Promise.all([explicit, progress])
    expect(scripted.sent().slice(1), 'the explicit offset stands').toEqual([['t-0@3']])
  })

  test('new calls do not shorten the backoff of a partition', async () => {
    const partition = scripted.assign(0)
    scripted.errors.set('t-0', 'UNKNOWN_SERVER_ERROR')
    const calls: Promise<unknown>[] = []
    for (let end = 1; end <= 50; end++) {
      scripted.process(partition, end)
      calls.push(committer.commitProgress([partition]))
      await advance(10)
    }
    expect(scripted.requests().length).toBeLessThan(6)
    scripted.errors.clear()
    await advance(2_000)
    await Promise.all(calls)
    expect(scripted.stored.get('t-0')).toBe(50n)
  })

  test('a permanent error rejects the calls that named the partition', async () => {
    scripted.errors.set('t-1', 'OFFSET_METADATA_TOO_LARGE')
    const good = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    const error = await failure(
      committer.commitOffsets([
        { topic: 't', partition: 1, offset: 2 },
        { topic: 't', partition: 2, offset: 3 },
      ]),
    )
    await good
    expect(error).toMatchObject({ code: 'OFFSET_METADATA_TOO_LARGE', retriable: false, topic: 't', partition: 1 })
    expect(error).toMatchObject({ offset: 2n, broker: { id: 1 } })
    expect(error.message).toContain("topic 't', partition 1, group 'g', broker 1")
    expect(scripted.stored.get('t-2')).toBe(3n)
  })

  test('a partition that is missing in the response is sent again, and is not stored', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 4)
    scripted.errors.set('t-0', 'missing')
    const call = failure(committer.commitProgress([partition], { timeoutMs: 3_000 }))
    await advance(3_000)
    const error = await call
    expect(error).toMatchObject({ code: 'TIMED_OUT', retriable: true, topic: 't', partition: 0 })
    expect(error.cause).toMatchObject({ code: 'PROTOCOL_ERROR', retriable: true })
    expect(partition.progress.committed).toBe(-1)
    expect(scripted.committed).toEqual([])
    expect(scripted.requests().length).toBeGreaterThan(2)
    expect(scripted.requests().length).toBeLessThan(20)
  })

  test('looks the coordinator up again when it moved, and sends everything once it is found', async () => {
    scripted.errors.set('t-0', 'NOT_COORDINATOR').set('t-1', 'NOT_COORDINATOR')
    const calls = [0, 1].map((partition) => committer.commitOffsets([{ topic: 't', partition, offset: 1 }]))
    await settle()
    scripted.errors.clear()
    await advance(1_000)
    await Promise.all(calls)
    expect(scripted.peer.received.filter(({ api }) => api.name === 'FindCoordinator')).toHaveLength(2)
    expect(scripted.sent()).toEqual([
      ['t-0@1', 't-1@1'],
      ['t-0@1', 't-1@1'],
    ])
  })

  test('survives a coordinator that loads its state, and one that closes the connection', async () => {
    scripted.errors.set('t-0', 'COORDINATOR_LOAD_IN_PROGRESS')
    scripted.peer.next(OffsetCommit, ({ socket }) => {
      socket.close()
      return undefined
    })
    const call = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await advance(3_000)
    scripted.errors.clear()
    await advance(3_000)
    await call
    expect(scripted.stored.get('t-0')).toBe(1n)
  })

  test('refuses what no request can contain, without harm to other calls', async () => {
    const good = { topic: 't', partition: 0, offset: 1 }
    const bad = [
      { ...good, topic: 'x'.repeat(40_000) },
      { ...good, partition: 2 ** 31 },
      { ...good, offset: 1.5 },
      { ...good, leaderEpoch: 2 ** 31 },
      { ...good, metadata: 'x'.repeat(40_000) },
    ]
    const refused = bad.map((offset) => failure(committer.commitOffsets([offset])))
    await committer.commitOffsets([{ topic: 't', partition: 1, offset: 2 }])
    for (const error of await Promise.all(refused)) {
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-written' })
    }
    expect(scripted.sent()).toEqual([['t-1@2']])
  })
})

describe('closing', () => {
  test('drain sends what was requested before, then resolves', async () => {
    const respond = scripted.hold()
    const calls = [committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])]
    await settle()
    calls.push(committer.commitOffsets([{ topic: 't', partition: 1, offset: 2 }]))
    const drained = committer.drain(5_000)
    expect(await outcome(drained, settle)).toBe('pending')
    await respond()
    await Promise.all([drained, ...calls])
    expect(scripted.stored.get('t-1')).toBe(2n)
  })

  test('drain waits for a call whose partition is retried', async () => {
    scripted.errors.set('t-0', 'UNKNOWN_SERVER_ERROR')
    const call = committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await settle()
    const drained = committer.drain(5_000)
    expect(await outcome(drained, settle)).toBe('pending')
    scripted.errors.clear()
    await advance(1_000)
    await Promise.all([drained, call])
  })

  test('drain ends at its timeout, and leaves no timer', async () => {
    scripted.hold()
    const call = failure(committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }]))
    await settle()
    const waiting = failure(committer.commitOffsets([{ topic: 't', partition: 1, offset: 1 }]))
    const drained = committer.drain(2_000)
    await advance(2_000)
    await drained
    committer.close()
    expect(await call).toMatchObject({ code: 'CLOSED', outcome: 'unknown' })
    expect(await waiting).toMatchObject({ code: 'CLOSED', outcome: 'not-written' })
    const late = failure(committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }]))
    expect(await late).toMatchObject({ code: 'CLOSED', outcome: 'not-written' })
  })

  test('drain resolves immediately where there is nothing to send', async () => {
    await committer.drain(5_000)
  })

  test('a client that closes rejects the calls', async () => {
    scripted.hold()
    const call = failure(committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }]))
    await settle()
    const closed = scripted.cluster.close()
    await advance(1_000)
    await closed
    expect(await call).toMatchObject({ code: 'CLOSED', outcome: 'unknown' })
  })
})

describe('a commit of more partitions than one turn handles', () => {
  test('has the progress of the moment of its request, and rejects for what is revoked between two slices', async () => {
    const sliced = new ScriptedCommitter('manual', { mostPerTurn: 1 })
    const [first, second, third] = [0, 1, 2].map((partition) => sliced.assign(partition))
    if (first === undefined || second === undefined || third === undefined) throw new Error('three are assigned')
    for (const partition of [first, second, third]) sliced.process(partition, 5)
    const call = sliced.committer.commitProgress([first, second, third])
    sliced.process(first, 6)
    sliced.process(second, 7)
    sliced.revoke(third)
    const error = failure(call)
    await sliced.runtime.settle()
    expect(await error).toMatchObject({ code: 'ILLEGAL_GENERATION', partition: 2, outcome: 'not-written' })
    expect(sliced.sent()).toEqual([['t-0@6', 't-1@7']])
    await sliced.close()
  })

  test('is settled in slices: a partition that is revoked meanwhile still has its outcome', async () => {
    const sliced = new ScriptedCommitter('manual', { mostPerTurn: 1 })
    const partitions = [0, 1, 2].map((partition) => sliced.assign(partition))
    for (const partition of partitions) sliced.process(partition, 5)
    const calls = partitions.map((partition) => sliced.committer.commitProgress([partition]))
    void calls[0]?.then(() => sliced.revoke(...partitions.slice(1)))
    await sliced.runtime.settle()
    await Promise.all(calls)
    expect(partitions.map(({ progress }) => progress.committed)).toEqual([5, 5, 5])
    await sliced.close()
  })
})
