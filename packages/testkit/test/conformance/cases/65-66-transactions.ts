import { DescribeTransactions, ListTransactions } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { abandon, addPartitions, begin, end } from '../transactions.ts'

export const describeTransactions = conformance(DescribeTransactions, {
  async valid(stage) {
    const [topic, transactionalId] = [stage.name('t'), stage.name('id')]
    await stage.createTopic(topic, { partitions: 2 })
    const producer = await begin(stage, transactionalId)
    const on = producer.coordinator
    await stage.ask('empty', { transactionalIds: [transactionalId] }, { on })
    await addPartitions(stage, transactionalId, producer, topic, [0, 1])
    // In hash table order.
    stage.drop('partitions')
    const { transactionStates } = await stage.ask('open', { transactionalIds: [transactionalId] }, { on })
    stage.saw('partitions of it', [...(transactionStates[0]?.topics[0]?.partitions ?? [])].sort())
    await end(stage, transactionalId, producer, true)
    await stage.ask('ended', { transactionalIds: [transactionalId, transactionalId] }, { on })
    await stage.ask('none', { transactionalIds: [] }, { on })
  },
  async invalid(stage) {
    await stage.ask('no id', { transactionalIds: [''] })
  },
  async wrongState(stage) {
    const transactionalId = stage.name('id')
    const { coordinator: on } = await begin(stage, transactionalId)
    const id = await stage.coordinatorId(transactionalId, 'transaction')
    const unknown = stage.name('no')
    const its = await stage.coordinator(unknown, 'transaction')
    await stage.ask('unknown', { transactionalIds: [unknown] }, { on: its })
    await stage.ask(
      'not the coordinator',
      { transactionalIds: [transactionalId] },
      { on: await stage.open({ broker: (id % 3) + 1 }) },
    )
    await stage.ask('known', { transactionalIds: [transactionalId] }, { on })
  },
})

interface Filter {
  readonly producerIds: readonly bigint[]
  readonly states?: readonly string[]
  readonly durationMs?: bigint
  readonly pattern?: string | null
}

const request = (version: number, { producerIds, states = [], durationMs = -1n, pattern = null }: Filter) => ({
  stateFilters: [...states],
  producerIdFilters: [...producerIds],
  ...(version >= 1 && { durationFilter: durationMs }),
  ...(version >= 2 && { transactionalIdPattern: pattern }),
})

async function open(stage: Stage<typeof ListTransactions>) {
  const [topic, transactionalId] = [stage.name('t'), stage.name('id')]
  await stage.createTopic(topic)
  const producer = await begin(stage, transactionalId)
  await addPartitions(stage, transactionalId, producer, topic)
  return { transactionalId, producerIds: [producer.producerId], on: producer.coordinator }
}

export const listTransactions = conformance(ListTransactions, {
  async valid(stage, version) {
    const { transactionalId, producerIds, on } = await open(stage)
    const ask = (label: string, more: Omit<Filter, 'producerIds'> = {}) =>
      stage.ask(label, request(version, { producerIds, ...more }), { on })
    await ask('all of it')
    await ask('open', { states: ['Ongoing'] })
    await ask('ended', { states: ['CompleteCommit', 'Empty'] })
    if (version >= 1) await ask('for long', { durationMs: 1_000_000n })
    if (version >= 1) await ask('for any time', { durationMs: 0n })
    if (version >= 2) {
      for (const pattern of [
        transactionalId,
        transactionalId.slice(0, -1),
        '.*id',
        '^.*\\w$',
        '(?i).*ID',
        '(?P<n>.*id)',
        '',
      ]) {
        await ask(
          `like ${pattern.replace(transactionalId, 'it')}`.replace(transactionalId.slice(0, -1), 'it less one'),
          { pattern },
        )
      }
    }
    await abandon(stage, transactionalId)
    await ask('given up')
  },
  async invalid(stage, version) {
    const producerIds = [1n << 60n]
    await stage.ask('no such state', request(version, { producerIds, states: ['ongoing'] }))
    await stage.ask(
      'some of the states',
      request(version, { producerIds, states: ['Nope', 'Empty', 'Dead', 'PrepareEpochFence'] }),
    )
    if (version < 2) return
    for (const pattern of ['[', '(', 'a{2,1}', '*', '(?=a)', '(a)\\1', 'x**', 'a)']) {
      await stage.ask(`not a pattern: ${pattern}`, request(version, { producerIds, pattern }))
    }
  },
  async wrongState(stage, version) {
    const { transactionalId, producerIds, on } = await open(stage)
    await stage.ask('another producer', request(version, { producerIds: [1n << 60n] }), { on })
    const id = await stage.coordinatorId(transactionalId, 'transaction')
    await stage.ask('not here', request(version, { producerIds }), { on: await stage.open({ broker: (id % 3) + 1 }) })
    await abandon(stage, transactionalId)
  },
})
