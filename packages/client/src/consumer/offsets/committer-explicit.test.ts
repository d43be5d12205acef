import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScriptedCommitter } from '../../../test/support/scripted-committer.ts'
import type { Committer } from './committer.ts'

let scripted: ScriptedCommitter
let committer: Committer

function use(made: ScriptedCommitter): void {
  scripted = made
  committer = made.committer
}

const settle = () => scripted.runtime.settle()

beforeEach(() => use(new ScriptedCommitter('manual')))

afterEach(() => scripted.close())

describe('explicit offsets', () => {
  test('are stored exactly, with metadata and epoch, and touch no other partition', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(1)]
    scripted.process(a, 5)
    scripted.process(b, 5)
    await committer.commitOffsets([{ topic: 't', partition: 0, offset: 3, leaderEpoch: 2, metadata: 'note' }])
    expect(scripted.sent()).toEqual([['t-0@3']])
    expect(scripted.requests()[0]!.body.topics[0]!.partitions[0]).toMatchObject({
      committedLeaderEpoch: 2,
      committedMetadata: 'note',
    })
  })

  test('are not set back by a commit of another partition in mode manual', async () => {
    const [a, b] = [scripted.assign(0), scripted.assign(1)]
    await committer.commitOffsets([
      { topic: 't', partition: 0, offset: 10 },
      { topic: 't', partition: 1, offset: 10 },
    ])
    scripted.process(b, 2)
    await committer.commitProgress([a, b])
    expect(scripted.stored).toEqual(
      new Map([
        ['t-0', 10n],
        ['t-1', 10n],
      ]),
    )
    scripted.process(b, 11)
    await committer.commitProgress([a, b])
    expect(scripted.stored.get('t-1')).toBe(11n)
  })

  test('are sent before a progress of the same partition that was queued with them', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 3)
    const respond = scripted.hold()
    const other = committer.commitOffsets([{ topic: 't', partition: 1, offset: 1 }])
    await settle()
    const progress = committer.commitProgress([partition])
    const explicit = committer.commitOffsets([{ topic: 't', partition: 0, offset: 8 }])
    await respond()
    await Promise.all([other, progress, explicit])
    expect(scripted.sent()).toEqual([['t-1@1'], ['t-0@8']])
  })

  test('do not hold back commits after a seek that came before they were stored', async () => {
    const partition = scripted.assign(0)
    const respond = scripted.hold()
    const explicit = committer.commitOffsets([{ topic: 't', partition: 0, offset: 8 }])
    await settle()
    partition.place({ offset: 2, epoch: -1 }, 'sought')
    scripted.process(partition, 4)
    await respond()
    await explicit
    await committer.commitProgress([partition])
    expect(scripted.stored.get('t-0')).toBe(4n)
  })

  test('commits below an earlier one after a seek back, in mode manual too', async () => {
    const partition = scripted.assign(0)
    scripted.process(partition, 10)
    await committer.commitProgress([partition])
    partition.place({ offset: 3, epoch: -1 }, 'sought')
    await committer.commitProgress([partition])
    expect(scripted.stored.get('t-0')).toBe(10n)
    scripted.process(partition, 5)
    await committer.commitProgress([partition])
    expect(scripted.stored.get('t-0')).toBe(5n)
  })
})
