import { IncrementalAlterConfigs, Produce, ShareAcknowledge, ShareFetch } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import {
  availableRecords,
  join,
  leave,
  type Member,
  partitionOf,
  produce,
  someRecords,
  type Topics,
} from '../share-setup.ts'
import type { Stage } from '../stage.ts'
import { addPartitions, begin, end } from '../transactions.ts'

const values = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `v${from + index}`)

interface Reader extends Member {
  readonly name: string
  readonly topicId: string
  readonly topics: Topics
}

/** A member of a group with its own configs and without a session. */
async function readerOf(stage: Stage, configs: Readonly<Record<string, string>>): Promise<Reader> {
  const resourceName = stage.name('cg')
  const entries = Object.entries({ 'share.auto.offset.reset': 'earliest', ...configs })
  const changes = entries.map(([name, value]) => ({ name, configOperation: 0, value }))
  const resources = [{ resourceType: 32, resourceName, configs: changes }]
  const { responses } = await stage.do(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
  if (responses[0]?.errorCode !== 0) throw new Error(`Setting configs failed: ${responses[0]?.errorMessage}`)
  const name = stage.name('ct')
  await stage.createTopic(name)
  const topicId = await stage.topicId(name)
  const member = await join(stage, resourceName, [name])
  return { ...member, name, topicId, topics: [{ topicId, partitions: [partitionOf(0)] }] }
}

/** Repeated deliveries of records that are released each time. */
async function deliver(stage: Stage, reader: Reader, rounds: number): Promise<void> {
  const { groupId, memberId, topicId, topics } = reader
  let shareSessionEpoch = 0
  for (let round = 1; round <= rounds; round++) {
    const body = { ...someRecords, maxWaitMs: 1_000, groupId, memberId, topics, forgottenTopicsData: [] }
    const response = await stage.note(`delivery ${round}`, ShareFetch, 1, { ...body, shareSessionEpoch })
    shareSessionEpoch++
    const acquired = response.responses[0]?.partitions[0]?.acquiredRecords ?? []
    if (acquired.length === 0) return
    const acks = acquired.map(({ firstOffset, lastOffset }): [number, number, number] => [
      Number(firstOffset),
      Number(lastOffset),
      2,
    ])
    const released = [{ topicId, partitions: [partitionOf(0, ...acks)] }]
    await stage.do(ShareAcknowledge, 1, { groupId, memberId, shareSessionEpoch, topics: released })
    shareSessionEpoch++
  }
}

export const shareFetchConfigs = conformance(ShareFetch, {
  async valid(stage, version) {
    const reader = await readerOf(stage, { 'share.isolation.level': 'read_committed' })
    const { groupId, memberId, name, topics } = reader
    await produce(stage, name, values(2))
    const transactionalId = stage.name('cx')
    const write = async (value: string, committed: boolean) => {
      const producer = await begin(stage, transactionalId)
      await addPartitions(stage, transactionalId, producer, name)
      const { producerId, producerEpoch } = producer
      const batch = batchOf([value, `${value}'`], { producerId, producerEpoch, baseSequence: 0, transactional: true })
      const partitionData = [{ index: 0, records: Buffer.from(batch) }]
      const topicData = [{ name, partitionData }]
      await stage.do(Produce, 9, { transactionalId, acks: -1, timeoutMs: 5_000, topicData })
      await end(stage, transactionalId, producer, committed)
    }
    await write('aborted', false)
    await write('committed', true)
    await produce(stage, name, values(1, 2))
    const body = { ...someRecords, groupId, memberId, topics, forgottenTopicsData: [] }
    // The ids of the producers differ between clusters.
    await stage.ask('what is committed', { ...body, shareSessionEpoch: 0 })
    await stage.ask('no more', { ...body, maxWaitMs: 100, shareSessionEpoch: 1 })
    await leave(stage, reader)
    if (version < 2) return
    const limited = { ...body, ...availableRecords, maxRecords: 2, shareAcquireMode: 1 }
    await stage.ask('ends the session', { ...body, topics: [], shareSessionEpoch: -1 })
    await join(stage, groupId, [name])
    await stage.ask('two records', { ...limited, maxWaitMs: 500, shareSessionEpoch: 0 })
    await stage.ask('two more', { ...limited, maxWaitMs: 500, shareSessionEpoch: 1 })
    await leave(stage, reader)
  },
  async wrongState(stage) {
    const reader = await readerOf(stage, { 'share.delivery.count.limit': '5' })
    await produce(stage, reader.name, values(8))
    await deliver(stage, reader, 24)
    await leave(stage, reader)
  },
  async invalid(stage) {
    const reader = await readerOf(stage, {
      'share.delivery.count.limit': '2',
      'share.renew.acknowledge.enable': 'false',
    })
    const { groupId, memberId, name, topics, topicId } = reader
    await produce(stage, name, values(3))
    await produce(stage, name, values(3))
    await deliver(stage, reader, 4)
    await produce(stage, name, values(1))
    const body = { ...someRecords, groupId, memberId, topics, forgottenTopicsData: [], shareSessionEpoch: 0 }
    await stage.ask('acquires', body)
    const renewal = [{ topicId, partitions: [partitionOf(0, [6, 6, 4])] }]
    const renews = { groupId, memberId, shareSessionEpoch: 1, topics: renewal, isRenewAck: true }
    await stage.note('must not renew', ShareAcknowledge, 2, renews)
    await leave(stage, reader)
  },
})
