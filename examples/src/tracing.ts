import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { createCluster } from '@ottla/testkit'
import {
  type Consumer,
  type DiagnosticsMessages,
  Kafka,
  KafkaError,
  type Message,
  type ProducerInterceptor,
  withHeaders,
} from 'ottla'

// What OpenTelemetry, or any other tracer, does with the hooks of the client. The tracer here only keeps its spans in a list.
// The names follow OpenTelemetry's semantic conventions for messaging.

type Attributes = Readonly<Record<string, string | number | undefined>>

type Context = Pick<Span, 'traceId' | 'id'>

class Span {
  readonly name: string
  readonly traceId: string
  readonly parent: string | undefined
  readonly id = randomBytes(8).toString('hex')
  attributes: Attributes
  ended = false

  constructor(name: string, attributes: Attributes, context: Context | undefined) {
    this.name = name
    this.attributes = attributes
    this.traceId = context?.traceId ?? randomBytes(16).toString('hex')
    this.parent = context?.id
  }

  /** The header of the W3C Trace Context recommendation. */
  get traceparent(): string {
    return `00-${this.traceId}-${this.id}-01`
  }

  end(attributes: Attributes = {}, error?: unknown): void {
    if (this.ended) throw new Error(`the span ${this.name} ended twice`)
    this.ended = true
    this.attributes = { ...this.attributes, ...attributes, 'error.type': errorType(error) }
  }
}

class Tracer {
  readonly spans: Span[] = []
  readonly #active = new AsyncLocalStorage<Span>()

  /** A span below the given one, or below the one that is active; null: it belongs to no caller. */
  start(name: string, attributes: Attributes, context?: Context | null): Span {
    const above = context === undefined ? this.#active.getStore() : (context ?? undefined)
    const span = new Span(name, { 'messaging.system': 'kafka', ...attributes }, above)
    this.spans.push(span)
    return span
  }

  async run(span: Span, work: () => Promise<void>): Promise<void> {
    try {
      await this.#active.run(span, work)
      span.end()
    } catch (error) {
      span.end({}, error)
    }
  }
}

function errorType(error: unknown): string | undefined {
  if (error === undefined) return undefined
  return KafkaError.is(error) ? error.code : 'Error'
}

const tracer = new Tracer()

/** A span for the creation of each record. Its context is in the headers, so that consumers continue the trace. */
const injectContext: ProducerInterceptor = {
  onSend: (record) => {
    const span = tracer.start(`create ${record.topic}`, { 'messaging.destination.name': record.topic })
    span.end()
    return withHeaders(record, { traceparent: span.traceparent })
  },
}

type Channel = 'ottla:send' | 'ottla:produce'
type StartOf<C extends Channel> = DiagnosticsMessages[`${C}:start`]
type EndOf<C extends Channel> = DiagnosticsMessages[`${C}:end`]

/** A span for each pair of messages. Both are the same object; the end has more fields. */
function traceChannel<C extends Channel>(
  channel: C,
  nameOf: (start: StartOf<C>) => string,
  attributesOf: (message: StartOf<C> & Partial<EndOf<C>>) => Attributes,
  context?: null,
): void {
  const spans = new WeakMap<object, Span>()
  subscribe(`${channel}:start`, (message) => {
    const start = message as StartOf<C>
    spans.set(start, tracer.start(nameOf(start), {}, context))
  })
  subscribe(`${channel}:end`, (message) => {
    const end = message as EndOf<C>
    spans.get(end)?.end(attributesOf(end as StartOf<C> & EndOf<C>), end.error)
  })
}

traceChannel(
  'ottla:send',
  ({ topic }) => `send ${topic}`,
  ({ topic, records, clientId }) => ({
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.batch.message_count': records,
    'messaging.client.id': clientId,
  }),
)
traceChannel(
  'ottla:produce',
  ({ topic }) => `produce ${topic}`,
  ({ topic, partition, records, broker, baseOffset }) => ({
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.batch.message_count': records,
    'messaging.kafka.offset': baseOffset === undefined ? undefined : Number(baseOffset),
    'server.address': broker?.host,
    'server.port': broker?.port,
  }),
  // A batch has records of several callers.
  null,
)

/** The context that a producer put into the headers. */
function contextOf(message: Message): Context | null {
  const [, traceId, id] = message.header('traceparent')?.toString().split('-') ?? []
  return traceId === undefined || id === undefined ? null : { traceId, id }
}

async function consume(consumer: Consumer, count: number): Promise<void> {
  let left = count
  for await (const message of consumer) {
    const span = tracer.start(`process ${message.topic}`, { 'messaging.operation.type': 'process' }, contextOf(message))
    span.end({ 'messaging.kafka.offset': Number(message.offset) })
    if (--left === 0) break
  }
}

async function main(): Promise<void> {
  await using cluster = await createCluster({ brokers: 1, topics: [{ name: 'orders', partitions: 1 }] })
  await using kafka = new Kafka({ clientId: 'shop', brokers: cluster.bootstrap, runtime: cluster.runtime })
  const producer = kafka.producer({ interceptors: [injectContext] })
  await tracer.run(tracer.start('checkout', {}), async () => {
    await producer.send([
      { topic: 'orders', value: 'book' },
      { topic: 'orders', value: 'lamp', headers: { gift: 'yes' } },
    ])
  })
  await tracer.run(tracer.start('refund', {}), async () => {
    cluster.faults.add({ match: { api: 'Produce' }, trigger: { times: 1 }, action: { error: 'POLICY_VIOLATION' } })
    await producer.send({ topic: 'orders', value: 'refused' })
  })
  const consumer = kafka.consumer({ groupId: 'kitchen', topics: ['orders'], offsetReset: 'earliest' })
  await consume(consumer, 2)
  for (const { name, traceId, parent, ended, attributes } of tracer.spans) {
    console.log(JSON.stringify({ name, trace: traceId.slice(0, 8), child: parent !== undefined, ended, ...attributes }))
  }
  console.log(`${tracer.spans.filter(({ ended }) => !ended).length} of ${tracer.spans.length} spans are open`)
}

await main()
