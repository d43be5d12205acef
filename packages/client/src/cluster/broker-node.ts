import type { Api, Decoded } from '@ottla/codec'
import { notSent } from '../error-meaning.ts'
import { type BrokerAddress, closedError, KafkaError } from '../errors.ts'
import type { ApiRanges, VersionLimits } from '../net/api-ranges.ts'
import { PendingRequest } from '../net/pending-request.ts'
import { type VersionFall, VersionFallback } from '../net/version-fallback.ts'
import { withSignal } from '../runtime/wait.ts'
import type { Broker, ConnectionPurpose, RequestBody, RequestOptions } from './broker.ts'
import { BrokerConnection, type BrokerConnectionOwner, type BrokerConnectionServices } from './broker-connection.ts'
import { ReconnectBackoff } from './reconnect-backoff.ts'

const tlsProbe = { firstMs: 500, laterMs: 2_000, everyMs: 30_000 }

const noOptions: RequestOptions = Object.freeze({})

/** A node of the cluster, or a bootstrap address (its id is negative), with its connections by purpose. */
export class BrokerNode implements Broker, BrokerConnectionOwner {
  readonly id: number
  readonly backoff: ReconnectBackoff
  readonly versions: VersionFallback
  probeSasl = false
  readonly lastAddress: { value: string | undefined } = { value: undefined }
  readonly #services: BrokerConnectionServices
  readonly #connections = new Map<string, BrokerConnection>()
  #host: string
  #port: number
  #rack: string | null
  #ranges: ApiRanges | undefined
  #probedTlsMs: number | undefined
  #closeError: KafkaError | undefined

  constructor(
    address: BrokerAddress & { readonly rack?: string | null | undefined },
    services: BrokerConnectionServices,
  ) {
    const { runtime, options } = services
    this.id = address.id
    this.#host = address.host
    this.#port = address.port
    this.#rack = address.rack ?? null
    this.#services = services
    const { reconnectBackoffMs: firstMs, reconnectBackoffMaxMs: maxMs } = options
    this.backoff = new ReconnectBackoff(runtime, { firstMs, maxMs })
    this.versions = new VersionFallback(runtime, (fall) => this.#lowered(fall))
  }

  get host(): string {
    return this.#host
  }

  get port(): number {
    return this.#port
  }

  get rack(): string | null {
    return this.#rack
  }

  get everConnected(): boolean {
    return this.#ranges !== undefined
  }

  /** Whether the general connection is open. */
  get connected(): boolean {
    return this.#connections.get('general')?.connected === true
  }

  get inFlight(): number {
    let sum = 0
    for (const { inFlight } of this.#connections.values()) sum += inFlight
    return sum
  }

  get connections(): Iterable<BrokerConnection> {
    return this.#connections.values()
  }

  address(): BrokerAddress {
    return { id: this.id, host: this.#host, port: this.#port }
  }

  setRanges(ranges: ApiRanges): void {
    this.#ranges = ranges
  }

  /** Until a connection succeeds: briefly at first, since a broker may not respond to a probe at all, and then twice a minute. */
  tlsProbeMs(): number {
    const nowMs = this.#services.runtime.monoNow()
    const probedMs = this.#probedTlsMs
    if (this.everConnected || (probedMs !== undefined && nowMs - probedMs < tlsProbe.everyMs)) return 0
    this.#probedTlsMs = nowMs
    return probedMs === undefined ? tlsProbe.firstMs : tlsProbe.laterMs
  }

  /** Applies new metadata of the node. Connections to an old address are closed. */
  update({ host, port, rack }: { host: string; port: number; rack?: string | null | undefined }): void {
    this.#rack = rack ?? null
    if (host === this.#host && port === this.#port) return
    const message = `Broker ${this.id} moved from ${this.#host}:${this.#port} to ${host}:${port}`
    const error = new KafkaError('CONNECTION_LOST', message, {
      retriable: true,
      outcome: 'unknown',
      broker: this.address(),
    })
    this.#host = host
    this.#port = port
    this.backoff.succeeded()
    this.versions.forget()
    for (const connection of this.#connections.values()) connection.drop(error)
  }

  request<A extends Api>(
    api: A,
    body: RequestBody<A>,
    options: RequestOptions = noOptions,
  ): Promise<Decoded<A['response']>> {
    return this.#submit(api, body, options, true)
  }

  fireAndForget<A extends Api>(api: A, body: RequestBody<A>, options: RequestOptions = noOptions): Promise<void> {
    return this.#submit(api, body, options, false)
  }

  #submit<T>(api: Api, body: unknown, options: RequestOptions, expectsResponse: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const { runtime, observer } = this.#services
      const createdMs = runtime.monoNow()
      const dueMs = createdMs + (options.timeoutMs ?? this.#services.options.requestTimeoutMs)
      const request = new PendingRequest(api, body, options, {
        expectsResponse,
        observer,
        times: observer.timesOf(api.name, this.id),
        createdMs,
        dueMs,
        resolve,
        reject,
      })
      if (this.#closeError !== undefined) request.fail(notSent(this.#closeError))
      else this.#connection(options.purpose).submit(request)
    })
  }

  async versionOf(api: Api, options: RequestOptions = noOptions): Promise<number> {
    if (this.#ranges === undefined) {
      if (this.#closeError !== undefined) throw this.#closeError
      await withSignal(this.#connection(options.purpose).opened(), options.signal)
    }
    const version = this.#ranges!.negotiate(api, options)
    if (version < 0) throw this.#ranges!.unsupported(api, options, this.address())
    return version
  }

  knownVersionOf(api: Api, limits: VersionLimits = {}): number | undefined {
    const version = this.#ranges?.negotiate(api, limits)
    return version === undefined || version < 0 ? undefined : version
  }

  featureLevel(name: string): number {
    return this.#ranges?.featureLevel(name) ?? 0
  }

  closeConnection(purpose: ConnectionPurpose): void {
    const connection = this.#connections.get(purpose)
    if (connection === undefined) return
    this.#connections.delete(purpose)
    const message = `The connection '${purpose}' to broker ${this.id} was closed by the client`
    connection.close(
      new KafkaError('CONNECTION_LOST', message, { retriable: true, outcome: 'unknown', broker: this.address() }),
    )
  }

  /** Closes the connections without requests. Returns whether none is left. */
  retire(): boolean {
    for (const [purpose, connection] of this.#connections) {
      if (!connection.idle) continue
      this.#connections.delete(purpose)
      connection.close()
    }
    return this.#connections.size === 0
  }

  close(error: KafkaError = closedError('client', 'unknown')): void {
    if (this.#closeError !== undefined) return
    this.#closeError = error
    for (const connection of this.#connections.values()) connection.close(error)
    this.#connections.clear()
  }

  #lowered({ api, version, next }: VersionFall): void {
    const fields = { broker: `${this.#host}:${this.#port}`, api: api.name, version, next }
    this.#services.logger.info('the broker closes connections at a version, using a lower one', fields)
  }

  #connection(purpose: ConnectionPurpose = 'general'): BrokerConnection {
    let connection = this.#connections.get(purpose)
    if (connection === undefined) {
      connection = new BrokerConnection(purpose, this, this.#services)
      this.#connections.set(purpose, connection)
    }
    return connection
  }
}
