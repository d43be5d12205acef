import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  CreateTopics,
  DescribeProducers,
  DescribeTransactions,
  decodeMessage,
  EndTxn,
  encodeMessage,
  Fetch,
  FindCoordinator,
  InitProducerId,
  ListOffsets,
  ListTransactions,
  Metadata,
  OffsetFetch,
  Produce,
  TransactionLogKey,
  TransactionLogValue,
  TxnOffsetCommit,
  zeroUuid,
} from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { batchOf } from '../support/batches.ts'
import { Wire } from '../support/wire.ts'
import { type Line, Recorder } from './recorder.ts'

const timeoutMs = 10_000

interface Identity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Transient errors: a coordinator is loading, or a transaction is completing. */
const transient = new Set([14, 15, 16, 51])

/** Transactions of old and new clients, in valid and invalid states, on a cluster of one broker. */
export class TransactionScript {
  readonly #recorder = new Recorder(['host', 'port', 'records', 'lastTimestamp', 'transactionStartTimeMs', 'topicId'])
  readonly #run: string
  readonly #wire: Wire
  readonly #topic: string
  readonly #group: string
  #topicId = ''

  private constructor(wire: Wire, run: string) {
    this.#wire = wire
    this.#run = run
    this.#topic = `${run}-txn`
    this.#group = `${run}-group`
    this.#recorder.rename(run, 'run')
  }

  static async play(bootstrap: string, run: string): Promise<readonly Line[]> {
    const wire = await Wire.open(bootstrap)
    const script = new TransactionScript(wire, run)
    try {
      await script.#prepare()
      await script.#beginnings()
      await script.#newClients()
      await script.#oldClients()
      await script.#offsets()
      await script.#descriptions()
      await script.#log()
      return script.#recorder.lines
    } finally {
      wire.close()
    }
  }

  /** Producer ids differ between clusters: each gets a placeholder. */
  #note(step: string, response: object): void {
    const ids = (key: string, value: unknown) => {
      if (key !== 'producerId' || typeof value !== 'bigint') return value
      return value < 0n ? 'none' : `id ${this.#ids.indexOf(value)}`
    }
    const plain = (value: unknown, key = ''): unknown => {
      if (Array.isArray(value)) return value.map((each) => plain(each))
      if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return ids(key, value)
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each, name)]))
    }
    this.#recorder.note(step, plain(response))
  }

  readonly #ids: bigint[] = []

  /** Repeats a request while it fails with a transient error. */
  async #settled<A>(ask: () => Promise<A>, codeOf: (response: A) => number | undefined): Promise<A> {
    for (let turn = 0; turn < 1000; turn++) {
      const response = await ask()
      if (!transient.has(codeOf(response) ?? 0)) return response
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('Timed out')
  }

  async #prepare(): Promise<void> {
    const topics = [{ name: this.#topic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }]
    const created = await this.#wire.request(CreateTopics, 7, { topics, timeoutMs })
    this.#topicId = created.topics[0]?.topicId ?? ''
    // Some responses use id 0 for none, so it is taken by an unused producer.
    await this.#wire.request(InitProducerId, 5, { transactionalId: null, transactionTimeoutMs: 1000 })
    for (const keyType of [0, 1]) {
      await this.#settled(
        () => this.#wire.request(FindCoordinator, 4, { keyType, coordinatorKeys: [this.#group] }),
        (response) => response.coordinators[0]?.errorCode,
      )
    }
    for (const version of [1, 4, 6]) {
      const body = version < 4 ? { key: 'x', keyType: 1 } : { keyType: 1, coordinatorKeys: ['x', ''] }
      const found = await this.#wire.request(FindCoordinator, version, body)
      const coordinators = found.coordinators.map(({ nodeId, ...each }) => ({ ...each, isThere: nodeId > 0 }))
      this.#note(`FindCoordinator v${version}`, { errorCode: found.errorCode, coordinators })
    }
  }

  async #init(id: string, version: number, known?: Identity, transactionTimeoutMs = 60_000) {
    const transactionalId = `${this.#run}-${id}`
    const response = await this.#settled(
      () => this.#wire.request(InitProducerId, version, { transactionalId, transactionTimeoutMs, ...known }),
      ({ errorCode }) => (errorCode === 51 ? 0 : errorCode),
    )
    if (response.producerId >= 0n && !this.#ids.includes(response.producerId)) this.#ids.push(response.producerId)
    return response
  }

  async #write(id: string, who: Identity, version: number, baseSequence = 0, index = 0, transactional = true) {
    const records = batchOf(['v'], { ...who, baseSequence, transactional, timestamp: Date.now() })
    const topicData = [{ name: this.#topic, topicId: this.#topicId, partitionData: [{ index, records }] }]
    const body = { transactionalId: transactional ? `${this.#run}-${id}` : null, acks: -1, timeoutMs, topicData }
    return this.#wire.request(Produce, version, body)
  }

  #end(id: string, { producerId, producerEpoch }: Identity, committed: boolean, version: number) {
    const body = { transactionalId: `${this.#run}-${id}`, producerId, producerEpoch, committed }
    return this.#settled(
      () => this.#wire.request(EndTxn, version, body),
      ({ errorCode }) => errorCode,
    )
  }

  #add(id: string, { producerId, producerEpoch }: Identity, version: number, partitions = [0], name = this.#topic) {
    const body = {
      v3AndBelowTransactionalId: id === '' ? '' : `${this.#run}-${id}`,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name, partitions }],
    }
    return this.#settled(
      () => this.#wire.request(AddPartitionsToTxn, version, body as never),
      (response) => response.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode,
    )
  }

  async #look(step: string, id: string): Promise<void> {
    const transactionalIds = [`${this.#run}-${id}`, '', `${this.#run}-stranger`]
    for (let turn = 0; turn < 500; turn++) {
      const response = await this.#wire.request(DescribeTransactions, 0, { transactionalIds })
      const isOnItsWay = response.transactionStates[0]?.transactionState.startsWith('Prepare')
      if (!isOnItsWay) {
        this.#note(`${step}: DescribeTransactions`, response)
        break
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }]
    const topics = [{ topic: this.#topic, topicId: this.#topicId, partitions }]
    for (const isolationLevel of [0, 1]) {
      const body = { maxWaitMs: 0, minBytes: 0, isolationLevel, topics, forgottenTopicsData: [] }
      const { responses } = await this.#wire.request(Fetch, 12, body as never)
      const found = responses[0]?.partitions[0]
      this.#note(`${step}: Fetch ${isolationLevel}`, {
        size: found?.records?.byteLength,
        lastStableOffset: found?.lastStableOffset,
        highWatermark: found?.highWatermark,
        abortedTransactions: found?.abortedTransactions,
      })
      const asked = [{ name: this.#topic, partitions: [{ partitionIndex: 0, timestamp: -1n }] }]
      const listed = await this.#wire.request(ListOffsets, 4, { replicaId: -1, isolationLevel, topics: asked })
      this.#note(`${step}: ListOffsets ${isolationLevel}`, listed)
    }
    const asked = [
      { name: this.#topic, partitionIndexes: [0, 9] },
      { name: 'no-such-topic', partitionIndexes: [0] },
    ]
    this.#note(`${step}: DescribeProducers`, await this.#wire.request(DescribeProducers, 0, { topics: asked }))
  }

  async #beginnings(): Promise<void> {
    for (const version of [0, 1, 2, 3, 4, 5]) {
      this.#note(`InitProducerId v${version}`, await this.#init(`init-${version}`, version))
      this.#note(`InitProducerId v${version} again`, await this.#init(`init-${version}`, version))
      this.#note(`InitProducerId v${version}, no time`, await this.#init('never', version, undefined, 0))
      this.#note(`InitProducerId v${version}, too long`, await this.#init('never', version, undefined, 900_001))
      const empty = { transactionalId: '', transactionTimeoutMs: 1000 }
      this.#note(`InitProducerId v${version}, no name`, await this.#wire.request(InitProducerId, version, empty))
    }
    for (const version of [3, 4, 5]) {
      const { producerId } = await this.#init(`known-${version}`, version)
      const ask = (producerEpoch: number, id = producerId) =>
        this.#init(`known-${version}`, version, { producerId: id, producerEpoch })
      this.#note(`InitProducerId v${version}, known`, await ask(0))
      this.#note(`InitProducerId v${version}, repeated`, await ask(0))
      this.#note(`InitProducerId v${version}, next`, await ask(1))
      this.#note(`InitProducerId v${version}, fenced`, await ask(0))
      this.#note(`InitProducerId v${version}, stranger`, await ask(0, producerId + 77_777n))
      this.#note(`InitProducerId v${version}, half`, await ask(-1))
    }
  }

  async #newClients(): Promise<void> {
    let who: Identity = await this.#init('new', 5)
    this.#note('EndTxn v5, commit nothing', await this.#end('new', who, true, 5))
    const nothing = await this.#end('new', who, false, 5)
    this.#note('EndTxn v5, abort nothing', nothing)
    who = nothing
    this.#note('Produce v12', await this.#write('new', who, 12))
    await this.#look('open', 'new')
    this.#note('Produce without transaction', await this.#write('new', who, 12, 1, 0, false))
    this.#note('EndTxn v5, old epoch', await this.#end('new', { ...who, producerEpoch: 0 }, true, 5))
    this.#note('EndTxn v5, stranger', await this.#end('new', { ...who, producerId: who.producerId + 77_777n }, true, 5))
    this.#note('EndTxn v5, stranger', await this.#end('stranger', who, true, 5))
    const committed = await this.#end('new', who, true, 5)
    this.#note('EndTxn v5, commit', committed)
    await this.#look('committed', 'new')
    this.#note('EndTxn v5, commit again', await this.#end('new', who, true, 5))
    this.#note('EndTxn v5, abort committed', await this.#end('new', who, false, 5))
    this.#note('EndTxn v5, commit with new epoch', await this.#end('new', committed, true, 5))
    this.#note('Produce v12, late', await this.#write('new', who, 12, 1))
    who = committed
    this.#note('Produce v12, next', await this.#write('new', who, 12))
    const aborted = await this.#end('new', who, false, 5)
    this.#note('EndTxn v5, abort', aborted)
    await this.#look('aborted', 'new')
    this.#note('EndTxn v5, abort again', await this.#end('new', who, false, 5))
    this.#note('EndTxn v5, commit aborted', await this.#end('new', who, true, 5))
    this.#note('Produce v12, third', await this.#write('new', aborted, 12))
    this.#note('InitProducerId while open', await this.#init('new', 5))
    await this.#look('fenced', 'new')
    this.#note('Produce v12, fenced', await this.#write('new', aborted, 12, 1))
    this.#note('EndTxn v5, fenced', await this.#end('new', aborted, true, 5))
    this.#note('EndTxn v1, fenced', await this.#end('new', aborted, true, 1))
    this.#note('InitProducerId after', await this.#init('new', 5))
  }

  async #oldClients(): Promise<void> {
    const who = await this.#init('old', 4)
    for (const version of [9, 10, 11]) {
      this.#note(`Produce v${version}, not added`, await this.#write('old', who, version))
    }
    for (const version of [0, 1, 2, 3]) {
      this.#note(`AddPartitionsToTxn v${version}`, await this.#add('old', who, version))
      const old = { ...who, producerEpoch: 7 }
      this.#note(`AddPartitionsToTxn v${version}, epoch`, await this.#add('old', old, version))
      const stranger = { ...who, producerId: who.producerId + 77_777n }
      this.#note(`AddPartitionsToTxn v${version}, stranger`, await this.#add('old', stranger, version))
      this.#note(`AddPartitionsToTxn v${version}, stranger`, await this.#add('stranger', who, version))
      this.#note(`AddPartitionsToTxn v${version}, no name`, await this.#add('', who, version))
      this.#note(`AddPartitionsToTxn v${version}, unknown`, await this.#add('old', who, version, [0, 9]))
    }
    this.#note('Produce v11, added', await this.#write('old', who, 11))
    this.#note('Produce v11, other partition', await this.#write('old', who, 11, 0, 1))
    await this.#look('old, open', 'old')
    for (const version of [0, 1, 2, 3, 4]) {
      const old = { ...who, producerEpoch: 7 }
      this.#note(`EndTxn v${version}, epoch`, await this.#end('old', old, true, version))
    }
    this.#note('EndTxn v4, commit', await this.#end('old', who, true, 4))
    await this.#look('old, committed', 'old')
    this.#note('EndTxn v4, commit again', await this.#end('old', who, true, 4))
    this.#note('EndTxn v4, abort committed', await this.#end('old', who, false, 4))
    this.#note('AddPartitionsToTxn, next', await this.#add('old', who, 3))
    this.#note('Produce v11, next', await this.#write('old', who, 11, 1))
    this.#note('InitProducerId v4 while open', await this.#init('old', 4))
    await this.#look('old, fenced', 'old')
    this.#note('InitProducerId v4 after', await this.#init('old', 4))
  }

  async #offsets(): Promise<void> {
    const who = await this.#init('offsets', 5)
    const topics = [
      {
        name: this.#topic,
        partitions: [0, 9].map((partitionIndex) => ({ partitionIndex, committedOffset: 5n, committedMetadata: 'm' })),
      },
    ]
    const commit = (version: number, more: object = {}) =>
      this.#settled(
        () =>
          this.#wire.request(TxnOffsetCommit, version, {
            transactionalId: `${this.#run}-offsets`,
            groupId: this.#group,
            producerId: who.producerId,
            producerEpoch: who.producerEpoch,
            topics,
            ...more,
          }),
        (response) => response.topics[0]?.partitions[0]?.errorCode,
      )
    for (const version of [0, 1, 2, 3, 4]) this.#note(`TxnOffsetCommit v${version}, not added`, await commit(version))
    for (const version of [0, 1, 2, 3, 4]) {
      const body = { transactionalId: `${this.#run}-offsets`, groupId: this.#group, producerId: who.producerId }
      const add = (producerEpoch: number) =>
        this.#settled(
          () => this.#wire.request(AddOffsetsToTxn, version, { ...body, producerEpoch }),
          ({ errorCode }) => errorCode,
        )
      this.#note(`AddOffsetsToTxn v${version}, epoch`, await add(7))
      if (version === 4) this.#note(`AddOffsetsToTxn v${version}`, await add(who.producerEpoch))
    }
    for (const version of [0, 1, 2, 3, 4, 5]) this.#note(`TxnOffsetCommit v${version}`, await commit(version))
    const strange = { generationId: 1, memberId: 'stranger' }
    this.#note('TxnOffsetCommit v5, stranger', await commit(5, strange))
    this.#note('TxnOffsetCommit v5, epoch', await commit(5, { producerEpoch: 7 }))
    const look = async (step: string) => {
      for (const requireStable of [false, true]) {
        const groups = [
          { groupId: this.#group, topics: [{ name: this.#topic, partitionIndexes: [0, 1] }] },
          { groupId: this.#group, topics: null },
        ]
        const response = await this.#wire.request(OffsetFetch, 9, { groups, requireStable })
        this.#note(`OffsetFetch ${step}, stable ${requireStable}`, response)
      }
    }
    await look('in transaction')
    const ended = await this.#end('offsets', who, true, 5)
    this.#note('EndTxn, offsets', ended)
    await this.#look('offsets', 'offsets')
    await look('after it')
  }

  /** The records of __transaction_state, and whether the codec encodes the same bytes. */
  async #log(): Promise<void> {
    const topic = '__transaction_state'
    const metadata = await this.#wire.request(Metadata, 12, {
      topics: [{ topicId: zeroUuid, name: topic }],
      includeTopicAuthorizedOperations: false,
    })
    const found: { readonly step: string; readonly record: object }[] = []
    for (const { partitionIndex } of metadata.topics[0]?.partitions ?? []) {
      const partitions = [{ partition: partitionIndex, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }]
      const topics = [{ topic, topicId: zeroUuid, partitions }]
      const body = { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, topics, forgottenTopicsData: [] }
      const { responses } = await this.#wire.request(Fetch, 12, body as never)
      found.push(...this.#logged(responses[0]?.partitions[0]?.records ?? new Uint8Array(0)))
    }
    // Records of one transactional id are in one partition, so their order is preserved.
    for (const { step, record } of found.sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : 0))) {
      this.#note(step, record)
    }
  }

  *#logged(records: Uint8Array): Generator<{ readonly step: string; readonly record: object }> {
    const reader = new RecordBatchReader(records)
    for (let batch = reader.next(); batch; batch = reader.next()) {
      const cursor = batch.records()
      while (cursor.next()) {
        const { bytes, keyStart, keyLength, valueStart, valueLength } = cursor
        const key = Buffer.from(bytes.subarray(keyStart, keyStart + keyLength))
        const value = Buffer.from(bytes.subarray(valueStart, valueStart + valueLength))
        const { transactionalId } = decodeMessage(TransactionLogKey, 0, key.subarray(2))
        if (!transactionalId.startsWith(this.#run)) continue
        const version = value.readInt16BE(0)
        const decoded = decodeMessage(TransactionLogValue, version, value.subarray(2))
        const isSame = value.subarray(2).equals(encodeMessage(TransactionLogValue, version, decoded))
        const { transactionLastUpdateTimestampMs: at, transactionStartTimestampMs: since, ...rest } = decoded
        const step = `__transaction_state ${transactionalId.replace(this.#run, 'run')}`
        const transactionPartitions = rest.transactionPartitions?.map(({ topic, partitionIds }) =>
          topic.startsWith('__') ? { topic } : { topic, partitionIds },
        )
        const ids = [rest.previousProducerId, rest.nextProducerId].map((id) =>
          id < 0n ? 'none' : this.#ids.indexOf(id),
        )
        const [previousProducerId, nextProducerId] = ids
        const record = {
          ...rest,
          ...{ version, isSame, isDated: at > 0n, isOpenSince: since > 0n },
          ...{ previousProducerId, nextProducerId, transactionPartitions: transactionPartitions ?? null },
        }
        yield { step, record }
      }
    }
  }

  async #descriptions(): Promise<void> {
    for (const stateFilters of [[], ['Empty'], ['CompleteAbort', 'Dead', 'Nonsense'], ['Ongoing']]) {
      for (const version of [0, 1]) {
        const response = await this.#wire.request(ListTransactions, version, { stateFilters, producerIdFilters: [] })
        const own = response.transactionStates
          .filter(({ transactionalId }) => transactionalId.startsWith(this.#run))
          .sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1))
        this.#note(`ListTransactions v${version} ${stateFilters}`, { ...response, transactionStates: own })
      }
    }
  }
}
