import { OffsetCommit } from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { topicIdOf } from '../../../test/support/scripted-broker.ts'
import { ScriptedCommitter } from '../../../test/support/scripted-committer.ts'
import { failure, outcome } from '../../../test/support/settled.ts'
import type { Committer } from './committer.ts'

let scripted: ScriptedCommitter
let committer: Committer

const settle = () => scripted.runtime.settle()
const advance = (ms: number) => scripted.runtime.advance(ms)

async function refresh(topic: string): Promise<void> {
  const refreshed = scripted.cluster.refreshMetadata('test', [topic])
  await advance(1_000)
  await refreshed
}

beforeEach(() => {
  scripted = new ScriptedCommitter('manual')
  committer = scripted.committer
})

afterEach(() => scripted.close())

describe('topic ids', () => {
  test('are used when every topic of the request has one', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(1, { topic: 'u' })]
    scripted.process(a, 3)
    scripted.process(b, 4)
    await committer.commitProgress([a, b])
    const [request] = scripted.requests()
    expect(request!.version).toBe(10)
    expect(request!.body.topics.map(({ topicId }) => topicId)).toEqual([topicIdOf('t'), topicIdOf('u')])
    expect(scripted.sent()).toEqual([['t-0@3', 'u-1@4']])
  })

  test('are not used when one of them has none', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(1, { topic: 'u', topicId: null })]
    scripted.process(a, 3)
    scripted.process(b, 4)
    await committer.commitProgress([a, b])
    expect(scripted.requests()[0]!.version).toBe(9)
    expect(scripted.sent()).toEqual([['t-0@3', 'u-1@4']])
  })

  test('of a partition that is not assigned come from the metadata', async () => {
    await committer.commitOffsets([{ topic: 't', partition: 0, offset: 1 }])
    await refresh('t')
    await committer.commitOffsets([{ topic: 't', partition: 0, offset: 2 }])
    expect(scripted.requests().map(({ version }) => version)).toEqual([9, 10])
  })
})

describe('a topic that the coordinator does not have', () => {
  test('was created again: the host is informed, the callers reject, other topics are stored', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(0, { topic: 'u' })]
    scripted.process(a, 3)
    scripted.process(b, 4)
    scripted.errors.set('t-0', 'UNKNOWN_TOPIC_ID')
    scripted.peer.topics.set('t', { topicId: topicIdOf('new'), partitions: [{ leader: 1 }] })
    const [gone, good] = [failure(committer.commitProgress([a])), committer.commitProgress([b])]
    await good
    await advance(100)
    const error = await gone
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_ID', retriable: false, topic: 't', partition: 0, offset: 3n })
    expect(error.message).toContain('deleted and created again')
    expect(scripted.recreated).toEqual([a])
    expect(scripted.stored.get('u-0')).toBe(4n)
    await advance(10_000)
    expect(scripted.requests()).toHaveLength(1)
  })

  test('was created again, as a fetch has shown already: the host is not informed a second time', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    const respond = scripted.hold()
    const call = failure(committer.commitProgress([partition]))
    await settle()
    const topicId = topicIdOf('new')
    scripted.peer.topics.set('t', { topicId, partitions: [{ leader: 1 }] })
    partition.fetching.applyLeader({ leader: 1, leaderEpoch: 0, topicId })
    partition.displace('recreated')
    scripted.errors.set('t-0', 'UNKNOWN_TOPIC_ID')
    await respond()
    await advance(500)
    expect(await call).toMatchObject({ code: 'UNKNOWN_TOPIC_ID', retriable: false })
    expect(scripted.recreated).toEqual([])
  })

  test('still has its id in the metadata: the commit is retried', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    scripted.errors.set('t-0', 'UNKNOWN_TOPIC_ID')
    const call = committer.commitProgress([partition])
    await advance(1_000)
    expect(await outcome(call, settle)).toBe('pending')
    scripted.errors.clear()
    await advance(2_000)
    await call
    expect(scripted.recreated).toEqual([])
    expect(scripted.stored.get('t-0')).toBe(3n)
  })

  test('was deleted: its callers reject soon, and the live topics beside it lose no time', async () => {
    const [a, b] = [scripted.assign(0, { topicId: null }), scripted.assign(0, { topic: 'u' })]
    scripted.process(a, 3)
    scripted.process(b, 4)
    scripted.errors.set('t-0', 'UNKNOWN_TOPIC_OR_PARTITION')
    scripted.peer.topics.delete('t')
    const both = failure(committer.commitProgress([a, b]))
    await advance(500)
    const error = (await outcome(both, settle)) as Error
    expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false, topic: 't', partition: 0 })
    expect(error.message).toContain('deleted or never existed')
    expect(scripted.recreated).toEqual([])
    expect(scripted.stored.get('u-0')).toBe(4n)
    scripted.process(b, 6)
    await committer.commitProgress([b])
    expect(scripted.sent().at(-1)).toEqual(['u-0@6'])
  })

  test('was deleted, as its id shows: the host is informed', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    scripted.errors.set('t-0', 'UNKNOWN_TOPIC_ID')
    scripted.peer.topics.delete('t')
    const call = failure(committer.commitProgress([partition]))
    await advance(500)
    expect(await call).toMatchObject({ code: 'UNKNOWN_TOPIC_ID', retriable: false })
    expect(scripted.recreated).toEqual([partition])
  })

  test('may have been created a moment ago: an explicit offset waits for it', async () => {
    scripted.errors.set('new-0', 'UNKNOWN_TOPIC_OR_PARTITION')
    const call = committer.commitOffsets([{ topic: 'new', partition: 0, offset: 0 }])
    await advance(2_000)
    scripted.peer.topics.set('new', { partitions: [{ leader: 1 }] })
    scripted.errors.clear()
    await advance(2_000)
    await call
    expect(scripted.stored.get('new-0')).toBe(0n)
  })

  test('does not exist: an explicit offset for it rejects after `topicTimeoutMs`, and holds up no other commit', async () => {
    scripted.errors.set('typo-0', 'UNKNOWN_TOPIC_OR_PARTITION')
    const call = failure(committer.commitOffsets([{ topic: 'typo', partition: 0, offset: 0 }]))
    await advance(1_000)
    await committer.commitOffsets([{ topic: 'u', partition: 0, offset: 1 }])
    await advance(7_000)
    expect(await call).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false, topic: 'typo' })
  })

  test('has another id than the cached one: an explicit offset of no assigned partition is sent with the new id', async () => {
    await refresh('t')
    scripted.peer.topics.set('t', { topicId: topicIdOf('t2'), partitions: [{ leader: 1 }] })
    scripted.errors.set('t-0', 'UNKNOWN_TOPIC_ID')
    const call = committer.commitOffsets([{ topic: 't', partition: 0, offset: 5 }])
    await advance(1_000)
    await call
    expect(scripted.stored.get('t2-0')).toBe(5n)
  })

  test('has no such partition any more', async () => {
    const partition = scripted.assign(5)
    scripted.process(partition, 3)
    scripted.errors.set('t-5', 'UNKNOWN_TOPIC_OR_PARTITION')
    scripted.peer.topics.set('t', { topicId: topicIdOf('new'), partitions: [{ leader: 1 }] })
    const call = failure(committer.commitProgress([partition]))
    await advance(500)
    expect(await call).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', partition: 5 })
  })

  test('a recreated topic is not committed until it has a position of its own, and below the earlier commit', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 10)
    await committer.commitProgress([partition])
    scripted.process(partition, 12)
    partition.displace('recreated')
    await committer.commitProgress([partition])
    expect(scripted.requests()).toHaveLength(1)
    expect(partition.progress.committed).toBe(-1)
    partition.place({ offset: 0, epoch: -1 }, 'recreated')
    scripted.process(partition, 2)
    await committer.commitProgress([partition])
    expect(scripted.stored.get('t-0')).toBe(2n)
  })

  test('a recreated topic is not committed from its earlier progress, nor marked as committed', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    const respond = scripted.hold()
    const call = committer.commitProgress([partition])
    await settle()
    partition.displace('recreated')
    partition.place({ offset: 0, epoch: -1 }, 'recreated')
    await respond()
    await call
    expect(partition.progress.committed).toBe(-1)
    committer.commitStart([partition])
    await settle()
    expect(scripted.peer.requests(OffsetCommit)).toHaveLength(2)
    expect(scripted.stored.get('t-0')).toBe(0n)
  })
})
