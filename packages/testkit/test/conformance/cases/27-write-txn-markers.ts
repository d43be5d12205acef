import { DescribeProducers, ListOffsets, WriteTxnMarkers } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

interface Marker {
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly committed?: boolean
  readonly coordinatorEpoch?: number
  readonly transactionVersion?: number
  readonly topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[]
}

const request = (version: number, ...markers: readonly Marker[]) => ({
  markers: markers.map(
    ({
      producerId = 777n,
      producerEpoch = 3,
      committed = true,
      coordinatorEpoch = 0,
      transactionVersion = 0,
      topics,
    }) => ({
      producerId,
      producerEpoch,
      transactionResult: committed,
      coordinatorEpoch,
      topics: topics.map(({ name, partitionIndexes }) => ({ name, partitionIndexes: [...partitionIndexes] })),
      ...(version >= 2 && { transactionVersion }),
    }),
  ),
})

async function bed(stage: Stage<typeof WriteTxnMarkers>, version: number) {
  const topic = stage.name('t')
  await stage.createTopic(topic, { partitions: 2, replicas: [1, 2] })
  const topics = [{ name: topic, partitionIndexes: [0] }]
  const end = (label: string) => {
    const partitions = [{ partitionIndex: 0, timestamp: -1n }]
    return stage.note(label, ListOffsets, 5, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions }],
    })
  }
  const mark = (label: string, marker: Partial<Marker> = {}) =>
    stage.ask(label, request(version, { topics, ...marker }))
  return { topic, topics, end, mark }
}

export const writeTxnMarkers = conformance(WriteTxnMarkers, {
  async valid(stage, version) {
    const { topics, end, mark } = await bed(stage, version)
    await mark('commits')
    await end('one marker')
    await mark('aborts', { committed: false })
    await mark('in the next epoch', { producerEpoch: 4 })
    await mark('of a later coordinator', { producerEpoch: 4, coordinatorEpoch: 6 })
    await end('four markers')
    await stage.note('its epoch', DescribeProducers, 0, {
      topics: [...topics].map((each) => ({ ...each, partitionIndexes: [0] })),
    })
    await stage.ask('two', request(version, { topics, producerId: 900n }, { topics, producerId: 901n }))
    await stage.ask('none', { markers: [] })
    if (version < 2) return
    for (const transactionVersion of [1, 2])
      await mark(`transactions of version ${transactionVersion}`, { producerId: 950n, transactionVersion })
    await end('eight markers')
  },
  async invalid(stage, version) {
    const { topic, mark } = await bed(stage, version)
    await mark('no producer', { producerId: -1n })
    await mark('no epoch', { producerEpoch: -1 })
    await mark('no topics', { topics: [] })
    await mark('no partitions', { topics: [{ name: topic, partitionIndexes: [] }] })
    if (version >= 2) await mark('no version', { transactionVersion: -1 })
  },
  async wrongState(stage, version) {
    const { topic, topics, end, mark } = await bed(stage, version)
    await mark('commits', { coordinatorEpoch: 5 })
    await mark('an earlier epoch', { producerEpoch: 1, coordinatorEpoch: 5 })
    await mark('an earlier coordinator', { coordinatorEpoch: 4 })
    await end('one marker')
    const unknown = [
      ...topics,
      { name: topic, partitionIndexes: [9] },
      { name: stage.name('no'), partitionIndexes: [0] },
    ]
    await mark('unknown partitions', { topics: unknown, coordinatorEpoch: 5 })
    await stage.ask('not the leader', request(version, { topics }), { on: await stage.open({ broker: 2 }) })
    await stage.ask('no replica', request(version, { topics }), { on: await stage.open({ broker: 3 }) })
  },
})
