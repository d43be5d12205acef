import {
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  DescribeConfigs,
  DescribeTopicPartitions,
  ElectLeaders,
  errorCode,
  Fetch,
  IncrementalAlterConfigs,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetForLeaderEpoch,
  Produce,
  zeroUuid,
} from '@ottla/codec'
import { batchOf } from '../support/batches.ts'
import { Wire } from '../support/wire.ts'
import { type Line, Recorder } from './recorder.ts'

const STRANGE_ID = 'BBBBBBBBBBBBBBBBBBBBBA'
const timeoutMs = 10_000
const TOPIC = 2
const BROKER = 4

/** Valid and invalid requests about topics and records on broker 1, in all versions. */
export class TopicScript {
  readonly #recorder = new Recorder(['host', 'port', 'brokers', 'clusterId', 'controllerId', 'nodeEndpoints'])
  readonly #run: string
  readonly #wire: Wire
  readonly #t: string
  #id = ''

  private constructor(wire: Wire, run: string) {
    this.#wire = wire
    this.#run = run
    this.#t = `${run}-t`
    this.#recorder.rename(run, 'run')
    for (const count of [1, 3]) this.#recorder.rename(`only ${count} broker(s)`, 'only N broker(s)')
  }

  /** `bootstrap` is the address of broker 1. */
  static async play(bootstrap: string, run: string): Promise<readonly Line[]> {
    const wire = await Wire.open(bootstrap)
    const script = new TopicScript(wire, run)
    try {
      await script.#createTopics()
      await script.#produce()
      await script.#fetch()
      await script.#offsets()
      await script.#configs()
      await script.#partitions()
      await script.#deleteTopics()
      return script.#recorder.lines
    } finally {
      wire.close()
    }
  }

  async #note(step: string, response: Promise<unknown>): Promise<void> {
    this.#recorder.note(step, await response.catch((error: Error) => ({ rejected: error.message })))
  }

  #topic(name: string, more: object = {}) {
    return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more }
  }

  async #createTopics(): Promise<void> {
    const wire = this.#wire
    const placed = {
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [0, 1].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] })),
    }
    const created = await wire.request(CreateTopics, 7, { topics: [this.#topic(this.#t, placed)], timeoutMs })
    this.#id = this.#recorder.call(created.topics[0]?.topicId ?? '', 'topic id')
    await this.#known(this.#t)
    const wrong = [
      this.#topic(this.#t),
      this.#topic('bad name'),
      this.#topic(''),
      this.#topic('.'),
      this.#topic('x'.repeat(250)),
      this.#topic(`${this.#run}-none`, { numPartitions: 0 }),
      this.#topic(`${this.#run}-many`, { replicationFactor: 99 }),
      this.#topic(`${this.#run}-zero`, { replicationFactor: 0 }),
      this.#topic(`${this.#run}-both`, { assignments: placed.assignments }),
      this.#topic(`${this.#run}-gap`, { ...placed, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
      this.#topic(`${this.#run}-where`, { ...placed, assignments: [{ partitionIndex: 0, brokerIds: [77] }] }),
      this.#topic(`${this.#run}-twice`, { ...placed, assignments: [{ partitionIndex: 0, brokerIds: [1, 1] }] }),
      this.#topic(`${this.#run}-config`, { configs: [{ name: 'no.such.config', value: '1' }] }),
      this.#topic(`${this.#run}-value`, { configs: [{ name: 'retention.ms', value: 'soon' }] }),
      this.#topic(`${this.#run}-null`, { configs: [{ name: 'retention.ms', value: null }] }),
    ]
    for (const version of [2, 4, 5, 7]) {
      for (const topic of wrong) {
        const request = wire.request(CreateTopics, version, { topics: [topic], timeoutMs })
        await this.#note(`CreateTopics v${version} ${topic.name.slice(0, 40).replace(this.#run, 'run')}`, request)
      }
    }
    const twice = [this.#topic(`${this.#run}-dup`), this.#topic(`${this.#run}-dup`)]
    await this.#note('CreateTopics, twice', wire.request(CreateTopics, 7, { topics: twice, timeoutMs }))
    const dry = { topics: [this.#topic(`${this.#run}-dry`)], timeoutMs, validateOnly: true }
    const { topics } = await wire.request(CreateTopics, 7, dry)
    await this.#note(
      'CreateTopics, dry',
      Promise.resolve(topics.map((topic) => ({ ...topic, topicId: '', configs: null }))),
    )
  }

  /** Waits for a new topic in the broker's metadata. */
  async #known(name: string): Promise<void> {
    for (let i = 0; i < 500; i++) {
      const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp: -1n }] }]
      const response = await this.#wire.request(ListOffsets, 1, { replicaId: -1, topics })
      if (response.topics[0]?.partitions[0]?.errorCode === 0) return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`Topic '${name}' is not available`)
  }

  async #produce(): Promise<void> {
    const batch = (...values: string[]) => batchOf(values, { timestamp: 1_700_000_000_000 })
    const send = (version: number, name: string, index: number, records: Uint8Array | null, acks = -1) => {
      const topicId = name === this.#t ? this.#id : STRANGE_ID
      const partitionData = [{ index, records }]
      return this.#wire.request(Produce, version, { acks, timeoutMs, topicData: [{ name, topicId, partitionData }] })
    }
    for (const version of [3, 5, 7, 8, 9, 10, 11, 12, 13]) {
      await this.#note(`Produce v${version}`, send(version, this.#t, 0, batch('a', 'b')))
      await this.#note(`Produce v${version}, no topic`, send(version, `${this.#run}-no`, 0, batch('a')))
      await this.#note(`Produce v${version}, no partition`, send(version, this.#t, 9, batch('a')))
    }
    const broken = batch('a', 'b')
    broken.set([0xff, 0xff], broken.length - 3)
    for (const version of [3, 8, 12]) {
      await this.#note(`Produce v${version}, corrupt`, send(version, this.#t, 0, broken))
      await this.#note(
        `Produce v${version}, two batches`,
        send(version, this.#t, 0, Buffer.concat([batch('a'), batch('b')])),
      )
      const control = batchOf(['a'], { timestamp: 1_700_000_000_000, control: true })
      await this.#note(`Produce v${version}, control`, send(version, this.#t, 0, control))
    }
    const producer = { producerId: 1_000_000n, producerEpoch: 0 }
    const exact = (baseSequence: number, producerEpoch = 0) =>
      send(12, this.#t, 1, batchOf(['s'], { timestamp: 1_700_000_000_000, ...producer, producerEpoch, baseSequence }))
    for (const sequence of [5, 6, 6, 8, 7, 5]) await this.#note(`Produce, sequence ${sequence}`, exact(sequence))
    await this.#note('Produce, new epoch, not from zero', exact(3, 1))
    await this.#note('Produce, new epoch', exact(0, 1))
    await this.#note('Produce, old epoch', exact(8, 0))
  }

  async #fetch(): Promise<void> {
    const fetch = (version: number, name: string, partition: number, fetchOffset: bigint, more: object = {}) => {
      const topicId = name === this.#t ? this.#id : STRANGE_ID
      const partitions = [{ partition, fetchOffset, partitionMaxBytes: 200, ...more }]
      const topics = [{ topic: name, topicId, partitions }]
      const forgotten = version >= 7 && { forgottenTopicsData: [] }
      return this.#wire.request(Fetch, version, { maxWaitMs: 1, minBytes: 1, maxBytes: 200, topics, ...forgotten })
    }
    for (const version of [4, 5, 7, 9, 11, 12, 13, 15, 16, 17]) {
      await this.#note(`Fetch v${version}`, fetch(version, this.#t, 0, 1n))
      await this.#note(`Fetch v${version}, at the end`, fetch(version, this.#t, 0, 18n))
      await this.#note(`Fetch v${version}, beyond`, fetch(version, this.#t, 0, 1000n))
      await this.#note(`Fetch v${version}, no topic`, fetch(version, `${this.#run}-no`, 0, 0n))
      await this.#note(`Fetch v${version}, no partition`, fetch(version, this.#t, 9, 0n))
    }
    await this.#note('Fetch, later epoch', fetch(12, this.#t, 0, 0n, { currentLeaderEpoch: 9 }))
    await this.#note('Fetch, diverged', fetch(12, this.#t, 0, 2n, { currentLeaderEpoch: 0, lastFetchedEpoch: 3 }))
    const topics: never[] = []
    const session = { maxWaitMs: 1, minBytes: 1, topics, forgottenTopicsData: [] }
    await this.#note('Fetch, no session', this.#wire.request(Fetch, 12, { ...session, sessionId: 77, sessionEpoch: 1 }))
  }

  async #offsets(): Promise<void> {
    const wire = this.#wire
    const at = (timestamp: bigint, partitionIndex = 0) => ({ partitionIndex, timestamp })
    const list = (version: number, name: string, partitions: { partitionIndex: number; timestamp: bigint }[]) => {
      const isolated = version >= 2 && { isolationLevel: 0 }
      const timed = version >= 10 && { timeoutMs }
      return wire.request(ListOffsets, version, {
        replicaId: -1,
        topics: [{ name, partitions }],
        ...isolated,
        ...timed,
      })
    }
    for (const version of [1, 2, 4, 6, 7, 8, 9, 10, 11]) {
      for (const timestamp of [-1n, -2n, -3n, -4n, -5n, -6n, 0n, 1_700_000_000_000n, 1_700_000_000_001n]) {
        await this.#note(`ListOffsets v${version} ${timestamp}`, list(version, this.#t, [at(timestamp)]))
      }
      await this.#note(`ListOffsets v${version}, unknown`, list(version, `${this.#run}-no`, [at(-1n)]))
      await this.#note(`ListOffsets v${version}, no partition`, list(version, this.#t, [at(-1n, 9)]))
    }
    const epochs = (version: number, topic: string, partition: number, leaderEpoch: number, current = -1) => {
      const partitions = [{ partition, leaderEpoch, currentLeaderEpoch: current }]
      return wire.request(OffsetForLeaderEpoch, version, { topics: [{ topic, partitions }] })
    }
    for (const version of [2, 3, 4]) {
      for (const epoch of [-1, 0, 1])
        await this.#note(`OffsetForLeaderEpoch v${version} ${epoch}`, epochs(version, this.#t, 0, epoch))
      await this.#note(`OffsetForLeaderEpoch v${version}, later`, epochs(version, this.#t, 0, 0, 5))
      await this.#note(`OffsetForLeaderEpoch v${version}, no topic`, epochs(version, `${this.#run}-no`, 0, 0))
    }
    const remove = (version: number, name: string, partitionIndex: number, offset: bigint) =>
      wire.request(DeleteRecords, version, { timeoutMs, topics: [{ name, partitions: [{ partitionIndex, offset }] }] })
    for (const version of [0, 1, 2]) {
      await this.#note(`DeleteRecords v${version}, beyond`, remove(version, this.#t, 0, 1000n))
      await this.#note(`DeleteRecords v${version}, negative`, remove(version, this.#t, 0, -2n))
      await this.#note(`DeleteRecords v${version}, no topic`, remove(version, `${this.#run}-no`, 0, 0n))
      await this.#note(`DeleteRecords v${version}`, remove(version, this.#t, 0, BigInt(2 + version)))
      await this.#note(`DeleteRecords v${version}, again`, remove(version, this.#t, 0, 1n))
    }
    await this.#note('ListOffsets, after', list(7, this.#t, [at(-2n)]))
    await this.#note(
      'InitProducerId, bad timeout',
      wire.request(InitProducerId, 4, { transactionalId: '', transactionTimeoutMs: 1 }),
    )
    for (const version of [0, 2, 4, 5]) {
      const response = await this.#producerId(version)
      await this.#note(`InitProducerId v${version}`, Promise.resolve({ ...response, producerId: null }))
    }
  }

  /** Retries until the broker has a block of producer ids, which it lacks after a start. */
  async #producerId(version: number) {
    for (;;) {
      const body = { transactionalId: null, transactionTimeoutMs: 1000 }
      const response = await this.#wire.request(InitProducerId, version, body)
      if (response.errorCode !== errorCode('COORDINATOR_LOAD_IN_PROGRESS')) return response
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async #configs(): Promise<void> {
    const describe = (version: number, resourceType: number, resourceName: string, configurationKeys: string[]) => {
      const resources = [{ resourceType, resourceName, configurationKeys }]
      return this.#wire.request(DescribeConfigs, version, { resources, includeSynonyms: true })
    }
    const names = ['retention.ms', 'cleanup.policy', 'max.message.bytes', 'no.such.config']
    for (const version of [1, 2, 3, 4]) {
      await this.#note(`DescribeConfigs v${version}`, describe(version, TOPIC, this.#t, names))
      await this.#note(`DescribeConfigs v${version}, no topic`, describe(version, TOPIC, `${this.#run}-no`, names))
      await this.#note(`DescribeConfigs v${version}, no broker`, describe(version, BROKER, '77', names))
    }
    const alter = (version: number, name: string, configs: [string, number, string | null][], resourceType = TOPIC) => {
      const changes = configs.map(([config, configOperation, value]) => ({ name: config, configOperation, value }))
      const resources = [{ resourceType, resourceName: name, configs: changes }]
      return this.#wire.request(IncrementalAlterConfigs, version, { resources, validateOnly: false })
    }
    for (const version of [0, 1]) {
      await this.#note(`IncrementalAlterConfigs v${version}`, alter(version, this.#t, [['retention.ms', 0, '1000']]))
      await this.#note(
        `IncrementalAlterConfigs v${version}, no topic`,
        alter(version, `${this.#run}-no`, [['retention.ms', 0, '1']]),
      )
      await this.#note(
        `IncrementalAlterConfigs v${version}, no config`,
        alter(version, this.#t, [['no.such.config', 0, '1']]),
      )
      await this.#note(
        `IncrementalAlterConfigs v${version}, bad value`,
        alter(version, this.#t, [['retention.ms', 0, 'soon']]),
      )
      await this.#note(
        `IncrementalAlterConfigs v${version}, append`,
        alter(version, this.#t, [['cleanup.policy', 2, 'compact']]),
      )
      await this.#note(
        `IncrementalAlterConfigs v${version}, append to one`,
        alter(version, this.#t, [['retention.ms', 2, '1']]),
      )
      await this.#note(
        `IncrementalAlterConfigs v${version}, subtract`,
        alter(version, this.#t, [['cleanup.policy', 3, 'compact']]),
      )
      await this.#note(
        `IncrementalAlterConfigs v${version}, twice`,
        alter(version, this.#t, [
          ['retention.ms', 0, '1'],
          ['retention.ms', 0, '2'],
        ]),
      )
    }
    await this.#settled(async () => {
      const { results } = await describe(4, TOPIC, this.#t, ['retention.ms'])
      return results[0]?.configs[0]?.value === '1000'
    })
    await this.#note('DescribeConfigs, changed', describe(4, TOPIC, this.#t, names))
    await this.#note('IncrementalAlterConfigs, delete', alter(1, this.#t, [['retention.ms', 1, null]]))
  }

  async #settled(isThere: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 500; i++) {
      if (await isThere()) return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('Timed out')
  }

  async #partitions(): Promise<void> {
    const wire = this.#wire
    const create = (
      version: number,
      name: string,
      count: number,
      assignments: { brokerIds: number[] }[] | null = null,
    ) =>
      wire.request(CreatePartitions, version, {
        topics: [{ name, count, assignments }],
        timeoutMs,
        validateOnly: false,
      })
    for (const version of [0, 1, 2, 3]) {
      await this.#note(`CreatePartitions v${version}, as many`, create(version, this.#t, 2))
      await this.#note(`CreatePartitions v${version}, fewer`, create(version, this.#t, 1))
      await this.#note(`CreatePartitions v${version}, none`, create(version, this.#t, 0))
      await this.#note(`CreatePartitions v${version}, no topic`, create(version, `${this.#run}-no`, 3))
      await this.#note(`CreatePartitions v${version}, no broker`, create(version, this.#t, 3, [{ brokerIds: [77] }]))
      await this.#note(`CreatePartitions v${version}, too few`, create(version, this.#t, 4, [{ brokerIds: [1] }]))
    }
    await this.#note('CreatePartitions', create(3, this.#t, 3, [{ brokerIds: [1] }]))
    const elect = (version: number, topic: string, partition: number) =>
      wire.request(ElectLeaders, version, {
        ...(version >= 1 && { electionType: 0 }),
        topicPartitions: [{ topic, partitions: [partition] }],
        timeoutMs,
      })
    for (const version of [0, 1, 2]) {
      await this.#note(`ElectLeaders v${version}`, elect(version, this.#t, 0))
      await this.#note(`ElectLeaders v${version}, no topic`, elect(version, `${this.#run}-no`, 0))
      await this.#note(`ElectLeaders v${version}, no partition`, elect(version, this.#t, 9))
    }
    await this.#known(this.#t)
    for (const version of [0, 1, 4, 5, 7, 8, 9, 10, 11, 12, 13]) {
      const flags = {
        ...(version >= 4 && { allowAutoTopicCreation: false }),
        ...(version >= 8 && { includeTopicAuthorizedOperations: true }),
        ...(version >= 8 && version <= 10 && { includeClusterAuthorizedOperations: true }),
      }
      const named = (name: string | null, topicId = zeroUuid) => [version >= 10 ? { name, topicId } : { name }]
      const ask = (topics: ReturnType<typeof named>) => wire.request(Metadata, version, { topics, ...flags })
      if (version >= 4) await this.#note(`Metadata v${version}, no topic`, ask(named(`${this.#run}-no`)))
      if (version >= 4) await this.#note(`Metadata v${version}, bad name`, ask(named('bad name')))
      if (version >= 12) await this.#note(`Metadata v${version}, no id`, ask(named(null, STRANGE_ID)))
      if (version >= 12) await this.#note(`Metadata v${version}, by id`, ask(named(null, this.#id)))
      await this.#note(`Metadata v${version}`, ask(named(this.#t)))
    }
    const cursor = { topicName: this.#t, partitionIndex: 1 }
    const asked = [{ name: this.#t }, { name: `${this.#run}-no` }]
    await this.#note('DescribeTopicPartitions', wire.request(DescribeTopicPartitions, 0, { topics: asked }))
    await this.#note(
      'DescribeTopicPartitions, from',
      wire.request(DescribeTopicPartitions, 0, { topics: asked, cursor }),
    )
    await this.#note(
      'DescribeTopicPartitions, one',
      wire.request(DescribeTopicPartitions, 0, { topics: asked, responsePartitionLimit: 1 }),
    )
  }

  async #deleteTopics(): Promise<void> {
    const wire = this.#wire
    for (const version of [1, 3, 4, 5]) {
      const topicNames = [`${this.#run}-no`]
      await this.#note(
        `DeleteTopics v${version}, no topic`,
        wire.request(DeleteTopics, version, { topicNames, timeoutMs }),
      )
    }
    const remove = (topics: { name: string | null; topicId: string }[]) =>
      wire.request(DeleteTopics, 6, { topics, timeoutMs })
    await this.#note('DeleteTopics, no name', remove([{ name: `${this.#run}-no`, topicId: zeroUuid }]))
    await this.#note('DeleteTopics, no id', remove([{ name: null, topicId: STRANGE_ID }]))
    await this.#note('DeleteTopics, both', remove([{ name: this.#t, topicId: this.#id }]))
    await this.#note('DeleteTopics, neither', remove([{ name: null, topicId: zeroUuid }]))
    await this.#note('DeleteTopics', remove([{ name: null, topicId: this.#id }]))
  }
}
