import type { HistogramUnit } from './histogram.ts'

/** `client`, which all metrics have, is not listed. */
export type LabelName = 'producer' | 'topic' | 'broker' | 'api' | 'code'

interface Described {
  readonly help: string
  readonly labels: readonly LabelName[]
}

interface CounterRow extends Described {
  readonly type: 'counter'
  readonly unit: 'ms' | 'bytes' | undefined
}

interface GaugeRow extends Described {
  readonly type: 'gauge'
  readonly unit: 'bytes' | undefined
}

interface HistogramRow extends Described {
  readonly type: 'histogram'
  readonly unit: HistogramUnit
}

function counter(help: string, labels: readonly LabelName[] = [], unit?: 'ms' | 'bytes'): CounterRow {
  return { type: 'counter', unit, help, labels }
}

function gauge(help: string, labels: readonly LabelName[] = [], unit?: 'bytes'): GaugeRow {
  return { type: 'gauge', unit, help, labels }
}

function histogram(help: string, unit: HistogramUnit, labels: readonly LabelName[]): HistogramRow {
  return { type: 'histogram', unit, help, labels }
}

/** All metrics of a client. */
export const catalog = Object.freeze({
  requests: counter('Requests written'),
  bytesSent: counter('Bytes of requests', [], 'bytes'),
  bytesReceived: counter('Bytes received', [], 'bytes'),
  connectionsOpened: counter('Connections opened'),
  connectionsClosed: counter('Connections closed, by either side'),
  connectFailures: counter('Failed attempts to open a connection'),
  requestTimeouts: counter('Requests that got no response in time'),
  throttleMs: counter('Time for which brokers throttled connections', [], 'ms'),
  lateResponses: counter('Responses to requests that had failed before'),
  retries: counter('Calls repeated after a retriable error'),
  requestDurationMs: histogram('From the write of a request to its response', 'ms', ['api', 'broker']),
  failedRequests: counter('Requests without a response, by the code of the error', ['api', 'broker', 'code']),
  connections: gauge('Open connections'),
  requestsInFlight: gauge('Requests that wait for a connection or for a response'),
  brokers: gauge('Brokers in the metadata'),
  topics: gauge('Topics in the metadata cache'),

  'producer.requests': counter('Produce requests sent', ['producer']),
  'producer.batches': counter('Batches sent, each attempt', ['producer', 'topic']),
  'producer.bytes': counter('Bytes of batches sent, each attempt', ['producer', 'topic'], 'bytes'),
  'producer.retries': counter('Batches sent again', ['producer', 'topic']),
  'producer.records': counter('Records acknowledged', ['producer', 'topic']),
  'producer.failedRecords': counter('Records that failed, by the code of the error', ['producer', 'topic', 'code']),
  'producer.queueMs': histogram('From the acceptance of the first record of a batch to its first request', 'ms', [
    'producer',
    'topic',
  ]),
  'producer.deliveryMs': histogram('From the acceptance of the first record of a batch to its acknowledgement', 'ms', [
    'producer',
    'topic',
  ]),
  'producer.batchBytes': histogram('Size of batches as sent', 'bytes', ['producer', 'topic']),
  'producer.batchRecords': histogram('Records per batch', 'records', ['producer', 'topic']),
  'producer.compressionRatio': histogram('Uncompressed by compressed size of batches', 'ratio', ['producer', 'topic']),
  'producer.bufferedBytes': gauge('Size of records accepted and not settled', ['producer'], 'bytes'),
  'producer.unsettledBatches': gauge('Batches not settled', ['producer']),
  'producer.inFlightRequests': gauge('Produce requests in flight', ['producer']),

  'consumer.batches': counter('Batches handed out'),
  'consumer.records': counter('Records handed out'),
  'consumer.bytes': counter('Bytes of batches handed out, as fetched', [], 'bytes'),
  'consumer.badRecords': counter('Records that the serdes of their topic could not decode'),
  'consumer.rebalances': counter('Rebalances completed'),
  'consumer.deadLetters': counter('Messages sent to a dead letter topic'),
  'consumer.delayedRecords': counter('Messages sent to a retry topic'),
  'consumer.bufferedBytes': gauge('Size of what is fetched and not handed out', [], 'bytes'),
  'consumer.lag': gauge('Records between the positions and the ends of the assigned partitions; -1: unknown'),
  'consumer.partitions': gauge('Assigned partitions'),

  'share.records': counter('Records of share groups handed out'),
  'share.accepted': counter('Records accepted, as acknowledged by the broker'),
  'share.released': counter('Records released, as acknowledged by the broker'),
  'share.rejected': counter('Records rejected, as acknowledged by the broker'),
  'share.lostLocks': counter('Locks that ended before their record was acknowledged'),
  'share.unreadableRecords': counter('Records of share groups that cannot be read'),
  'share.acquired': gauge('Records acquired and not acknowledged'),
  'share.partitions': gauge('Partitions assigned by share groups'),
} as const satisfies Record<string, CounterRow | GaugeRow | HistogramRow>)

type Catalog = typeof catalog

type NamesOf<T> = { [N in keyof Catalog]: Catalog[N] extends { readonly type: T } ? N : never }[keyof Catalog]

export type CounterName = NamesOf<'counter'>
export type GaugeName = NamesOf<'gauge'>
export type HistogramName = NamesOf<'histogram'>
export type MetricName = keyof Catalog
