import {
  type Decoded,
  decodeMessage,
  type Encodable,
  encodeMessage,
  Fetch,
  type FetchResponse,
  Metadata,
  type MetadataResponse,
} from '@ottla/codec'
import { BatchWriter, codecOf, RecordBatchReader } from '@ottla/codec/records'
import type { Line, Pair, Rival } from './codec-rivals.ts'
import { line } from './measured.ts'

export interface Way {
  readonly name: string
  /** One run. Its result is verified before anything is measured. */
  run(): Promise<unknown> | unknown
}

export interface CodecTask {
  readonly name: string
  /** Our implementation, which the others are compared with. */
  readonly ours: Way
  readonly others: readonly Way[]
  /** The required speed-up over each of the others. */
  readonly targets: Readonly<Record<string, number>>
  /** Bytes processed per run, for tasks reported in MB/s. */
  readonly bytes?: number
  readonly note?: string
  readonly targetMegabytes?: number
  /** Throws if a result is wrong. */
  verify(): Promise<void>
}

const timestamp = 1_700_000_000_000
const records = 1000
const lines: readonly Line[] = Array.from({ length: records }, (_, i) => line(i, 100))
const fields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`wrong result: ${what}`)
}

// --- Record batches --------------------------------------------------------------------------------------------------

const writer = new BatchWriter()

/** As the producer does: into a reused buffer. */
function encodeBatch(): Uint8Array {
  writer.reset()
  for (const { key, value } of lines) writer.append(timestamp, key, value, [])
  return writer.seal(fields)
}

/** Reads keys and values in place: the cursor creates no objects for them. */
function readInPlace(bytes: Buffer, checkCrc: boolean): number {
  let sum = 0
  const reader = new RecordBatchReader(bytes)
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    if (checkCrc && !batch.verifyCrc()) throw new Error('checksum')
    const cursor = batch.records()
    const { bytes } = cursor
    while (cursor.next()) sum += bytes[cursor.keyStart]! + bytes[cursor.valueStart + 9]! + cursor.valueLength
  }
  return sum
}

/** As the consumer does when the application reads everything: a Buffer for each key and value. */
function decodeBatch(bytes: Buffer, checkCrc: boolean): Pair[] {
  const pairs: Pair[] = []
  const reader = new RecordBatchReader(bytes)
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
    if (checkCrc && !batch.verifyCrc()) throw new Error('checksum')
    const cursor = batch.records()
    const { bytes } = cursor
    while (cursor.next()) {
      const key = view(bytes, cursor.keyStart, cursor.keyLength)
      pairs.push({ key, value: view(bytes, cursor.valueStart, cursor.valueLength) })
    }
  }
  return pairs
}

function view(bytes: Uint8Array, start: number, length: number): Buffer | null {
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + start, length)
}

/** Reads each key and value, so that no decoder gains by deferring the work. */
function touch(pairs: readonly Pair[]): number {
  let sum = 0
  for (const { key, value } of pairs) sum += key![0]! + value![9]! + value!.length
  return sum
}

function verifyPairs(pairs: readonly Pair[], who: string): void {
  assert(pairs.length === records, `${who}: ${pairs.length} records`)
  pairs.forEach(({ key, value }, i) => {
    assert(Buffer.compare(key!, Buffer.from(lines[i]!.key)) === 0, `${who}: key ${i}`)
    assert(Buffer.compare(value!, lines[i]!.value) === 0, `${who}: value ${i}`)
  })
}

function batchTasks(rivals: readonly Rival[]): CodecTask[] {
  const bytes = Buffer.from(encodeBatch())
  const encode: CodecTask = {
    name: 'encode a batch of 1000 records of 100 B, with CRC',
    ours: { name: 'ottla', run: encodeBatch },
    others: rivals.map((rival) => ({ name: rival.name, run: () => rival.encodeBatch(lines, timestamp) })),
    targets: { kafkajs: 20, '@platformatic/kafka': 8 },
    async verify() {
      verifyPairs(decodeBatch(bytes, true), 'ottla')
      for (const rival of rivals) {
        const theirs = Buffer.from(await rival.encodeBatch(lines, timestamp))
        verifyPairs(decodeBatch(theirs, true), rival.name)
      }
    },
  }
  const theirs = rivals.map((rival) => ({
    name: rival.name,
    run: () => {
      const pairs = rival.decodeBatch(bytes)
      return pairs instanceof Promise ? pairs.then(touch) : touch(pairs as readonly Pair[])
    },
  }))
  const decode = (how: string, run: () => number, kafkajs?: number): CodecTask => ({
    name: `decode it, ${how}`,
    ours: { name: 'ottla', run },
    others: theirs,
    targets: kafkajs === undefined ? {} : { kafkajs },
    async verify() {
      const wanted = touch(decodeBatch(bytes, true))
      assert(run() === wanted, 'ottla: keys and values')
      for (const rival of rivals) verifyPairs(await rival.decodeBatch(bytes), rival.name)
    },
  })
  return [
    encode,
    decode('each key and value read in place', () => readInPlace(bytes, false), 8),
    decode('read in place, CRC checked (the others check none)', () => readInPlace(bytes, true), 6),
    decode('a Buffer for each key and value', () => touch(decodeBatch(bytes, false))),
    decode('a Buffer for each key and value, CRC checked', () => touch(decodeBatch(bytes, true))),
  ]
}

// --- Responses -------------------------------------------------------------------------------------------------------

const uuid = (n: number) => Buffer.from(String(n).padStart(16, 'u')).toString('base64url')

const metadata: MetadataResponse = {
  throttleTimeMs: 0,
  brokers: Array.from({ length: 6 }, (_, i) => ({
    nodeId: i,
    host: `kafka-${i}.example.com`,
    port: 9092,
    rack: `zone-${i % 3}`,
  })),
  clusterId: 'cluster',
  controllerId: 1,
  clusterAuthorizedOperations: -2147483648,
  errorCode: 0,
  topics: Array.from({ length: 50 }, (_, t) => ({
    errorCode: 0,
    name: `orders.of.region.${t}`,
    topicId: uuid(t),
    isInternal: false,
    topicAuthorizedOperations: -2147483648,
    partitions: Array.from({ length: 20 }, (_, p) => ({
      errorCode: 0,
      partitionIndex: p,
      leaderId: (t + p) % 6,
      leaderEpoch: 3,
      replicaNodes: [0, 1, 2].map((i) => (t + p + i) % 6),
      isrNodes: [0, 1, 2].map((i) => (t + p + i) % 6),
      offlineReplicas: [],
    })),
  })),
}

const fetched: FetchResponse = {
  throttleTimeMs: 0,
  errorCode: 0,
  sessionId: 7,
  nodeEndpoints: [],
  responses: Array.from({ length: 10 }, (_, t) => ({
    topic: `orders.of.region.${t}`,
    topicId: uuid(t),
    partitions: Array.from({ length: 10 }, (_, p) => ({
      partitionIndex: p,
      errorCode: 0,
      highWatermark: 5_000_000_000n + BigInt(p),
      lastStableOffset: 5_000_000_000n,
      logStartOffset: 17n,
      divergingEpoch: { epoch: -1, endOffset: -1n },
      currentLeader: { leaderId: -1, leaderEpoch: -1 },
      snapshotId: { endOffset: -1n, epoch: -1 },
      abortedTransactions: [],
      preferredReadReplica: -1,
      records: Buffer.alloc(0),
    })),
  })),
}

const partitionsOf = (topics: readonly { readonly partitions: readonly unknown[] }[]) =>
  topics.reduce((sum, { partitions }) => sum + partitions.length, 0)

/** Each rival in the version that it supports, and ours in the same version. */
function responseTasks(rival: Rival): CodecTask[] {
  const { metadataVersion, fetchVersion, name } = rival
  const metadataBytes = bodyOf(Metadata.response, metadataVersion, metadata)
  const fetchBytes = bodyOf(Fetch.response, fetchVersion, fetched)
  const ourMetadata = () => partitionsOf(decodeMessage(Metadata.response, metadataVersion, metadataBytes).topics)
  const ourFetch = () => partitionsOf(decodeMessage(Fetch.response, fetchVersion, fetchBytes).responses)
  const verify = (wanted: number, ways: readonly (() => Promise<number> | number)[]) => async () => {
    for (const way of ways) assert((await way()) === wanted, `${name}: partitions`)
  }
  const theirMetadata = () => rival.decodeMetadata(metadataBytes)
  const theirFetch = () => rival.decodeFetch(fetchBytes)
  return [
    {
      name: `decode a Metadata response of 1000 partitions, v${metadataVersion}`,
      ours: { name: 'ottla', run: ourMetadata },
      others: [{ name, run: theirMetadata }],
      targets: { [name]: 1 },
      verify: verify(1000, [ourMetadata, theirMetadata]),
    },
    {
      name: `decode a Fetch response of 100 partitions, v${fetchVersion}`,
      ours: { name: 'ottla', run: ourFetch },
      others: [{ name, run: theirFetch }],
      targets: { [name]: 1 },
      verify: verify(100, [ourFetch, theirFetch]),
    },
  ]
}

type ResponseMessage = typeof Metadata.response | typeof Fetch.response

function bodyOf<M extends ResponseMessage>(message: M, version: number, body: Decoded<M>): Buffer {
  return encodeMessage(message as never, version, body as Encodable<M> as never)
}

// --- Compression -----------------------------------------------------------------------------------------------------

/** Events as services log them: varied, but with the same names in each. Numbers follow from the seed. */
function jsonCorpus(bytes: number): Buffer {
  let state = 1
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  const types = ['order.created', 'order.paid', 'cart.updated', 'user.signed-in', 'payment.refused']
  const cities = ['Berlin', 'Lyon', 'Oslo', 'Porto', 'Graz', 'Ghent']
  const parts: string[] = []
  for (let size = 0; size < bytes; size += parts.at(-1)!.length) {
    const id = `${next(1e9).toString(36)}-${next(1e9).toString(36)}`
    const type = types[next(types.length)]
    const event = { id, type, at: 1.7e12 + next(1e9), user: next(1e6), amount: next(1e5) / 100, city: cities[next(6)] }
    parts.push(`${JSON.stringify(event)}\n`)
  }
  return Buffer.from(parts.join('')).subarray(0, bytes)
}

async function compressionTasks(): Promise<CodecTask[]> {
  const text = jsonCorpus(64 * 1024)
  const tasks: CodecTask[] = []
  for (const name of ['lz4', 'snappy', 'gzip', 'zstd'] as const) {
    const codec = codecOf(name)
    const packed = Buffer.from(await codec.compress(text))
    const targetMegabytes = name === 'lz4' || name === 'snappy' ? { targetMegabytes: 300 } : {}
    const shared = { others: [], targets: {}, bytes: text.length, ...targetMegabytes }
    const verify = async () => {
      const again = await codec.decompress(await codec.compress(text), text.length)
      assert(Buffer.compare(again, text) === 0, name)
    }
    const note = `ratio ${(text.length / packed.length).toFixed(2)}`
    tasks.push(
      { ...shared, name: `${name}: compress 64 KiB of JSON`, ours: way(() => codec.compress(text)), note, verify },
      { ...shared, name: `${name}: decompress`, ours: way(() => codec.decompress(packed, text.length)), verify },
    )
  }
  return tasks
}

function way(run: () => unknown): Way {
  return { name: 'ottla', run }
}

export async function codecTasks(rivals: readonly Rival[]): Promise<CodecTask[]> {
  return [...batchTasks(rivals), ...rivals.flatMap(responseTasks), ...(await compressionTasks())]
}
