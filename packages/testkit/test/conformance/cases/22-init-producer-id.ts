import { InitProducerId } from '@ottla/codec'
import type { Wire } from '../../support/wire.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { abandon, addPartitions, atRest, begin, isTransient, type Producer } from '../transactions.ts'

type InitStage = Stage<typeof InitProducerId>

interface Asked {
  readonly transactionalId?: string | null
  readonly transactionTimeoutMs?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
}

const request = (version: number, asked: Asked = {}) => {
  const { transactionalId = null, transactionTimeoutMs = 60_000, producerId = -1n, producerEpoch = -1 } = asked
  return { transactionalId, transactionTimeoutMs, ...(version >= 3 && { producerId, producerEpoch }) }
}

/** Transient: a starting broker has no ids yet, or the coordinator is loading. */
async function ready(stage: InitStage): Promise<void> {
  await stage.until('ids of producers', async () => {
    const { errorCode } = await stage.do(InitProducerId, 4, request(4))
    return !isTransient(errorCode)
  })
}

const again = (stage: InitStage, label: string, version: number, { on, ...asked }: Asked & { readonly on: Wire }) =>
  stage.ask(label, request(version, asked), { on })

export const initProducerId = conformance(InitProducerId, {
  async valid(stage, version) {
    await ready(stage)
    await stage.ask('without a transaction', request(version))
    await stage.ask('another', request(version))
    const transactionalId = stage.name('x')
    const { coordinator: on, ...first } = await begin(stage, transactionalId)
    await again(stage, 'once more', version, { on, transactionalId })
    await again(stage, 'with another timeout', version, { on, transactionalId, transactionTimeoutMs: 1000 })
    if (version >= 3) {
      const { producerId } = first
      await again(stage, 'the epoch that is', version, { on, transactionalId, producerId, producerEpoch: 2 })
      await again(stage, 'the same again, because the response was lost', version, {
        on,
        transactionalId,
        producerId,
        producerEpoch: 2,
      })
      await stage.ask('an id without a transaction', request(version, { producerId: 7n, producerEpoch: 3 }))
    }
  },
  async invalid(stage, version) {
    await ready(stage)
    const transactionalId = stage.name('x')
    const { coordinator: on } = await begin(stage, transactionalId)
    const timed = (label: string, transactionTimeoutMs: number) =>
      again(stage, label, version, { on, transactionalId, transactionTimeoutMs })
    await stage.ask('an empty transactional id', request(version, { transactionalId: '' }))
    await timed('no timeout', 0)
    await timed('a timeout below 0', -1)
    await timed('a long timeout', 2_000_000_000)
    await stage.ask('a timeout below 0, without a transaction', request(version, { transactionTimeoutMs: -1 }))
    if (version < 3) return
    await again(stage, 'an id without an epoch', version, { on, transactionalId, producerId: 1n })
    await again(stage, 'an epoch without an id', version, { on, transactionalId, producerEpoch: 1 })
    await again(stage, 'an id below that', version, { on, transactionalId, producerId: -2n, producerEpoch: 0 })
    await stage.ask('an id without an epoch, without a transaction', request(version, { producerId: 1n }))
  },
  async wrongState(stage, version) {
    await ready(stage)
    const transactionalId = stage.name('x')
    const coordinatorId = await stage.coordinatorId(transactionalId, 'transaction')
    const elsewhere = await stage.open({ broker: (coordinatorId % 3) + 1 })
    await again(stage, 'another broker coordinates', version, { on: elsewhere, transactionalId })
    const producer = await begin(stage, transactionalId)
    const on = producer.coordinator
    if (version >= 3) await fenced(stage, version, transactionalId, producer)
    const now = await begin(stage, transactionalId)
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await addPartitions(stage, transactionalId, now, topic)
    await again(stage, 'a transaction is open', version, { on, transactionalId })
    await atRest(stage, transactionalId, on)
    await again(stage, 'it was ended', version, { on, transactionalId })
    await abandon(stage, transactionalId)
  },
})

async function fenced(stage: InitStage, version: number, transactionalId: string, producer: Producer): Promise<void> {
  const { coordinator: on, producerId } = producer
  const { producerEpoch } = await begin(stage, transactionalId)
  const asked = (label: string, more: Asked) =>
    again(stage, label, version, { on, transactionalId, producerId, ...more })
  await asked('an old epoch', { producerEpoch: producerEpoch - 1 })
  await asked('an epoch to come', { producerEpoch: producerEpoch + 5 })
  await asked('the id of another', { producerId: producerId + 1_000_000n, producerEpoch })
  const unknown = stage.name('unknown')
  const coordinator = await stage.coordinator(unknown, 'transaction')
  await again(stage, 'an unused id', version, {
    on: coordinator,
    transactionalId: unknown,
    producerId: 12n,
    producerEpoch: 0,
  })
}
