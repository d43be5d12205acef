import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScriptedCommitter } from '../../../test/support/scripted-committer.ts'
import { outcome } from '../../../test/support/settled.ts'
import type { Committer } from './committer.ts'

let scripted: ScriptedCommitter
let committer: Committer

function use(made: ScriptedCommitter): void {
  scripted = made
  committer = made.committer
}

const settle = () => scripted.runtime.settle()
const advance = (ms: number) => scripted.runtime.advance(ms)

beforeEach(() => use(new ScriptedCommitter('auto')))

afterEach(() => scripted.close())

describe('automatic commits', () => {
  test('happen at the interval, and only where there is progress', async () => {
    const [a] = [scripted.assign(0), scripted.assign(1)]
    for (const partition of scripted.assigned.all) partition.progress.foundCommit(0)
    committer.start()
    scripted.process(a, 3)
    await advance(4_999)
    expect(scripted.requests()).toEqual([])
    await advance(1)
    expect(scripted.sent()).toEqual([['t-0@3']])
    await advance(20_000)
    expect(scripted.requests()).toHaveLength(1)
    scripted.process(a, 4)
    await advance(5_000)
    expect(scripted.sent()[1]).toEqual(['t-0@4'])
  })

  test('happen by count', async () => {
    use(new ScriptedCommitter({ mark: true, automatic: true, intervalMs: 60_000, count: 10 }))
    const partition = scripted.assign(0)
    committer.start()
    scripted.process(partition, 9)
    committer.counted(9)
    await settle()
    expect(scripted.requests()).toEqual([])
    scripted.process(partition, 10)
    committer.counted(1)
    await settle()
    expect(scripted.sent()).toEqual([['t-0@10']])
    scripted.process(partition, 11)
    committer.counted(1)
    await settle()
    expect(scripted.requests()).toHaveLength(1)
  })

  test('stop with the policy and with `stop`', async () => {
    scripted.process(scripted.assign(0), 3)
    committer.start()
    committer.stop()
    committer.autoNow()
    await advance(20_000)
    expect(scripted.requests()).toEqual([])
  })

  test('never fall below an explicit offset, and follow from beyond it', async () => {
    const partition = scripted.assign(0)
    committer.start()
    scripted.process(partition, 3)
    const explicit = committer.commitOffsets([{ topic: 't', partition: 0, offset: 8 }])
    committer.autoNow()
    await explicit
    scripted.process(partition, 8)
    await advance(10_000)
    expect(scripted.stored.get('t-0')).toBe(8n)
    scripted.process(partition, 9)
    await advance(5_000)
    expect(scripted.stored.get('t-0')).toBe(9n)
    expect(scripted.sent()).toEqual([['t-0@8'], ['t-0@9']])
  })

  test('wait while the member joins, and leave out what was given up', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(1)]
    scripted.process(a, 3)
    scripted.process(b, 3)
    committer.start()
    scripted.stable = false
    await advance(20_000)
    expect(scripted.requests()).toEqual([])
    scripted.revoke(b)
    scripted.rejoin(2)
    await settle()
    expect(scripted.sent()).toEqual([['t-0@3']])
    expect(scripted.autoFailures).toEqual([])
  })

  test('report a permanent failure once per interval, and are tried again', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(1)]
    scripted.errors.set('t-0', 'GROUP_AUTHORIZATION_FAILED').set('t-1', 'GROUP_AUTHORIZATION_FAILED')
    committer.start()
    scripted.process(a, 3)
    scripted.process(b, 3)
    await advance(5_000)
    committer.autoNow()
    await advance(1_000)
    expect(scripted.autoFailures).toHaveLength(1)
    expect(scripted.autoFailures[0]).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED', retriable: false })
    await advance(4_000)
    expect(scripted.autoFailures).toHaveLength(2)
    scripted.errors.clear()
    await advance(5_000)
    expect(scripted.stored.get('t-0')).toBe(3n)
  })

  test('report a transient failure that lasts, and retry it with backoff', async () => {
    scripted.process(scripted.assign(0), 3)
    scripted.errors.set('t-0', 'COORDINATOR_LOAD_IN_PROGRESS')
    committer.start()
    await advance(9_000)
    expect(scripted.autoFailures).toEqual([])
    await advance(4_000)
    expect(scripted.autoFailures).toHaveLength(1)
    expect(scripted.requests().length).toBeLessThan(20)
    scripted.errors.clear()
    await advance(2_000)
    expect(scripted.stored.get('t-0')).toBe(3n)
  })

  test('do not delay a drain that has nothing else to send', async () => {
    scripted.process(scripted.assign(0), 3)
    scripted.errors.set('t-0', 'COORDINATOR_LOAD_IN_PROGRESS')
    committer.start()
    await advance(6_000)
    expect(await outcome(committer.drain(60_000), settle)).toBeUndefined()
  })
})

describe('the start that a reset policy chose', () => {
  test('is committed immediately, in every mode', async () => {
    for (const mode of ['auto', 'manual'] as const) {
      await scripted.close()
      use(new ScriptedCommitter(mode))
      const partition = scripted.assign(0)
      partition.place({ offset: 7, epoch: 2 }, 'policy')
      committer.commitStart([partition])
      await settle()
      expect(scripted.sent()).toEqual([['t-0@7']])
      expect(scripted.requests()[0]!.body.topics[0]!.partitions[0]!.committedLeaderEpoch).toBe(2)
      expect(partition.progress.uncommittedStart).toBeUndefined()
    }
  })

  test('is committed as it was chosen, also when records were processed before a retry', async () => {
    await scripted.close()
    use(new ScriptedCommitter('manual'))
    const partition = scripted.assign(0)
    partition.place({ offset: 7, epoch: -1 }, 'policy')
    scripted.errors.set('t-0', 'COORDINATOR_NOT_AVAILABLE')
    committer.commitStart([partition])
    await settle()
    partition.progress.hand(7, 9, 0)
    scripted.errors.clear()
    await advance(1_000)
    expect(scripted.stored.get('t-0')).toBe(7n)
  })

  test('is retried until it is stored, with its failure reported', async () => {
    const partition = scripted.assign(0)
    partition.place({ offset: 7, epoch: -1 }, 'policy')
    scripted.errors.set('t-0', 'TOPIC_AUTHORIZATION_FAILED')
    committer.commitStart([partition])
    await advance(16_000)
    expect(scripted.autoFailures.length).toBeGreaterThanOrEqual(3)
    expect(scripted.requests().length).toBeLessThan(6)
    scripted.errors.clear()
    await advance(5_000)
    expect(scripted.stored.get('t-0')).toBe(7n)
    await advance(20_000)
    expect(scripted.sent().at(-1)).toEqual(['t-0@7'])
  })

  test('does not delay a commit of the application while it waits for its next try', async () => {
    const partition = scripted.assign(0)
    partition.place({ offset: 7, epoch: -1 }, 'policy')
    scripted.errors.set('t-0', 'TOPIC_AUTHORIZATION_FAILED')
    committer.commitStart([partition])
    await settle()
    scripted.errors.clear()
    scripted.process(partition, 9)
    await committer.commitProgress([partition])
    expect(scripted.stored.get('t-0')).toBe(9n)
  })

  test('is not committed once the partition is gone', async () => {
    const partition = scripted.assign(0)
    partition.place({ offset: 7, epoch: -1 }, 'policy')
    scripted.stable = false
    committer.commitStart([partition])
    scripted.revoke(partition)
    scripted.rejoin(2)
    await advance(10_000)
    expect(scripted.requests()).toEqual([])
  })
})
