import { DeleteRecords, DeleteTopics, Fetch, Produce } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import type { Wire } from '../../support/wire.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { addPartitions, begin, end } from '../transactions.ts'

type FetchStage = Stage<typeof Fetch>

const strangeId = 'BBBBBBBBBBBBBBBBBBBBBA'
const timeoutMs = 10_000
const timestamp = Date.now()
/** The first version with sessions and a list of forgotten topics. */
const firstVersionOfSessions = 7

interface Wanted {
  readonly partition?: number
  readonly fetchOffset?: bigint
  readonly partitionMaxBytes?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
}

interface Head {
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly isolationLevel?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly replicaId?: number
}

interface Bed {
  readonly topic: string
  readonly topicId: string
}

const request = (version: number, { topic, topicId }: Bed, wanted: readonly Wanted[], head: Head = {}) => {
  const defaults = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20, currentLeaderEpoch: -1 }
  const partitions = wanted.map((each) => ({ ...defaults, lastFetchedEpoch: -1, ...each }))
  const topics = wanted.length === 0 ? [] : [{ topic, topicId, partitions }]
  const forgotten = version >= firstVersionOfSessions ? { forgottenTopicsData: [] } : {}
  return { maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, ...head, topics, ...forgotten }
}

async function bed(stage: FetchStage, hint: string, configs: Record<string, string> = {}): Promise<Bed> {
  const topic = stage.name(hint)
  await stage.createTopic(topic, { partitions: 2, configs })
  return { topic, topicId: await stage.topicId(topic) }
}

async function write(stage: FetchStage, topic: string, values: readonly string[], more: object = {}): Promise<void> {
  const { transactionalId = null, ...seal } = more as { transactionalId?: string }
  const partitionData = [{ index: 0, records: batchOf(values, { timestamp, ...seal }) }]
  const body = { transactionalId, acks: -1, timeoutMs, topicData: [{ name: topic, partitionData }] }
  const { responses } = await stage.do(Produce, 11, body)
  const code = responses[0]?.partitionResponses[0]?.errorCode
  if (code !== 0) throw new Error(`Produce failed with error ${code}`)
}

export const fetch = conformance(Fetch, {
  async valid(stage, version) {
    const at = await bed(stage, 't')
    const ask = (label: string, wanted: readonly Wanted[], head: Head = {}) =>
      stage.ask(label, request(version, at, wanted, head))
    await ask('of an empty log', [{}])
    for (const values of [['a', 'b'], ['c'], ['d', 'e', 'f']]) await write(stage, at.topic, values)
    await ask('from the start', [{}])
    await ask('from within a batch', [{ fetchOffset: 1n }])
    await ask('at the end', [{ fetchOffset: 6n }])
    await ask('two partitions', [{}, { partition: 1 }])
    await ask('one byte', [{ partitionMaxBytes: 1 }])
    await ask('one byte in all', [{}], { maxBytes: 1 })
    await ask('a batch and a half', [{ partitionMaxBytes: 120 }])
    await ask('waits until the timeout', [{ fetchOffset: 6n }], { maxWaitMs: 20, minBytes: 1 })
    await ask('with the epoch', [{ currentLeaderEpoch: 0 }])
    await rolled(stage, version)
    await committed(stage, version)
    if (version >= firstVersionOfSessions) await sessions(stage, version, at)
  },
  async invalid(stage, version) {
    const at = await bed(stage, 't')
    await write(stage, at.topic, ['a', 'b'])
    const ask = (label: string, wanted: readonly Wanted[], head: Head = {}) =>
      stage.ask(label, request(version, at, wanted, head))
    await ask('beyond the end', [{ fetchOffset: 3n }])
    await ask('a negative offset', [{ fetchOffset: -3n }])
    await ask('a negative partition', [{ partition: -1 }])
    await ask('a size of 0', [{ partitionMaxBytes: 0 }])
    await ask('the same twice', [{}, {}])
    await ask('nothing', [])
  },
  async wrongState(stage, version) {
    const at = await bed(stage, 't')
    await write(stage, at.topic, ['a', 'b'])
    const ask = (label: string, wanted: readonly Wanted[], head: Head = {}, on?: Wire) =>
      stage.ask(label, request(version, at, wanted, head), on && { on })
    await stage.ask('no such topic', request(version, { topic: stage.name('none'), topicId: strangeId }, [{}]))
    await ask('no such partition', [{ partition: 9 }])
    await ask('another broker leads', [{}], {}, await stage.open({ broker: 2 }))
    await ask('a later epoch', [{ currentLeaderEpoch: 9 }])
    if (version >= 12) {
      await ask('diverged', [{ fetchOffset: 1n, lastFetchedEpoch: 3 }])
      await ask('beyond the end, diverged', [{ fetchOffset: 9n, lastFetchedEpoch: 0 }])
    }
    if (version >= firstVersionOfSessions) {
      await ask('no such session', [], { sessionId: 77, sessionEpoch: 1 })
      const { sessionId } = await ask('a session', [{ fetchOffset: 2n }], { sessionEpoch: 0 })
      await ask('a wrong epoch of it', [], { sessionId, sessionEpoch: 5 })
      await ask('closes it', [], { sessionId, sessionEpoch: -1 })
      await ask('after it is closed', [], { sessionId, sessionEpoch: 1 })
    }
    const partitions = [{ partitionIndex: 0, offset: 1n }]
    await stage.do(DeleteRecords, 2, { topics: [{ name: at.topic, partitions }], timeoutMs })
    await ask('before the start', [{}])
    await stage.do(DeleteTopics, 5, { topicNames: [at.topic], timeoutMs })
    await stage.until('deleted', async () => (await stage.topicId(at.topic)) !== at.topicId)
    await ask('deleted', [{}])
  },
})

/** A read is limited to one segment, and a read in an older segment does not wait. */
async function rolled(stage: FetchStage, version: number): Promise<void> {
  const at = await bed(stage, 'rolled', { 'segment.ms': '60000' })
  for (const [index, value] of ['a', 'b', 'c'].entries()) {
    await write(stage, at.topic, [value], { timestamp: timestamp - (3 - index) * 3_600_000 })
  }
  const patient = { maxWaitMs: 5000, minBytes: 1_000_000 }
  await stage.ask('of an older segment', request(version, at, [{}], patient))
  await stage.ask('of the next', request(version, at, [{ fetchOffset: 1n }], patient))
}

/** Records of open, aborted and committed transactions. */
async function committed(stage: FetchStage, version: number): Promise<void> {
  const at = await bed(stage, 'txn')
  const transactionalId = stage.name('id')
  const producer = await begin(stage, transactionalId)
  const { producerId, producerEpoch } = producer
  const ask = (label: string, isolationLevel: number) =>
    stage.ask(label, request(version, at, [{}], { isolationLevel }))
  for (const [round, isCommitted] of [false, true].entries()) {
    await addPartitions(stage, transactionalId, producer, at.topic)
    const transactional = { producerId, producerEpoch, baseSequence: round, transactional: true, transactionalId }
    await write(stage, at.topic, ['in a transaction'], transactional)
    await ask(`round ${round}, open, committed only`, 1)
    await ask(`round ${round}, open`, 0)
    await end(stage, transactionalId, producer, isCommitted)
    await ask(`round ${round}, ended, committed only`, 1)
    await ask(`round ${round}, ended`, 0)
  }
}

/** Requests and responses contain only changes (KIP-227). */
async function sessions(stage: FetchStage, version: number, at: Bed): Promise<void> {
  const ask = (label: string, wanted: readonly Wanted[], head: Head) =>
    stage.ask(label, request(version, at, wanted, head))
  const both = [{ fetchOffset: 6n }, { partition: 1 }]
  const { sessionId } = await ask('begins a session', both, { sessionEpoch: 0 })
  await ask('nothing new', [], { sessionId, sessionEpoch: 1 })
  await write(stage, at.topic, ['g'])
  await ask('something new', [], { sessionId, sessionEpoch: 2 })
  await ask('continues in one session', [{ fetchOffset: 7n }], { sessionId, sessionEpoch: 3 })
  const forgottenTopicsData = [{ topic: at.topic, topicId: at.topicId, partitions: [0] }]
  await write(stage, at.topic, ['h'])
  const forget = { ...request(version, at, [], { sessionId, sessionEpoch: 4 }), forgottenTopicsData }
  await stage.ask('forgets one', forget)
  await ask('ends the session', [], { sessionId, sessionEpoch: -1 })
}
