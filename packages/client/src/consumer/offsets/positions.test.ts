import { errorCode, ListOffsets, OffsetFetch, OffsetForLeaderEpoch } from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScriptedOffsets } from '../../../test/support/scripted-offsets.ts'
import { outcome } from '../../../test/support/settled.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'

let scripted: ScriptedOffsets

beforeEach(() => {
  scripted = new ScriptedOffsets()
})

afterEach(async () => {
  expect(await scripted.close()).toEqual({ timers: 0, sockets: 0 })
})

const commitAt4 = { errorCode: 0, committedOffset: 4n, committedLeaderEpoch: 0, metadata: '' }

const spread = (count: number) => Array.from({ length: count }, (_, i) => 1 + (i % 3))

async function topicOf(count: number): Promise<void> {
  scripted.topic('t', spread(count))
  await scripted.refresh()
}

/** Everything from the position to before `end` is delivered and processed. */
function deliver({ progress, fetching }: AssignedPartition, end: number, epoch: number): void {
  for (let at = progress.next; at < end; at++) {
    progress.hand(at, at + 1, epoch)
    progress.settle(at, at + 1)
  }
  if (fetching.offset < end) fetching.moveTo(end, epoch)
}

/** The partition has a newer leader. */
async function newLeader(leader: number, leaderEpoch: number): Promise<void> {
  scripted.topic('t', [leader], undefined, leaderEpoch)
  await scripted.refresh()
}

const states = (partitions: readonly AssignedPartition[]) => partitions.map(({ trouble }) => trouble?.obstacle ?? 'ok')

describe('the first position', () => {
  test('of 1,000 partitions takes one request per broker and kind', async () => {
    await topicOf(1_000)
    const partitions = scripted.partitions('t', 1_000)
    for (let at = 0; at < 500; at++) scripted.of('t', at).committed = at
    void scripted.positions().resolve(partitions)
    await scripted.runtime.advance(1_000)
    expect(
      partitions.slice(0, 500).every(({ progress }, at) => progress.next === at && progress.committed === at),
    ).toBe(true)
    expect(partitions.slice(500).every(({ progress }) => progress.next === 0 && progress.committed === -1)).toBe(true)
    expect(scripted.nodesOf(OffsetFetch)).toHaveLength(1)
    expect(scripted.nodesOf(ListOffsets)).toHaveLength(3)
    expect(scripted.nodesOf(OffsetForLeaderEpoch)).toHaveLength(0)
    const starts = scripted.events.filter((event) => event.startsWith('start'))
    expect(starts.flatMap((event) => event.slice(6).split(','))).toHaveLength(500)
    expect(starts.length).toBeLessThanOrEqual(3)
  })

  test('is the own start, else the commit, else the choice of the policy, which has to be committed', async () => {
    await topicOf(4)
    const partitions = scripted.partitions('t', 4)
    partitions[0]!.startAt(3n)
    partitions[1]!.startAt('earliest')
    scripted.of('t', 1).start = 2
    Object.assign(scripted.of('t', 2), { committed: 6, committedEpoch: 0 })
    scripted.of('t', 3).end = 9
    scripted.positions({ offsetReset: 'latest' }).resolve(partitions)
    await scripted.runtime.advance(100)
    expect(partitions.map(({ progress }) => progress.position)).toEqual([
      { offset: 3, epoch: -1 },
      { offset: 2, epoch: 0 },
      { offset: 6, epoch: 0 },
      { offset: 9, epoch: 0 },
    ])
    expect(scripted.events.sort()).toEqual([
      'no-committed-offset 3 -1 9',
      'ready t 0 3',
      'ready t 1 2',
      'ready t 2 6',
      'ready t 3 9',
      'start 3',
    ])
    expect(partitions.map(({ progress }) => progress.uncommittedStart?.offset)).toEqual([
      undefined,
      undefined,
      undefined,
      9,
    ])
  })

  test("of a partition created after the consumer's start is the beginning, under 'latest' too", async () => {
    await topicOf(2)
    for (const at of [0, 1]) scripted.of('t', at).end = 5
    const partitions = scripted.partitions('t', 2)
    scripted.positions({ offsetReset: 'latest', isNew: ({ partition }) => partition === 1 }).resolve(partitions)
    await scripted.runtime.advance(100)
    expect(partitions.map(({ progress }) => progress.next)).toEqual([5, 0])
  })

  test("without a commit fails under 'none', until a seek", async () => {
    await topicOf(2)
    scripted.of('t', 1).committed = 4
    const partitions = scripted.partitions('t', 2)
    const positions = scripted.positions({ offsetReset: 'none' })
    positions.resolve(partitions)
    await scripted.runtime.advance(100)
    expect(scripted.events).toEqual(['failed 0 OFFSET_OUT_OF_RANGE', 'ready t 1 4'])
    expect(partitions[0]!.failed?.hint).toMatch(/Seek/)
    expect(partitions[0]!.isFetchable(0)).toBe(false)
    positions.seek(partitions[0]!, 2)
    expect(states(partitions)).toEqual(['ok', 'ok'])
    expect(partitions[0]!.progress.next).toBe(2)
  })

  test('without a group is that of the policy, and nothing has to be committed', async () => {
    await topicOf(1)
    const [partition] = scripted.partitions('t', 1)
    scripted.positions({ inGroup: false }).resolve([partition!])
    await scripted.runtime.advance(100)
    expect(scripted.nodesOf(OffsetFetch)).toHaveLength(0)
    expect(scripted.events).toEqual(['no-committed-offset 0 -1 0', 'ready t 0 0'])
  })

  test('is never another one because a response lacks the partition', async () => {
    await topicOf(1)
    Object.assign(scripted.of('t', 0), { committed: 4, commitError: 'missing' })
    const [partition] = scripted.partitions('t', 1)
    scripted.positions({ offsetReset: 'latest' }).resolve([partition!])
    await scripted.runtime.advance(30_000)
    expect(scripted.events).toEqual([])
    expect(partition!.trouble).toMatchObject({ obstacle: 'backing-off', error: { code: 'PROTOCOL_ERROR' } })
    scripted.of('t', 0).commitError = undefined
    await scripted.runtime.advance(2_000)
    expect(scripted.events).toEqual(['ready t 0 4'])
  })

  test('is that of the seek which a stale result would move', async () => {
    await topicOf(2)
    for (const at of [0, 1]) Object.assign(scripted.of('t', at), { committed: 4, end: 9 })
    const partitions = scripted.partitions('t', 2)
    const positions = scripted.positions()
    let respond = () => {}
    scripted.peer.next(OffsetFetch, (request) => {
      const { topicId } = request.body.groups[0]!.topics![0]!
      const parts = [0, 1].map((partitionIndex) => ({ partitionIndex, ...commitAt4 }))
      const groups = [{ groupId: 'g', errorCode: 0, topics: [{ name: '', topicId, partitions: parts }] }]
      respond = () => request.respond({ groups })
      return undefined
    })
    positions.resolve(partitions)
    await scripted.runtime.advance(10)
    positions.seek(partitions[0]!, 7n)
    positions.seek(partitions[1]!, 'latest')
    respond()
    await scripted.runtime.advance(1_000)
    expect(partitions.map(({ progress }) => progress.next)).toEqual([7, 9])
    expect(scripted.events).toEqual(['ready t 0 7', 'ready t 1 9'])
  })

  test('is not looked up any more once the partition is released', async () => {
    await topicOf(2)
    const partitions = scripted.partitions('t', 2)
    const positions = scripted.positions()
    positions.resolve(partitions)
    positions.release([partitions[0]!])
    await scripted.runtime.advance(1_000)
    expect(scripted.peer.requests(OffsetFetch)[0]!.body.groups[0]!.topics![0]!.partitionIndexes).toEqual([1])
    expect(partitions[0]!.progress.isKnown).toBe(false)
  })

  test('fails for all when the group is forbidden', async () => {
    await topicOf(1)
    const groupError = errorCode('GROUP_AUTHORIZATION_FAILED')
    scripted.peer.on(OffsetFetch, () => ({ groups: [{ groupId: 'g', errorCode: groupError, topics: [] }] }))
    scripted.positions().resolve(scripted.partitions('t', 1))
    await scripted.runtime.advance(1_000)
    expect(scripted.events).toEqual(['fatal GROUP_AUTHORIZATION_FAILED'])
  })
})

describe('partitions that cannot be positioned', () => {
  test('do not delay the others, show why, and are positioned once they can be', async () => {
    scripted.topic('t', [1, -1, 1, 1, 1, 2])
    await scripted.refresh()
    scripted.of('t', 2).error = 'TOPIC_AUTHORIZATION_FAILED'
    scripted.of('t', 3).commitError = 'UNSTABLE_OFFSET_COMMIT'
    scripted.peer.admit = ({ nodeId, api }) => nodeId !== 2 || api.name !== 'ListOffsets'
    const gone = scripted.partition('gone', 0)
    const partitions = [...scripted.partitions('t', 6), gone]
    const positions = scripted.positions()
    positions.resolve(partitions)
    const settled = positions.positioned(
      partitions.filter((_, at) => at !== 3 && at !== 5),
      undefined,
    )
    expect(await outcome(settled, () => scripted.runtime.advance(500))).toBe(undefined)
    expect(states(partitions)).toEqual(['ok', 'no-leader', 'forbidden', 'backing-off', 'ok', 'resolving', 'no-leader'])
    expect(scripted.events.filter((event) => event.startsWith('ready'))).toEqual(['ready t 0 0', 'ready t 4 0'])
    expect(gone.trouble?.error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'gone' })
    expect(await outcome(positions.positioned(partitions, undefined), () => scripted.runtime.advance(20_000))).toBe(
      'pending',
    )

    scripted.topic('t', [1, 2, 1, 1, 1, 2], undefined, 1)
    scripted.topic('gone', [1])
    scripted.of('t', 2).error = undefined
    scripted.of('t', 3).commitError = undefined
    scripted.peer.admit = () => true
    await scripted.runtime.advance(60_000)
    expect(states(partitions)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
  })

  test('that are forbidden are requested every ten seconds at most', async () => {
    await topicOf(1)
    scripted.of('t', 0).error = 'TOPIC_AUTHORIZATION_FAILED'
    const [partition] = scripted.partitions('t', 1)
    scripted.positions().resolve([partition!])
    await scripted.runtime.advance(600_000)
    expect(partition!.trouble).toMatchObject({ obstacle: 'forbidden', error: { code: 'TOPIC_AUTHORIZATION_FAILED' } })
    expect(scripted.nodesOf(ListOffsets).length).toBeLessThan(90)
    scripted.of('t', 0).error = undefined
    await scripted.runtime.advance(12_000)
    expect(states([partition!])).toEqual(['ok'])
  })

  test('are forbidden where the metadata says so', async () => {
    await topicOf(1)
    scripted.peer.topics.set('secret', { error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] })
    await scripted.refresh()
    const secret = scripted.partition('secret', 0)
    scripted.positions().resolve([secret])
    await scripted.runtime.advance(5_000)
    expect(states([secret])).toEqual(['forbidden'])
    scripted.topic('secret', [2])
    await scripted.runtime.advance(12_000)
    expect(scripted.events).toContain('ready secret 0 0')
  })

  test('keep `positioned` waiting until they are released, or its signal aborts', async () => {
    await topicOf(2)
    scripted.peer.admit = ({ api }) => api.name !== 'OffsetFetch'
    const partitions = scripted.partitions('t', 2)
    const positions = scripted.positions()
    positions.resolve(partitions)
    const controller = new AbortController()
    const aborted = positions.positioned(partitions, controller.signal)
    const released = positions.positioned(partitions, undefined)
    expect(await outcome(released, () => scripted.runtime.advance(1_000))).toBe('pending')
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    positions.release(partitions)
    await released
  })
})

describe('an offset that the leader does not have', () => {
  const start = async (offsetReset: 'earliest' | 'latest' | 'none') => {
    await topicOf(1)
    Object.assign(scripted.of('t', 0), { committed: 5, start: 8, end: 20 })
    const [partition] = scripted.partitions('t', 1)
    const positions = scripted.positions({ offsetReset })
    positions.resolve([partition!])
    await scripted.runtime.advance(100)
    scripted.events.length = 0
    positions.outOfRange(partition!)
    positions.outOfRange(partition!)
    await scripted.runtime.advance(100)
    return partition!
  }

  test.each([
    ['earliest', 8],
    ['latest', 20],
  ] as const)('is reset to the %s one, as in Java', async (offsetReset, to) => {
    const partition = await start(offsetReset)
    expect(scripted.events).toEqual([`out-of-range 0 5 ${to}`, `ready t 0 ${to}`])
    expect(partition.progress.next).toBe(to)
    expect(partition.progress.uncommittedStart).toBe(undefined)
  })

  test("fails the partition under 'none'", async () => {
    const partition = await start('none')
    expect(scripted.events).toEqual(['failed 0 OFFSET_OUT_OF_RANGE'])
    expect(partition.failed).toMatchObject({ topic: 't', partition: 0, offset: 5n })
  })
})

describe('a new leader', () => {
  const start = async (offsetReset: 'earliest' | 'latest' | 'none' = 'earliest') => {
    await topicOf(1)
    const positions = scripted.positions({ offsetReset })
    const [partition] = scripted.partitions('t', 1)
    Object.assign(scripted.of('t', 0), { committed: 0, start: 0, end: 30 })
    positions.resolve([partition!])
    await scripted.runtime.advance(100)
    scripted.events.length = 0
    return { positions, partition: partition! }
  }
  const ends = (...given: (readonly [number, number, number])[]) => {
    scripted.of('t', 0).epochEnds = new Map(given.map(([epoch, found, end]) => [epoch, [found, end]]))
  }

  test('of 1,000 partitions costs one request per broker', async () => {
    await topicOf(1_000)
    const partitions = scripted.partitions('t', 1_000)
    const positions = scripted.positions()
    for (let at = 0; at < 1_000; at++) {
      Object.assign(scripted.of('t', at), { committed: 5, committedEpoch: 0, epochEnds: new Map([[0, [0, 5]]]) })
    }
    positions.resolve(partitions)
    await scripted.runtime.advance(100)
    scripted.topic(
      't',
      spread(1_000).map((leader) => (leader % 3) + 1),
      undefined,
      1,
    )
    await scripted.refresh()
    await scripted.runtime.advance(100)
    expect(scripted.nodesOf(OffsetForLeaderEpoch).sort()).toEqual([1, 2, 3])
    expect(partitions.every(({ resolving, validatedEpoch }) => !resolving && validatedEpoch === 1)).toBe(true)
  })

  test('with the whole log changes nothing', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    ends([0, 0, 5])
    await newLeader(2, 1)
    expect(scripted.events).toEqual(['ready t 0 5'])
    expect(partition.progress.position).toEqual({ offset: 5, epoch: 0 })
  })

  test('is compared with the position of the request, not with that of its response', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    let respond = () => {}
    scripted.peer.next(OffsetForLeaderEpoch, (request) => {
      respond = () =>
        request.respond({
          topics: [{ topic: 't', partitions: [{ partition: 0, errorCode: 0, leaderEpoch: 0, endOffset: 5n }] }],
        })
      return undefined
    })
    await newLeader(2, 1)
    expect(partition.isFetchable(scripted.runtime.monoNow())).toBe(false)
    // A response of the new leader, which was in flight.
    deliver(partition, 9, 1)
    respond()
    await scripted.runtime.advance(100)
    expect(scripted.events).toEqual(['ready t 0 9'])
    expect(partition.progress.next).toBe(9)
  })

  test('is validated again for what the old leader sent during the validation', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    ends([0, 0, 7])
    scripted.peer.next(OffsetForLeaderEpoch, () => {
      partition.fetching.moveTo(9, 0)
      return undefined
    })
    await newLeader(2, 1)
    await newLeader(3, 1)
    await scripted.runtime.advance(60_000)
    expect(partition.fetching.offset).toBe(5)
  })

  test('after a marker of a newer epoch finds no truncation', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    partition.progress.skip(6, 1)
    partition.fetching.moveTo(6, 1)
    ends([0, 0, 5], [1, 1, 6])
    await newLeader(2, 2)
    expect(scripted.events).toEqual(['ready t 0 6'])
    expect(scripted.peer.requests(OffsetForLeaderEpoch)[0]!.body.topics[0]!.partitions[0]!.leaderEpoch).toBe(1)
  })

  test('that lacks delivered records moves the position back to the end of what is left', async () => {
    const { partition } = await start()
    deliver(partition, 9, 0)
    ends([0, 0, 6])
    const { era } = partition
    await newLeader(2, 1)
    expect(scripted.events).toEqual(['truncated 0 9 6', 'ready t 0 6'])
    expect(partition.progress.position).toEqual({ offset: 6, epoch: 0 })
    expect(partition.fetching.offset).toBe(6)
    expect(era.validBelow).toBe(6)
  })

  test('keeps what was given back before the cut', async () => {
    const { partition } = await start()
    const { progress, fetching } = partition
    for (let at = 0; at < 9; at++) progress.hand(at, at + 1, 0)
    progress.settle(2, 9)
    progress.giveBack(0, 2)
    fetching.moveTo(9, 0)
    ends([0, 0, 6])
    await newLeader(2, 1)
    expect(scripted.events).toEqual(['truncated 0 9 6', 'ready t 0 0'])
    expect(progress.next).toBe(0)
    expect(progress.frontier.offset).toBe(6)
    expect(fetching.offset).toBe(0)
  })

  test('that lacks only undelivered records drops these, and reports no truncation', async () => {
    const { partition } = await start('none')
    deliver(partition, 5, 0)
    partition.fetching.moveTo(9, 0)
    ends([0, 0, 6])
    await newLeader(2, 1)
    expect(scripted.events).toEqual(['ready t 0 5'])
    expect(partition.fetching.offset).toBe(5)
    expect(partition.progress.position).toEqual({ offset: 5, epoch: 0 })
  })

  test("that lacks delivered records fails the partition under 'none'", async () => {
    const { partition } = await start('none')
    deliver(partition, 9, 0)
    ends([0, 0, 6])
    await newLeader(2, 1)
    expect(scripted.events).toEqual(['failed 0 OFFSET_OUT_OF_RANGE'])
    expect(partition.failed!.message).toContain('truncated to offset 6')
    expect(partition.progress.next).toBe(9)
  })

  test('without the epoch at all is followed by the reset policy', async () => {
    const { partition } = await start('latest')
    deliver(partition, 9, 0)
    await newLeader(2, 1)
    await scripted.runtime.advance(100)
    expect(scripted.events).toEqual(['truncated 0 9 30', 'ready t 0 30'])
  })

  test('without the epoch of a position at the same end of the log is no truncation', async () => {
    const { partition } = await start('latest')
    deliver(partition, 30, 0)
    await newLeader(2, 1)
    await scripted.runtime.advance(100)
    expect(scripted.events).toEqual(['ready t 0 30'])
  })

  test('that is followed by another one during the validation is validated as well', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    ends([0, 0, 5])
    scripted.peer.next(OffsetForLeaderEpoch, () => undefined)
    await newLeader(2, 1)
    expect(partition.resolving).toBe(true)
    ends([0, 0, 3])
    await newLeader(3, 2)
    await scripted.runtime.advance(100)
    expect(scripted.events).toEqual(['truncated 0 5 3', 'ready t 0 3'])
    expect(partition.validatedEpoch).toBe(2)
    // The one in flight does not wait for the old leader.
    expect(scripted.nodesOf(OffsetForLeaderEpoch)).toEqual([2, 3, 3])
  })

  test('is not fetched from while its response fails, and the reason shows', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    ends([0, 0, 5])
    scripted.of('t', 0).error = 'UNKNOWN_LEADER_EPOCH'
    await newLeader(2, 1)
    await scripted.runtime.advance(10_000)
    expect(states([partition])).toEqual(['backing-off'])
    expect(partition.isFetchable(scripted.runtime.monoNow())).toBe(false)
    scripted.of('t', 0).error = undefined
    await scripted.runtime.advance(2_000)
    expect(partition.isFetchable(scripted.runtime.monoNow())).toBe(true)
  })

  test('of brokers that cannot validate is trusted', async () => {
    scripted.peer.versions.set('OffsetForLeaderEpoch', { min: 0, max: 2 })
    const { partition } = await start()
    deliver(partition, 5, 0)
    await newLeader(2, 1)
    expect(scripted.events).toEqual(['ready t 0 5'])
  })

  test('after a seek does not matter to the position', async () => {
    const { positions, partition } = await start()
    deliver(partition, 5, 0)
    scripted.peer.on(OffsetForLeaderEpoch, () => undefined)
    await newLeader(2, 1)
    positions.seek(partition, 2)
    await scripted.runtime.advance(60_000)
    expect(scripted.events).toEqual(['ready t 0 2'])
    expect(partition.progress.next).toBe(2)
  })

  test('makes bytes of an unknown epoch be fetched again', async () => {
    const { partition } = await start()
    deliver(partition, 5, 0)
    partition.fetching.moveTo(9)
    ends([0, 0, 7])
    await newLeader(2, 1)
    expect(partition.fetching.offset).toBe(5)
    expect(scripted.events).toEqual(['ready t 0 5'])
  })
})

describe('a topic that was deleted and created again', () => {
  const newId = Buffer.from('another topic id').toString('base64url')

  const start = async (offsetReset: 'earliest' | 'latest' | 'none') => {
    scripted.topic('t', [1], undefined, 4)
    Object.assign(scripted.of('t', 0), { committed: 40, committedEpoch: 4, start: 0, end: 3 })
    await scripted.refresh()
    const [partition] = scripted.partitions('t', 1)
    const positions = scripted.positions({ offsetReset })
    return { partition: partition!, positions }
  }

  test.each(['earliest', 'latest'] as const)(
    'is read from its beginning (%s), which has to be committed',
    async (policy) => {
      const { partition, positions } = await start(policy)
      positions.resolve([partition])
      await scripted.runtime.advance(100)
      deliver(partition, 45, 4)
      const { era } = partition
      scripted.events.length = 0
      scripted.topic('t', [2], newId)
      const pending: unknown[] = []
      scripted.peer.admit = ({ api }) => {
        if (api.name === 'ListOffsets') pending.push(partition.progress.pending(false))
        return true
      }
      await scripted.refresh()
      expect(pending).toEqual([undefined])
      await scripted.runtime.advance(100)
      expect(scripted.events).toEqual(['recreated 0 45 0', 'ready t 0 0', 'start 0'])
      expect(partition.progress).toMatchObject({ next: 0, committed: -1, uncommittedStart: { offset: 0 } })
      expect(era).toMatchObject({ ended: 'recreated', validBelow: 0 })
      expect(partition.isFetchable(scripted.runtime.monoNow())).toBe(true)
    },
  )

  test("fails the partition under 'none', with nothing left to commit", async () => {
    const { partition, positions } = await start('none')
    positions.resolve([partition])
    await scripted.runtime.advance(100)
    deliver(partition, 45, 4)
    scripted.topic('t', [2], newId)
    await scripted.refresh()
    expect(scripted.events.at(-1)).toBe('failed 0 UNKNOWN_TOPIC_ID')
    expect(partition.progress.pending(false)).toBe(undefined)
    positions.seek(partition, 'earliest')
    await scripted.runtime.advance(100)
    expect(scripted.events.at(-1)).toBe('ready t 0 0')
  })

  test('during the first look-up is not positioned at the old commit, and loses none of its records', async () => {
    const { partition, positions } = await start('latest')
    // The coordinator has the new topic before the metadata of the client does.
    scripted.topic('t', [2], newId)
    scripted.of('t', 0).committed = -1
    positions.resolve([partition])
    await scripted.runtime.advance(2_000)
    expect(scripted.events).toEqual(['no-committed-offset 0 -1 0', 'ready t 0 0', 'start 0'])
  })

  test('during a seek to an end is sought there', async () => {
    const { partition, positions } = await start('earliest')
    positions.resolve([partition])
    await scripted.runtime.advance(100)
    scripted.peer.next(ListOffsets, () => undefined)
    positions.seek(partition, 'latest')
    await scripted.runtime.advance(100)
    scripted.topic('t', [2], newId)
    await scripted.refresh()
    await scripted.runtime.advance(40_000)
    expect(partition.progress.next).toBe(3)
  })

  test('shows without topic ids by the epoch that the leader lacks', async () => {
    scripted.topic('t', [1], 'AAAAAAAAAAAAAAAAAAAAAA', 4)
    Object.assign(scripted.of('t', 0), { committed: 40, committedEpoch: 3, end: 3 })
    await scripted.refresh()
    const [partition] = scripted.partitions('t', 1)
    expect(partition!.fetching.topicId).toBe(undefined)
    scripted.positions({ offsetReset: 'latest' }).resolve([partition!])
    await scripted.runtime.advance(100)
    expect(scripted.events).toEqual(['recreated 0 40 0', 'ready t 0 0', 'start 0'])
  })
})
