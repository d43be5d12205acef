import type { Runtime } from '@ottla/runtime'
import { requestChannels } from '../diagnostics.ts'
import type { BrokerAddress, KafkaError } from '../errors.ts'
import type { RequestTimes } from '../metrics/request-times.ts'
import type { Counter, Metrics } from '../metrics.ts'
import type { PendingRequest, SettlementObserver } from './pending-request.ts'

/** The connection of a request. */
export interface RequestPlace {
  readonly broker: BrokerAddress
  readonly purpose: string
}

/** Counts and publishes all requests of a client. */
export class Observer implements SettlementObserver {
  readonly requests: Counter
  readonly bytesSent: Counter
  readonly bytesReceived: Counter
  readonly connectionsOpened: Counter
  readonly connectionsClosed: Counter
  readonly connectFailures: Counter
  readonly timeouts: Counter
  readonly throttleMs: Counter
  readonly lateResponses: Counter
  readonly #metrics: Metrics
  readonly #runtime: Pick<Runtime, 'monoNow'>
  readonly #clientId: string

  constructor(metrics: Metrics, runtime: Pick<Runtime, 'monoNow'>, clientId: string) {
    this.#metrics = metrics
    this.#runtime = runtime
    this.#clientId = clientId
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

  /** The requests of an API to a broker. */
  timesOf(api: string, brokerId: number): RequestTimes {
    return this.#metrics.requests(api, brokerId)
  }

  written(request: PendingRequest, { broker, purpose }: RequestPlace, requestBytes: number): void {
    this.requests.add(1)
    this.bytesSent.add(requestBytes)
    if (!requestChannels.active) return
    const { id, host, port } = broker
    request.published = requestChannels.create({
      clientId: this.#clientId,
      api: request.api.name,
      apiVersion: request.version,
      correlationId: request.correlationId,
      broker: { id, host, port },
      purpose,
      requestBytes,
    })
    requestChannels.start(request.published)
  }

  /** A request is settled; called exactly once for each. */
  settled(request: PendingRequest, responseBytes: number, error: KafkaError | undefined): void {
    const { writtenMs, times, published } = request
    const durationMs = writtenMs < 0 ? 0 : this.#runtime.monoNow() - writtenMs
    if (error === undefined) times.succeeded(durationMs)
    else times.failed(error)
    if (published === undefined) return
    request.published = undefined
    requestChannels.end(published, { durationMs, responseBytes, error })
  }
}
