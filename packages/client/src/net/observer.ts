import { channel } from 'node:diagnostics_channel'
import type { BrokerAddress } from '../errors.ts'
import type { Counter, Metrics } from '../metrics.ts'
import type { PendingRequest } from './pending-request.ts'

/** The message of the diagnostics channels `ottla:request:start` and `ottla:request:end`. It never contains a body. */
export interface RequestEvent {
  readonly api: string
  readonly apiVersion: number
  readonly correlationId: number
  readonly broker: BrokerAddress
  /** Of the connection: 'general', or `<kind>:<owner>` such as 'produce:<producer>'. */
  readonly purpose: string
  /** Only at the end. */
  readonly durationMs?: number
  /** Only at the end, when the request failed. */
  readonly error?: unknown
}

const started = channel('ottla:request:start')
const ended = channel('ottla:request:end')

/** Counts and publishes all requests of a client. */
export class Observer {
  readonly metrics: Metrics
  readonly requests: Counter
  readonly bytesSent: Counter
  readonly bytesReceived: Counter
  readonly connectionsOpened: Counter
  readonly connectionsClosed: Counter
  readonly connectFailures: Counter
  readonly timeouts: Counter
  readonly throttleMs: Counter
  readonly lateResponses: Counter

  constructor(metrics: Metrics) {
    this.metrics = metrics
    this.requests = metrics.counter('requests')
    this.bytesSent = metrics.counter('bytesSent')
    this.bytesReceived = metrics.counter('bytesReceived')
    this.connectionsOpened = metrics.counter('connectionsOpened')
    this.connectionsClosed = metrics.counter('connectionsClosed')
    this.connectFailures = metrics.counter('connectFailures')
    this.timeouts = metrics.counter('requestTimeouts')
    this.throttleMs = metrics.counter('throttleMs')
    this.lateResponses = metrics.counter('lateResponses')
  }

  written(request: PendingRequest, place: { broker: BrokerAddress; purpose: string }): void {
    this.requests.add(1)
    if (started.hasSubscribers) started.publish(eventOf(request, place))
  }

  done(
    request: PendingRequest,
    place: { broker: BrokerAddress; purpose: string },
    nowMs: number,
    error?: unknown,
  ): void {
    const durationMs = nowMs - request.writtenMs
    if (error === undefined) request.times.succeeded(durationMs)
    if (ended.hasSubscribers) ended.publish({ ...eventOf(request, place), durationMs, error })
  }
}

function eventOf(
  request: PendingRequest,
  { broker, purpose }: { broker: BrokerAddress; purpose: string },
): RequestEvent {
  const { id, host, port } = broker
  return {
    api: request.api.name,
    apiVersion: request.version,
    correlationId: request.correlationId,
    broker: { id, host, port },
    purpose,
  }
}
