import { AddPartitionsToTxn, DescribeTransactions } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { abandon, begin } from '../transactions.ts'

type Version = Stage<typeof AddPartitionsToTxn>

interface Ask {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[]
  readonly verifyOnly?: boolean
}

/** A request about one transaction, of a client or of another broker. */
function request(version: number, ...asks: readonly Ask[]) {
  const [first] = asks
  if (version < 4 && first !== undefined) {
    return {
      v3AndBelowTransactionalId: first.transactionalId,
      v3AndBelowProducerId: first.producerId,
      v3AndBelowProducerEpoch: first.producerEpoch,
      v3AndBelowTopics: first.topics.map(({ name, partitions }) => ({ name, partitions: [...partitions] })),
    }
  }
  const transactions = asks.map((ask) => ({
    verifyOnly: false,
    ...ask,
    topics: ask.topics.map(({ name, partitions }) => ({ name, partitions: [...partitions] })),
  }))
  return { transactions }
}

async function bed(stage: Version) {
  const topic = stage.name('t')
  const transactionalId = stage.name('id')
  await stage.createTopic(topic, { partitions: 2 })
  const { coordinator, ...producer } = await begin(stage, transactionalId)
  const ask: Ask = { transactionalId, ...producer, topics: [{ name: topic, partitions: [0, 1] }] }
  return { topic, transactionalId, coordinator, ask }
}

export const addPartitionsToTxn = conformance(AddPartitionsToTxn, {
  async valid(stage, version) {
    // In hash table order.
    stage.drop('partitions')
    const { transactionalId, coordinator: on, ask, topic } = await bed(stage)
    await stage.ask('adds one', request(version, { ...ask, topics: [{ name: topic, partitions: [1] }] }), { on })
    await stage.note('takes part', DescribeTransactions, 0, { transactionalIds: [transactionalId] }, { on })
    await stage.ask('adds both', request(version, ask), { on })
    await stage.ask('again', request(version, ask), { on })
    await stage.note('take part', DescribeTransactions, 0, { transactionalIds: [transactionalId] }, { on })
    if (version >= 4) await stage.ask('are in', request(version, { ...ask, verifyOnly: true }), { on })
    await abandon(stage, transactionalId)
  },
  async invalid(stage, version) {
    const { coordinator: on, ask, topic } = await bed(stage)
    await stage.ask('no id', request(version, { ...ask, transactionalId: '' }), { on })
    await stage.ask('no topics', request(version, { ...ask, topics: [] }), { on })
    const topics = [
      { name: topic, partitions: [0, 9] },
      { name: stage.name('no'), partitions: [0] },
    ]
    await stage.ask('unknown partitions', request(version, { ...ask, topics }), { on })
  },
  async wrongState(stage, version) {
    const { transactionalId, coordinator: on, ask } = await bed(stage)
    const unknown = { ...ask, transactionalId: stage.name('no') }
    const its = await stage.coordinator(unknown.transactionalId, 'transaction')
    await stage.ask('unknown id', request(version, unknown), { on: its })
    await stage.ask('later epoch', request(version, { ...ask, producerEpoch: ask.producerEpoch + 1 }), { on })
    await stage.ask('another producer', request(version, { ...ask, producerId: 999_999_999n }), { on })
    if (version >= 4) {
      await stage.ask('not in', request(version, { ...ask, verifyOnly: true }), { on })
      await stage.ask('two', request(version, ask, { ...ask, producerEpoch: 9 }), { on })
    }
    await begin(stage, transactionalId)
    await stage.ask('fenced', request(version, ask), { on })
    const id = await stage.coordinatorId(transactionalId, 'transaction')
    const other = await stage.open({ broker: (id % 3) + 1 })
    await stage.ask('not the coordinator', request(version, ask), { on: other })
  },
})
