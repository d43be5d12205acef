// The encoders and decoders of two other clients. Neither exports them, so they are taken from within the packages.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export interface Line {
  readonly key: string
  readonly value: Buffer
}

/** The compared part of a decoder's output. */
export interface Pair {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

export interface Rival {
  readonly name: string
  readonly metadataVersion: number
  readonly fetchVersion: number
  encodeBatch(lines: readonly Line[], timestamp: number): Promise<Uint8Array> | Uint8Array
  decodeBatch(bytes: Buffer): Promise<readonly Pair[]> | readonly Pair[]
  /** Decode a response body without its header and return the number of partitions. */
  decodeMetadata(bytes: Buffer): Promise<number> | number
  decodeFetch(bytes: Buffer): Promise<number> | number
}

interface KafkaJsEncoder {
  readonly buffer: Buffer
}

interface KafkaJsRecord {
  readonly key: string
  readonly value: Buffer
  readonly offsetDelta: number
  readonly timestampDelta: number
}

interface KafkaJsBatch {
  readonly records: readonly unknown[]
  readonly firstTimestamp: number
  readonly maxTimestamp: number
  readonly lastOffsetDelta: number
}

type KafkaJsDecode<T> = (bytes: unknown) => Promise<T>

/** KafkaJS 2: its response decoders are asynchronous and return each int64 as a string. */
export function kafkaJs(): Rival {
  const load = <T>(path: string) => require(`kafkajs/src/protocol/${path}`) as T
  const Decoder = load<new (bytes: Buffer) => unknown>('decoder')
  const record = load<(fields: KafkaJsRecord) => unknown>('recordBatch/record/v0')
  const { RecordBatch } = load<{ RecordBatch(fields: KafkaJsBatch): Promise<KafkaJsEncoder> }>('recordBatch/v0')
  const decodeBatch = load<KafkaJsDecode<{ records: Pair[] }>>('recordBatch/v0/decoder')
  const metadata = load<{ decode: KafkaJsDecode<{ topicMetadata: { partitionMetadata: unknown[] }[] }> }>(
    'requests/metadata/v6/response',
  )
  const fetch = load<{ decode: KafkaJsDecode<{ responses: { partitions: unknown[] }[] }> }>(
    'requests/fetch/v11/response',
  )
  return {
    name: 'kafkajs',
    metadataVersion: 6,
    fetchVersion: 11,
    async encodeBatch(lines, timestamp) {
      const records = lines.map((line, offsetDelta) => record({ ...line, offsetDelta, timestampDelta: 0 }))
      const times = { firstTimestamp: timestamp, maxTimestamp: timestamp }
      const batch = await RecordBatch({ records, ...times, lastOffsetDelta: lines.length - 1 })
      return batch.buffer
    },
    decodeBatch: async (bytes) => (await decodeBatch(new Decoder(bytes))).records,
    async decodeMetadata(bytes) {
      const { topicMetadata } = await metadata.decode(bytes)
      return topicMetadata.reduce((sum, topic) => sum + topic.partitionMetadata.length, 0)
    },
    async decodeFetch(bytes) {
      const { responses } = await fetch.decode(bytes)
      return responses.reduce((sum, { partitions }) => sum + partitions.length, 0)
    },
  }
}

interface PlatformaticMessage {
  readonly key: Buffer
  readonly value: Buffer
  readonly topic: string
  readonly timestamp: bigint
}

interface PlatformaticReader {
  readonly position: number
}

type PlatformaticParse<T> = (correlationId: number, apiKey: number, version: number, reader: PlatformaticReader) => T

/** @platformatic/kafka 2. It requires Node 22; this part also runs on Node 20. */
export async function platformatic(): Promise<Rival> {
  const entry = import.meta.resolve('@platformatic/kafka')
  const load = async <T>(path: string) => (await import(new URL(path, entry).href)) as T
  const { createRecordsBatch, readRecordsBatch } = await load<{
    createRecordsBatch(messages: readonly PlatformaticMessage[]): { readonly buffer: Buffer }
    readRecordsBatch(reader: PlatformaticReader): { readonly records: readonly Pair[] }
  }>('./protocol/records.js')
  const { Reader } = await load<{ Reader: { from(bytes: Buffer): PlatformaticReader } }>('./protocol/reader.js')
  const metadata = await load<{ parseResponse: PlatformaticParse<{ topics: { partitions: unknown[] }[] }> }>(
    './apis/metadata/metadata-v12.js',
  )
  const fetch = await load<{ parseResponse: PlatformaticParse<{ responses: { partitions: unknown[] }[] }> }>(
    './apis/consumer/fetch-v17.js',
  )
  const count = (of: readonly { readonly partitions: readonly unknown[] }[]) =>
    of.reduce((sum, { partitions }) => sum + partitions.length, 0)
  return {
    name: '@platformatic/kafka',
    metadataVersion: 12,
    fetchVersion: 17,
    encodeBatch(lines, timestamp) {
      const time = BigInt(timestamp)
      // Its producer serializes keys beforehand, so they are passed as bytes.
      const messages = lines.map(({ key, value }) => ({
        key: Buffer.from(key),
        value,
        topic: 'bench',
        timestamp: time,
      }))
      return createRecordsBatch(messages).buffer
    },
    decodeBatch: (bytes) => readRecordsBatch(Reader.from(bytes)).records,
    decodeMetadata: (bytes) => count(metadata.parseResponse(0, 3, 12, Reader.from(bytes)).topics),
    decodeFetch: (bytes) => count(fetch.parseResponse(0, 1, 17, Reader.from(bytes)).responses),
  }
}
