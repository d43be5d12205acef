import { DeleteRecords, DeleteTopics, ListOffsets, Produce } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

type RecordsStage = Stage<typeof DeleteRecords>

const request = (name: string, ...partitions: readonly (readonly [partitionIndex: number, offset: bigint])[]) => ({
  topics: [{ name, partitions: partitions.map(([partitionIndex, offset]) => ({ partitionIndex, offset })) }],
  timeoutMs: 10_000,
})

async function filled(stage: RecordsStage, hint: string, configs: Record<string, string> = {}): Promise<string> {
  const name = stage.name(hint)
  await stage.createTopic(name, { partitions: 2, replicas: [1, 2], configs })
  for (const values of [
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]) {
    const partitionData = [{ index: 0, records: batchOf(values, { timestamp: 1_700_000_000_000 }) }]
    await stage.do(Produce, 9, {
      acks: -1,
      timeoutMs: 5000,
      transactionalId: null,
      topicData: [{ name, partitionData }],
    })
  }
  return name
}

const start = (stage: RecordsStage, name: string) =>
  stage.note('where it starts', ListOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -2n }] }],
  })

export const deleteRecords = conformance(DeleteRecords, {
  async valid(stage) {
    const name = await filled(stage, 't')
    await stage.ask('nothing', request(name, [0, 0n]))
    await stage.ask('within a batch', request(name, [0, 2n]))
    await start(stage, name)
    await stage.ask('what is deleted already', request(name, [0, 1n]))
    await stage.ask('all', request(name, [0, -1n]))
    await start(stage, name)
    await stage.ask('all again, and of an empty partition', request(name, [0, 5n], [1, -1n]))
    await stage.ask('no topics', { topics: [], timeoutMs: 1000 })
  },
  async invalid(stage) {
    const name = await filled(stage, 't')
    await stage.ask('beyond the end', request(name, [0, 6n]))
    await stage.ask('below 0', request(name, [0, -2n]))
    await stage.ask('of an empty partition', request(name, [1, 1n]))
    await stage.ask('a partition below 0', request(name, [-1, 0n]))
    await stage.ask('a name that cannot be', request('not a name', [0, 0n]))
    await stage.ask('no name', request('', [0, 0n]))
    const compacted = await filled(stage, 'compacted', { 'cleanup.policy': 'compact' })
    await stage.ask('of a compacted topic', request(compacted, [0, 1n]))
    const both = await filled(stage, 'both', { 'cleanup.policy': 'compact,delete' })
    await stage.ask('of one that is compacted and deleted', request(both, [0, 1n]))
  },
  async wrongState(stage) {
    const name = await filled(stage, 't')
    await stage.ask('no such topic', request(stage.name('none'), [0, 0n]))
    await stage.ask('no such partition', request(name, [9, 0n]))
    const follower = await stage.open({ broker: 2 })
    await stage.ask('another broker leads', request(name, [0, 1n]), { on: follower })
    const stranger = await stage.open({ broker: 3 })
    await stage.ask('a broker without a replica', request(name, [0, 1n]), { on: stranger })
    await stage.do(DeleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 })
    await stage.until('it is gone', async () => {
      const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }]
      const response = await stage.do(ListOffsets, 5, { replicaId: -1, isolationLevel: 0, topics })
      return response.topics[0]?.partitions[0]?.errorCode === 3
    })
    await stage.ask('a deleted topic', request(name, [0, 0n]))
  },
})
