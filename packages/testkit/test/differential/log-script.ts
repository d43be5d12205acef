import {
  CreateTopics,
  DeleteRecords,
  DescribeLogDirs,
  errorOf,
  Fetch,
  IncrementalAlterConfigs,
  ListOffsets,
  Produce,
  WriteTxnMarkers,
} from '@ottla/codec'
import { BatchWriter, type RecordBatch, RecordBatchReader } from '@ottla/codec/records'
import { Wire } from '../support/wire.ts'
import { type Line, Recorder } from './recorder.ts'

type Configs = Readonly<Record<string, string | number>>
type KeyValue = readonly [key: string, value: string | null]

interface Producer {
  readonly producerId: bigint
  readonly baseSequence: number
}

/** Runs retention and compaction. `look` returns the current content. */
export type Upkeep = (look: () => Promise<string>) => Promise<void>

/** Ages of batches in seconds, and the configs that are set afterwards. */
const retained: readonly (readonly [name: string, ages: readonly number[], configs: Configs])[] = [
  ['two are old', [100, 90, 1, 0], { 'retention.ms': 50_000 }],
  ['a young one between', [100, 1, 90, 0], { 'retention.ms': 50_000 }],
  ['all are old', [100, 90, 80], { 'retention.ms': 50_000 }],
  ['the first is of the future', [-1000, 100, 90], { 'retention.ms': 50_000 }],
  ['just too many bytes', [100, 90, 80, 70], { 'retention.bytes': 343 }],
  ['as many bytes as may be', [100, 90, 80, 70], { 'retention.bytes': 344 }],
  ['no bytes', [100, 90, 80, 70], { 'retention.bytes': 0 }],
  ['one byte', [100, 90, 80, 70], { 'retention.bytes': 1 }],
  ['no time', [100, 90, 0], { 'retention.ms': 0 }],
  ['compacted and deleted', [100, 90, 0], { 'retention.ms': 50_000, 'cleanup.policy': 'compact,delete' }],
  ['compacted only', [100, 90, 0], { 'retention.ms': 50_000, 'cleanup.policy': 'compact' }],
]

type Fill = (script: LogScript, topic: string) => Promise<void>

const compacted: readonly (readonly [name: string, fill: Fill, configs?: Configs])[] = [
  [
    'two keys',
    async (script, topic) => {
      for (let n = 0; n < 6; n++) await script.produce(topic, [[`k${n % 2}`, `${n}`]], 100 - n * 5)
    },
  ],
  [
    'batches of three',
    async (script, topic) => {
      for (let n = 0; n < 4; n++) {
        const records: KeyValue[] = ['a', 'b', `c${n}`].map((key) => [key, `${n}`])
        await script.produce(topic, records, 100 - n * 5)
      }
    },
  ],
  ['tombstones', (script, topic) => script.bury(topic)],
  ['tombstones that need not stay', (script, topic) => script.bury(topic), { 'delete.retention.ms': 0 }],
  [
    'the last batch of a producer',
    async (script, topic) => {
      for (let n = 0; n < 5; n++) {
        await script.produce(topic, [['a', `${n}`]], 100 - n * 5, { producerId: 5000n, baseSequence: n })
      }
      await script.produce(topic, [['a', 'last']], 60)
      await script.produce(topic, [['q', 'x']], 50)
    },
  ],
  [
    'the last batches of two producers',
    async (script, topic) => {
      const both = (value: string): KeyValue[] => ['a', 'b'].map((key) => [key, value])
      for (let n = 0; n < 4; n++) {
        const producer = { producerId: 6000n + BigInt(n % 2), baseSequence: Math.floor(n / 2) * 2 }
        await script.produce(topic, both(`${n}`), 100 - n * 5, producer)
      }
      await script.produce(topic, both('last'), 60)
      await script.produce(topic, [['q', 'x']], 50)
    },
  ],
  [
    'one segment that is written to',
    async (script, topic) => {
      await script.produce(topic, [['a', '1']], 100)
      for (const key of ['a', 'b']) await script.produce(topic, [[key, '2']], 99.999)
    },
  ],
  ['markers', (script, topic) => script.end(topic)],
  ['markers that need not stay', (script, topic) => script.end(topic), { 'delete.retention.ms': 0 }],
]

const filler = 'x'.repeat(100)

/** Retention, DeleteRecords and compaction on logs of several segments, on a cluster of one broker. */
export class LogScript {
  readonly #recorder = new Recorder()
  readonly #wire: Wire
  readonly #nowMs: number

  private constructor(wire: Wire, nowMs: number) {
    this.#wire = wire
    this.#nowMs = nowMs
  }

  static async play(bootstrap: string, nowMs: number, upkeep: Upkeep): Promise<readonly Line[]> {
    const wire = await Wire.open(bootstrap)
    const script = new LogScript(wire, nowMs)
    try {
      await script.#retention(upkeep)
      await script.#deletion(upkeep)
      await script.#compaction(upkeep)
      return script.#recorder.lines
    } finally {
      wire.close()
    }
  }

  async #retention(upkeep: Upkeep): Promise<void> {
    for (const [name, ages, configs] of retained) {
      const topic = await this.#create(name)
      for (const [n, age] of ages.entries()) await this.produce(topic, [[`k${n}`, filler]], age)
      await this.#alter(topic, configs)
    }
    await this.#noteAll(
      'retention',
      retained.map(([name]) => name),
      (topic) => this.#bounds(topic),
      upkeep,
    )
  }

  async #deletion(upkeep: Upkeep): Promise<void> {
    const name = 'records are deleted'
    const topic = await this.#create(name)
    for (let n = 0; n < 5; n++)
      await this.produce(
        topic,
        [
          [`k${n}`, filler],
          [`l${n}`, filler],
        ],
        100 - n * 10,
      )
    for (const offset of [1n, 2n, 5n, 10n, -1n]) {
      const partitions = [{ partitionIndex: 0, offset }]
      const response = await this.#wire.request(DeleteRecords, 2, {
        topics: [{ name: topic, partitions }],
        timeoutMs: 5000,
      })
      this.#recorder.note(`up to ${offset}`, response.topics[0]?.partitions[0])
      await this.#noteAll(
        `up to ${offset}`,
        [name],
        async (at) => `${await this.#bounds(at)} ${await this.#log(at)}`,
        upkeep,
      )
      if (offset === 5n) await this.produce(topic, [['z', filler]], 0)
    }
  }

  async #compaction(upkeep: Upkeep): Promise<void> {
    const names = compacted.map(([name]) => name)
    for (const [name, fill, configs] of compacted) {
      const topic = await this.#create(name, configs)
      await fill(this, topic)
      await this.#alter(topic, { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0.01 })
    }
    await this.#noteAll('compacted', names, (topic) => this.#log(topic), upkeep)
    for (const name of names) {
      await this.produce(topicOf(name), [['later', filler]], -300)
      await this.produce(topicOf(name), [['later', filler]], -400)
    }
    await this.#noteAll('compacted again', names, (topic) => this.#log(topic), upkeep)
  }

  async bury(topic: string): Promise<void> {
    await this.produce(
      topic,
      [
        ['a', '1'],
        ['b', '1'],
      ],
      100,
    )
    await this.produce(topic, [['a', null]], 90)
    await this.produce(
      topic,
      [
        ['b', null],
        ['c', '1'],
      ],
      80,
    )
    await this.produce(topic, [['z', '1']], 70)
  }

  async end(topic: string): Promise<void> {
    await this.produce(topic, [['a', '1']], 100)
    await this.#mark(topic, 7000n, true)
    await this.produce(topic, [['a', '2']], 90)
    await this.#mark(topic, 7001n, false)
    // A marker has the time of its write, so the next records get a time far from it.
    await this.produce(topic, [['b', '1']], -100)
    await this.produce(topic, [['c', '1']], -200)
  }

  async produce(topic: string, records: readonly KeyValue[], ageS: number, producer?: Producer): Promise<void> {
    const writer = new BatchWriter()
    for (const [key, value] of records) writer.append(this.#nowMs - ageS * 1000, key, value, [])
    const { producerId = -1n, baseSequence = -1 } = producer ?? {}
    const bytes = writer.seal({ producerId, producerEpoch: producer === undefined ? -1 : 0, baseSequence })
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: bytes }] }]
    const body = { transactionalId: null, acks: -1, timeoutMs: 5000, topicData }
    const { responses } = await this.#wire.request(Produce, 9, body)
    refuse(responses[0]?.partitionResponses[0]?.errorCode)
  }

  async #mark(topic: string, producerId: bigint, transactionResult: boolean): Promise<void> {
    const topics = [{ name: topic, partitionIndexes: [0] }]
    const marker = { producerId, producerEpoch: 0, transactionResult, coordinatorEpoch: 0, topics }
    await this.#wire.request(WriteTxnMarkers, 1, { markers: [marker] })
  }

  async #noteAll(
    step: string,
    names: readonly string[],
    look: (topic: string) => Promise<string>,
    upkeep: Upkeep,
  ): Promise<void> {
    const all = async () => {
      const seen: string[] = []
      for (const name of names) seen.push(await look(topicOf(name)))
      return seen
    }
    await upkeep(async () => (await all()).join('\n'))
    for (const [n, seen] of (await all()).entries()) this.#recorder.note(`${step}: ${names[n]}`, seen)
  }

  /** Creates a topic in which a batch more than a second later starts a new segment. */
  async #create(name: string, more: Configs = {}): Promise<string> {
    const values = { 'segment.ms': 1000, 'retention.ms': -1, ...more }
    const configs = Object.entries(values).map(([key, value]) => ({ name: key, value: String(value) }))
    const assignments = [{ partitionIndex: 0, brokerIds: [1] }]
    const topic = { name: topicOf(name), numPartitions: -1, replicationFactor: -1, assignments, configs }
    const { topics } = await this.#wire.request(CreateTopics, 7, {
      topics: [topic],
      timeoutMs: 5000,
      validateOnly: false,
    })
    refuse(topics[0]?.errorCode)
    for (let n = 0; n < 1000 && (await this.#offset(topic.name, -1n)) < 0; n++);
    return topic.name
  }

  async #alter(topic: string, values: Configs): Promise<void> {
    const configs = Object.entries(values).map(([name, value]) => ({ name, configOperation: 0, value: String(value) }))
    const resources = [{ resourceType: 2, resourceName: topic, configs }]
    const { responses } = await this.#wire.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
    refuse(responses[0]?.errorCode)
  }

  async #offset(topic: string, timestamp: bigint): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp }]
    const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] }
    const { topics } = await this.#wire.request(ListOffsets, 5, body)
    return Number(topics[0]?.partitions[0]?.offset ?? -1n)
  }

  /** Log start offset, log end offset and size of the log. */
  async #bounds(topic: string): Promise<string> {
    const { results } = await this.#wire.request(DescribeLogDirs, 4, { topics: [{ topic, partitions: [0] }] })
    const size = results[0]?.topics[0]?.partitions[0]?.partitionSize
    return `${await this.#offset(topic, -2n)} to ${await this.#offset(topic, -1n)}, ${size} bytes`
  }

  /** All batches of the log. */
  async #log(topic: string): Promise<string> {
    const seen: string[] = []
    const end = await this.#offset(topic, -1n)
    let next = await this.#offset(topic, -2n)
    while (next < end) {
      const batches = await this.#fetch(topic, next)
      for (const batch of batches) seen.push(describeBatch(batch))
      const last = batches.at(-1)
      if (last === undefined) break
      next = Number(last.lastOffset) + 1
    }
    return seen.join(' ').replaceAll(filler, '…')
  }

  async #fetch(topic: string, fetchOffset: number): Promise<RecordBatch[]> {
    const partition = { partition: 0, fetchOffset: BigInt(fetchOffset), partitionMaxBytes: 1_000_000 }
    const session = { maxBytes: 1_000_000, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 }
    const body = { replicaId: -1, maxWaitMs: 100, minBytes: 1, ...session, rackId: '', forgottenTopicsData: [] }
    const { responses } = await this.#wire.request(Fetch, 11, { ...body, topics: [{ topic, partitions: [partition] }] })
    const reader = new RecordBatchReader(responses[0]?.partitions[0]?.records ?? new Uint8Array(0))
    const batches: RecordBatch[] = []
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) batches.push(batch)
    return batches
  }
}

const topicOf = (name: string) => name.replaceAll(' ', '-')

function refuse(code = -1): void {
  if (code !== 0) throw new Error(errorOf(code).name)
}

function describeBatch(batch: RecordBatch): string {
  const { baseOffset, lastOffset, recordCount, isControl, producerId, baseSequence } = batch
  const records: string[] = []
  const cursor = batch.records()
  while (!isControl && cursor.next()) {
    const { bytes, keyStart, keyLength, valueStart, valueLength } = cursor
    const text = (start: number, length: number) => Buffer.from(bytes.subarray(start, start + length)).toString()
    const value = valueLength < 0 ? 'null' : text(valueStart, valueLength)
    records.push(`${Number(baseOffset) + cursor.offsetDelta}:${text(keyStart, keyLength)}=${value}`)
  }
  const producer = producerId < 0n ? '' : ` by ${producerId} from ${baseSequence}`
  return `[${baseOffset}-${lastOffset}${producer}: ${isControl ? 'marker' : records.join(' ')}${recordCount === 0 ? 'empty' : ''}]`
}
