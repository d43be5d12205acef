import { DeleteTopics, ListOffsets, Produce } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import type { Wire } from '../../support/wire.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const timestamp = 1_700_000_000_000

interface Asked {
  readonly name: string
  readonly timestamp: bigint
  readonly partitionIndex?: number
  readonly currentLeaderEpoch?: number
}

const request = (version: number, asked: readonly Asked[], isolationLevel = 0) => ({
  replicaId: -1,
  ...(version >= 2 && { isolationLevel }),
  topics: asked.map(({ name, timestamp, partitionIndex = 0, currentLeaderEpoch }) => ({
    name,
    partitions: [{ partitionIndex, timestamp, ...(currentLeaderEpoch !== undefined && { currentLeaderEpoch }) }],
  })),
  ...(version >= 10 && { timeoutMs: 1000 }),
})

/** A topic with a batch of two records and a batch of one, a second apart. */
async function filled(stage: Stage<typeof ListOffsets>): Promise<string> {
  const name = stage.name('t')
  await stage.createTopic(name, { partitions: 2 })
  for (const [values, at] of [
    [['a', 'b'], timestamp],
    [['c'], timestamp + 1000],
    [['d'], timestamp + 500],
  ] as const) {
    const partitionData = [{ index: 0, records: batchOf(values, { timestamp: at }) }]
    await stage.do(Produce, 9, {
      acks: -1,
      timeoutMs: 5000,
      transactionalId: null,
      topicData: [{ name, partitionData }],
    })
  }
  return name
}

const specials = [-1n, -2n, -3n, -4n, -5n, -6n]
const sinceVersion: Readonly<Record<string, number>> = { '-3': 7, '-4': 8, '-5': 9, '-6': 11 }

export const listOffsets = conformance(ListOffsets, {
  async valid(stage, version) {
    const name = await filled(stage)
    for (const special of specials) {
      if (version < (sinceVersion[String(special)] ?? 0)) continue
      await stage.ask(`special ${special}`, request(version, [{ name, timestamp: special }]))
      await stage.ask(
        `special ${special} of nothing`,
        request(version, [{ name, timestamp: special, partitionIndex: 1 }]),
      )
    }
    for (const offset of [0, 1, 500, 501, 1000, 1001]) {
      const asked = [{ name, timestamp: BigInt(timestamp + offset) }]
      await stage.ask(`from ${offset} ms on`, request(version, asked))
    }
    await stage.ask('of committed', request(version, [{ name, timestamp: -1n }], 1))
    await stage.ask(
      'of epoch 0',
      request(version, [{ name, timestamp: -1n, currentLeaderEpoch: version >= 4 ? 0 : -1 }]),
    )
    await stage.ask('no topics', request(version, []))
  },
  async invalid(stage, version) {
    const name = await filled(stage)
    for (const special of [-7n, -100n]) {
      await stage.ask(`no such special ${special}`, request(version, [{ name, timestamp: special }]))
    }
    for (const special of specials) {
      if (version >= (sinceVersion[String(special)] ?? 0)) continue
      await stage.ask(`special ${special}, too early`, request(version, [{ name, timestamp: special }]))
    }
    const partition = { partitionIndex: 0, timestamp: -1n }
    await stage.ask('one partition twice', {
      ...request(version, []),
      topics: [{ name, partitions: [partition, { partitionIndex: 1, timestamp: -1n }, partition] }],
    })
    await stage.ask('a partition below 0', request(version, [{ name, timestamp: -1n, partitionIndex: -1 }]))
    await stage.ask('a name that cannot be', request(version, [{ name: 'not a name', timestamp: -1n }]))
    await stage.ask('no name', request(version, [{ name: '', timestamp: -1n }]))
  },
  async wrongState(stage, version) {
    const name = await filled(stage)
    const latest = (label: string, asked: Omit<Asked, 'timestamp'>, on?: Wire) =>
      stage.ask(label, request(version, [{ ...asked, timestamp: -1n }]), on && { on })
    await latest('no such topic', { name: stage.name('none') })
    await latest('no such partition', { name, partitionIndex: 9 })
    const follower = await stage.open({ broker: 2 })
    await latest('another broker leads', { name }, follower)
    if (version >= 4) {
      await latest('a later epoch', { name, currentLeaderEpoch: 5 })
      await latest('a later epoch, another leads', { name, currentLeaderEpoch: 5 }, follower)
    }
    await stage.do(DeleteTopics, 5, { topicNames: [name], timeoutMs: 5000 })
    await stage.until('the topic is gone', async () => {
      const { topics } = await stage.do(ListOffsets, 5, request(5, [{ name, timestamp: -1n }]))
      return topics[0]?.partitions[0]?.errorCode === 3
    })
    await latest('a deleted topic', { name })
  },
})
