import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { notSent } from '../error-meaning.ts'
import { type BrokerAddress, closedError, describeBroker, KafkaError } from '../errors.ts'
import type { ClientEvents } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { ApiRanges } from '../net/api-ranges.ts'
import { timedOutError } from '../net/connect-errors.ts'
import { Connection } from '../net/connection.ts'
import type { Observer } from '../net/observer.ts'
import { openConnection } from '../net/open-connection.ts'
import type { OpenSockets } from '../net/open-sockets.ts'
import type { PendingRequest } from '../net/pending-request.ts'
import { retriable, tlsMaterial } from '../net/tls-material.ts'
import type { VersionFallback } from '../net/version-fallback.ts'
import type { ResolvedOptions } from '../options.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'
import { Queue } from '../runtime/queue.ts'
import { sleep } from '../runtime/wait.ts'
import type { ReconnectBackoff } from './reconnect-backoff.ts'

/** More requests than this waiting for one connection indicate a bug of the caller. */
const mostWaiting = 10_000

/** Two at the highest version of ApiVersions, one at the next lower one. */
const attemptsForVersion = 3

/** What the connections of one client share. */
export interface BrokerConnectionServices {
  readonly runtime: Runtime
  readonly options: ResolvedOptions
  readonly events: ClientEvents
  readonly logger: Logger
  readonly observer: Observer
  readonly sockets: OpenSockets
}

/** What the connections to one broker share. */
export interface BrokerConnectionOwner {
  /** The current address of the broker. */
  address(): BrokerAddress
  readonly backoff: ReconnectBackoff
  setRanges(ranges: ApiRanges): void
  readonly versions: VersionFallback
  /** The broker closed a new connection at its first request: the next one finds out whether it requires SASL. */
  probeSasl: boolean
  /** How long a connection may now probe the port for TLS; 0: not now. */
  tlsProbeMs(): number
  /** The address of the host that was connected to last. */
  readonly lastAddress: { value: string | undefined }
  /** A connection succeeded before, so the port is right. */
  readonly everConnected: boolean
}

/**
 * One connection to one broker for one purpose, and the requests that wait for it. A socket is opened for the first request, and
 * for the first one after it closed. A request that was not written waits for the next socket, until its deadline.
 */
export class BrokerConnection {
  readonly #purpose: string
  readonly #owner: BrokerConnectionOwner
  readonly #services: BrokerConnectionServices
  readonly #waiting = new Queue<PendingRequest>()
  readonly #stop = new AbortController()
  /** For the deadlines of the waiting requests. */
  readonly #timer: DeadlineTimer
  #connection: Connection | undefined
  #opening: Deferred<void> | undefined
  #closeError: KafkaError | undefined

  constructor(purpose: string, owner: BrokerConnectionOwner, services: BrokerConnectionServices) {
    this.#purpose = purpose
    this.#owner = owner
    this.#services = services
    this.#timer = new DeadlineTimer(services.runtime, (nowMs) => this.#expireWaiting(nowMs))
  }

  get purpose(): string {
    return this.#purpose
  }

  get connected(): boolean {
    return this.#connection !== undefined
  }

  get inFlight(): number {
    return (this.#connection?.inFlight ?? 0) + this.#waiting.size
  }

  /** No request waits or is in flight, and no socket is being opened. */
  get idle(): boolean {
    return this.inFlight === 0 && this.#opening === undefined
  }

  submit(request: PendingRequest): void {
    if (request.settled) return
    if (this.#closeError !== undefined) {
      request.fail(notSent(this.#closeError))
      return
    }
    const connection = this.#connection
    if (connection?.writable === true && this.#waiting.size === 0) {
      connection.send(request)
      return
    }
    if (this.#waiting.size >= mostWaiting) {
      const message = `More than ${mostWaiting} requests are waiting for one connection to ${describeBroker(this.#owner.address())}`
      request.fail(new KafkaError('BUFFER_FULL', message, { retriable: true, outcome: 'not-written' }))
      return
    }
    this.#waiting.push(request)
    this.#timer.wakeBy(request.dueMs)
    if (connection === undefined) this.#open()
  }

  /** Resolves when a socket is open; rejects when the attempt to open one fails. */
  opened(): Promise<void> {
    if (this.#closeError !== undefined) return Promise.reject(this.#closeError)
    if (this.#connection !== undefined) return Promise.resolve()
    return this.#open()
  }

  /** Closes the socket; requests that were not written wait for the next one. */
  drop(error: KafkaError): void {
    this.#connection?.close(error)
  }

  /** Closes the socket for this reason, and opens no other. */
  close(error: KafkaError = closedError('connection', 'unknown')): void {
    if (this.#closeError !== undefined) return
    this.#closeError = error
    this.#stop.abort(error)
    this.#connection?.close(error)
    this.#failWaiting(error)
  }

  /** Opens a socket; calls at the same time share the attempt. */
  #open(): Promise<void> {
    if (this.#opening === undefined) {
      const opening = deferred<void>()
      handled(opening.promise)
      this.#opening = opening
      void this.#connect(opening)
    }
    return this.#opening.promise
  }

  async #connect(opening: Deferred<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { position } = this.#owner.versions
      const error = await this.#tryToConnect()
      if (error === undefined) {
        opening.resolve()
        this.#flush()
        return
      }
      // The broker may not know the version of ApiVersions: the next attempts find out, and the requests wait.
      const isVersion = this.#owner.versions.position > position && attempt < attemptsForVersion
      const failure = this.#closeError ?? this.#failed(error, { attempt, isVersion })
      if (isVersion && this.#closeError === undefined) continue
      this.#opening = undefined
      opening.reject(failure)
      this.#failWaiting(failure)
      return
    }
  }

  /** Returns the error of a failed attempt. */
  async #tryToConnect(): Promise<unknown> {
    const { backoff } = this.#owner
    try {
      const pauseMs = backoff.remainingMs()
      if (pauseMs > 0) await sleep(this.#services.runtime, pauseMs, this.#stop.signal)
      const connection = await this.#establish()
      if (connection.isClosed || !this.#isCurrent(connection)) throw this.#unusable(connection)
      backoff.succeeded()
      this.#opening = undefined
      this.#connection = connection
      this.#services.observer.connectionsOpened.add(1)
      this.#services.events.emit('connected', { broker: connection.broker, purpose: this.#purpose })
      return undefined
    } catch (error) {
      return error ?? new Error('the attempt was aborted')
    }
  }

  /** Whether the broker still has the address of the connection. */
  #isCurrent({ broker }: Connection): boolean {
    const { host, port } = this.#owner.address()
    return broker.host === host && broker.port === port
  }

  /** The connection was closed by the peer, or the broker moved, while it was being opened. */
  #unusable(connection: Connection): KafkaError {
    connection.close()
    return unexpected(undefined, connection.broker)
  }

  #failed(error: unknown, { attempt, isVersion }: { attempt: number; isVersion: boolean }): KafkaError {
    const { logger, observer } = this.#services
    const failure = notSent(KafkaError.is(error) ? error : unexpected(error, this.#owner.address()))
    const backoffMs = this.#owner.backoff.failed()
    const broker = this.#owner.address()
    observer.connectFailures.add(1)
    const fields = {
      purpose: this.#purpose,
      backoffMs: Math.round(backoffMs),
      error: failure.message,
      hint: failure.hint,
    }
    // A broker that has never responded may advertise an address that this machine cannot reach: worth a warning.
    if (!isVersion && isWorthWarning(this.#owner, attempt))
      logger.warn('connecting to a broker failed, still trying', fields)
    else logger.debug('connecting to a broker failed', fields)
    this.#services.events.emit('connectFailed', { broker, purpose: this.#purpose, error: failure, backoffMs })
    return failure
  }

  async #establish(): Promise<Connection> {
    const { runtime, options, sockets } = this.#services
    const { mapBroker, connectTimeoutMs, handshakeTimeoutMs, sasl } = options
    const { probeSasl, lastAddress } = this.#owner
    this.#owner.probeSasl = false
    const tls = await tlsMaterial(options.tls, this.#owner.address(), this.#services, this.#stop.signal)
    const dialling = { runtime, tls, mapBroker, connectTimeoutMs, lastAddress }
    const greeting = { sasl, handshakeTimeoutMs, sockets, probeSasl, tlsProbeMs: () => this.#owner.tlsProbeMs() }
    const connection = this.#newConnection()
    const opening = openConnection(connection, { ...dialling, ...greeting }, this.#stop.signal)
    this.#owner.setRanges(await (options.tls?.isProvided === true ? retriable(opening) : opening))
    return connection
  }

  #newConnection(): Connection {
    const { runtime, options, observer, sockets } = this.#services
    const { id, host, port } = this.#owner.address()
    const broker = { id, host, port }
    const purpose = this.#purpose
    const connection: Connection = new Connection({
      runtime,
      broker,
      purpose,
      clientId: options.clientId,
      limits: options,
      observer,
      versions: this.#owner.versions,
      onClosed: (error) => this.#onClosed(connection, error),
      onGone: () => sockets.gone(),
      onWritable: () => this.#flush(),
      onThrottled: (api, throttleMs) => this.#services.events.emit('throttled', { broker, api, throttleMs }),
    })
    return connection
  }

  #onClosed(connection: Connection, error: KafkaError | undefined): void {
    if (this.#connection !== connection) return
    const { observer, options } = this.#services
    this.#connection = undefined
    observer.connectionsClosed.add(1)
    const intended = this.#closeError !== undefined
    this.#services.events.emit('disconnected', {
      broker: connection.broker,
      purpose: this.#purpose,
      error: intended ? undefined : error,
    })
    if (intended) return
    // A listener with SASL closes the connection at the first request of a client without SASL.
    if (error !== undefined && connection.requestsCompleted === 0 && options.sasl === undefined) {
      this.#owner.probeSasl = true
    }
    if (error !== undefined) this.#owner.backoff.failed()
    if (this.#waiting.size > 0) this.#open()
  }

  #flush(): void {
    while (this.#waiting.size > 0 && this.#connection?.writable === true) {
      const request = this.#waiting.shift()!
      if (!request.settled) this.#connection.send(request)
    }
    if (this.#waiting.size === 0) this.#timer.clear()
  }

  #failWaiting(error: KafkaError): void {
    this.#timer.clear()
    if (this.#waiting.size === 0) return
    const failure = notSent(error)
    for (const request of this.#waiting.drain()) request.fail(failure)
  }

  #expireWaiting(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    this.#waiting.keep((request) => {
      if (request.settled) return false
      if (request.dueMs > nowMs) {
        nextMs = Math.min(nextMs, request.dueMs)
        return true
      }
      this.#services.observer.timeouts.add(1)
      request.fail(timedOutError(request.api.name, this.#owner.address(), nowMs - request.createdMs, 'not-written'))
      return false
    })
    return nextMs
  }
}

/** At the second failure in a row, then about every half minute. Bootstrap addresses have one warning for all. */
function isWorthWarning(owner: BrokerConnectionOwner, attempt: number): boolean {
  const { failures } = owner.backoff
  const isSecond = failures === 2 || (failures === 3 && attempt === attemptsForVersion)
  return !owner.everConnected && owner.address().id >= 0 && (isSecond || failures % 32 === 0)
}

function unexpected(cause: unknown, broker: BrokerAddress): KafkaError {
  const reason = cause === undefined ? 'the broker closed it immediately' : textOf(cause)
  const message = `No connection to ${broker.host}:${broker.port}: ${reason}`
  return new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written', broker, cause })
}
