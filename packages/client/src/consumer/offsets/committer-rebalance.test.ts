import { OffsetCommit } from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScriptedCommitter } from '../../../test/support/scripted-committer.ts'
import { failure, outcome } from '../../../test/support/settled.ts'
import type { Committer } from './committer.ts'

let scripted: ScriptedCommitter
let committer: Committer

const settle = () => scripted.runtime.settle()
const advance = (ms: number) => scripted.runtime.advance(ms)

beforeEach(() => {
  scripted = new ScriptedCommitter('manual')
  committer = scripted.committer
})

afterEach(() => scripted.close())

/** A processed partition, and a commit of it that the coordinator rejects because the group rebalances. */
async function rejected(code: 'REBALANCE_IN_PROGRESS' | 'ILLEGAL_GENERATION' | 'UNKNOWN_MEMBER_ID', numbers = [0, 1]) {
  const partitions = numbers.map((number) => scripted.assign(number))
  for (const partition of partitions) {
    scripted.process(partition, 5)
    scripted.errors.set(`t-${partition.partition}`, code)
  }
  const calls = partitions.map((partition) => committer.commitProgress([partition]))
  await settle()
  scripted.errors.clear()
  return { partitions, calls }
}

describe('a commit during a rebalance', () => {
  test('waits for the outcome, and is sent with the new generation', async () => {
    const { calls } = await rejected('REBALANCE_IN_PROGRESS')
    expect(scripted.rebalances).toEqual([1])
    await advance(20_000)
    expect(scripted.requests()).toHaveLength(1)
    scripted.rejoin(2)
    await Promise.all(calls)
    expect(scripted.requests()[1]!.body.generationIdOrMemberEpoch).toBe(2)
    expect(scripted.sent()[1]).toEqual(['t-0@5', 't-1@5'])
  })

  test('rejects what was given up by its name, and stores the rest', async () => {
    const { partitions, calls } = await rejected('ILLEGAL_GENERATION')
    expect(scripted.fencings).toEqual([['ILLEGAL_GENERATION', 1]])
    scripted.revoke(partitions[1]!)
    const error = await failure(calls[1]!)
    expect(error).toMatchObject({ code: 'ILLEGAL_GENERATION', topic: 't', partition: 1, offset: 5n, retriable: false })
    expect(error).toMatchObject({ outcome: 'not-written', hint: expect.stringContaining('Do not commit it again') })
    expect(error.message).toContain("topic 't', partition 1 (group 'g') was given up before offset 5 was committed")
    scripted.rejoin(2)
    await calls[0]
    expect(scripted.sent()[1]).toEqual(['t-0@5'])
  })

  test('says which offset was committed before', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    await committer.commitProgress([partition])
    const [call] = (await rejectedAgain()).calls
    scripted.revoke(partition)
    expect((await failure(call!)).message).toContain('the last committed offset is 3')

    async function rejectedAgain() {
      scripted.process(partition, 6)
      scripted.errors.set('t-0', 'REBALANCE_IN_PROGRESS')
      const calls = [committer.commitProgress([partition])]
      await settle()
      return { calls }
    }
  })

  test('does not continue for another assignment of the same partition', async () => {
    const { partitions, calls } = await rejected('UNKNOWN_MEMBER_ID', [0])
    const [old] = partitions
    scripted.revoke(old!)
    scripted.assign(0, { at: 3 })
    scripted.rejoin(2)
    expect(await failure(calls[0]!)).toMatchObject({ code: 'ILLEGAL_GENERATION', partition: 0 })
    await advance(1_000)
    expect(scripted.requests()).toHaveLength(1)
  })

  test('resolves where the response in flight shows that it was stored before the partition was given up', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    const respond = scripted.hold()
    const call = committer.commitProgress([partition])
    await settle()
    scripted.revoke(partition)
    expect(await outcome(call, settle)).toBe('pending')
    await respond()
    await call
  })

  test('resolves where the request before it stored what it waits for, and rejects what is beyond', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    const respond = scripted.hold()
    const first = committer.commitProgress([partition])
    await settle()
    const same = committer.commitProgress([partition])
    scripted.process(partition, 7)
    const beyond = failure(committer.commitProgress([partition]))
    scripted.revoke(partition)
    await respond()
    await expect(Promise.all([first, same])).resolves.toEqual([undefined, undefined])
    const error = await beyond
    expect(error).toMatchObject({ code: 'ILLEGAL_GENERATION', offset: 7n })
    expect(error.message).toContain('the last committed offset is 5')
    expect(scripted.requests()).toHaveLength(1)
  })

  test('rejects with an unknown outcome where the response of a given-up partition never arrives', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    scripted.peer.next(OffsetCommit, async ({ socket }) => {
      scripted.revoke(partition)
      socket.close()
      return undefined
    })
    const error = await failure(committer.commitProgress([partition]))
    expect(error).toMatchObject({ code: 'ILLEGAL_GENERATION', outcome: 'unknown', partition: 0 })
    expect(error.message).toContain('it is not known whether it was stored')
  })

  test('sends nothing while the member joins, and everything when it is stable', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    scripted.stable = false
    const call = committer.commitProgress([partition])
    await advance(10_000)
    expect(scripted.requests()).toEqual([])
    scripted.rejoin(2)
    await call
    expect(scripted.requests()[0]!.body.generationIdOrMemberEpoch).toBe(2)
  })

  test('keeps its deadline', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    scripted.errors.set('t-0', 'REBALANCE_IN_PROGRESS')
    const call = failure(committer.commitProgress([partition], { timeoutMs: 2_000 }))
    await advance(2_000)
    const error = await call
    expect(error).toMatchObject({ code: 'TIMED_OUT', outcome: 'not-written' })
    expect(error.message).toContain('REBALANCE_IN_PROGRESS')
    scripted.rejoin(2)
    await advance(1_000)
    expect(scripted.requests()).toHaveLength(1)
  })

  test('does not fence the member where its identity changed since the request', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    const respond = scripted.hold()
    const call = committer.commitProgress([partition])
    await settle()
    scripted.errors.set('t-0', 'ILLEGAL_GENERATION')
    scripted.member = { ...scripted.member, generation: 2 }
    scripted.peer.next(OffsetCommit, (request) => {
      scripted.errors.clear()
      return scripted.respond(request)
    })
    await respond()
    await call
    expect(scripted.fencings).toEqual([])
    expect(scripted.requests().map(({ body }) => body.generationIdOrMemberEpoch)).toEqual([1, 2])
  })

  test('rejects where another member uses the instance id', async () => {
    scripted.errors.set('t-0', 'FENCED_INSTANCE_ID')
    const error = await failure(committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }]))
    expect(error).toMatchObject({ code: 'FENCED_INSTANCE_ID', retriable: false })
    expect(scripted.fencings).toEqual([['FENCED_INSTANCE_ID', 1]])
  })

  test('rejects for a consumer that is no member, which no rebalance can help', async () => {
    scripted.member = { ...scripted.member, memberId: '', generation: -1 }
    scripted.errors.set('t-0', 'UNKNOWN_MEMBER_ID')
    const error = await failure(committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }]))
    expect(error).toMatchObject({ code: 'UNKNOWN_MEMBER_ID', hint: expect.stringContaining('groupId') })
    expect(scripted.fencings).toEqual([])
  })
})

describe('a commit that the rebalance waits for', () => {
  test('of a partition that is being revoked is sent, and fails without waiting', async () => {
    const { partitions, calls } = await rejected('REBALANCE_IN_PROGRESS', [0])
    partitions[0]!.beginRevoking()
    scripted.errors.set('t-0', 'REBALANCE_IN_PROGRESS')
    const revoking = failure(committer.commitProgress(partitions))
    await settle()
    expect(await revoking).toMatchObject({ code: 'REBALANCE_IN_PROGRESS', topic: 't', partition: 0 })
    expect(await failure(calls[0]!)).toMatchObject({ code: 'REBALANCE_IN_PROGRESS' })
    expect(scripted.requests()).toHaveLength(2)
  })

  test('is stored where the coordinator accepts it before the join', async () => {
    const { partitions, calls } = await rejected('REBALANCE_IN_PROGRESS', [0])
    partitions[0]!.beginRevoking()
    await committer.commitProgress(partitions)
    await calls[0]
    expect(scripted.stored.get('t-0')).toBe(5n)
  })

  test('rejects immediately where it must not wait, and other calls for the partition wait on', async () => {
    const { partitions, calls } = await rejected('REBALANCE_IN_PROGRESS', [0])
    scripted.errors.set('t-0', 'REBALANCE_IN_PROGRESS')
    const error = await failure(committer.commitProgress(partitions, { rebalance: 'fail' }))
    expect(error).toMatchObject({ code: 'REBALANCE_IN_PROGRESS' })
    expect(await outcome(calls[0]!, settle)).toBe('pending')
    scripted.errors.clear()
    scripted.rejoin(2)
    await calls[0]
  })

  test('is sent again where the identity changed since the request', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    const respond = scripted.hold()
    const call = committer.commitProgress([partition], { rebalance: 'fail' })
    await settle()
    scripted.errors.set('t-0', 'ILLEGAL_GENERATION')
    scripted.member = { ...scripted.member, generation: 2 }
    scripted.peer.next(OffsetCommit, (request) => {
      scripted.errors.clear()
      return scripted.respond(request)
    })
    await respond()
    await call
    expect(scripted.stored.get('t-0')).toBe(5n)
  })

  test('is never sent without a generation', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 5)
    scripted.stable = false
    scripted.member = { ...scripted.member, generation: -1 }
    partition.beginRevoking()
    const call = failure(committer.commitProgress([partition], { timeoutMs: 1_000 }))
    const failing = failure(committer.commitProgress([partition], { rebalance: 'fail' }))
    expect(await failing).toMatchObject({ code: 'ILLEGAL_GENERATION', outcome: 'not-written' })
    await advance(1_000)
    expect(await call).toMatchObject({ code: 'TIMED_OUT' })
    expect(scripted.requests()).toEqual([])
  })

  test('drain retries with backoff while the group rebalances', async () => {
    const { calls } = await rejected('REBALANCE_IN_PROGRESS')
    scripted.errors.set('t-0', 'REBALANCE_IN_PROGRESS').set('t-1', 'REBALANCE_IN_PROGRESS')
    const drained = committer.drain(5_000)
    await advance(2_000)
    expect(scripted.requests().length).toBeLessThan(8)
    scripted.errors.clear()
    await advance(2_000)
    await Promise.all([drained, ...calls])
    expect(scripted.stored.get('t-0')).toBe(5n)
  })

  test('drain sends what waits for a rebalance, because the member leaves', async () => {
    const { calls } = await rejected('REBALANCE_IN_PROGRESS')
    scripted.stable = false
    const drained = committer.drain(5_000)
    await settle()
    await Promise.all([drained, ...calls])
    expect(scripted.stored.get('t-1')).toBe(5n)
  })
})
