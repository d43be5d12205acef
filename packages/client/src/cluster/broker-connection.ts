import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { notSent } from '../error-meaning.ts'
import { type BrokerAddress, closedError, describeBroker, KafkaError } from '../errors.ts'
import { type ClientEventMap, type ClientEvents, notify } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { ApiRanges } from '../net/api-ranges.ts'
import { timedOutError } from '../net/connect-errors.ts'
import { Connection } from '../net/connection.ts'
import type { Observer } from '../net/observer.ts'
import { openConnection } from '../net/open-connection.ts'
import type { OpenSockets } from '../net/open-sockets.ts'
import type { PendingRequest } from '../net/pending-request.ts'
import type { ResolvedOptions } from '../options.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'
import { Queue } from '../runtime/queue.ts'
import { sleep } from '../runtime/wait.ts'
import type { ReconnectBackoff } from './reconnect-backoff.ts'

/** More requests than this waiting for one connection are a mistake of the caller. */
const mostWaiting = 10_000

/** What the lanes of one client share. */
export interface BrokerConnectionServices {
  readonly runtime: Runtime
  readonly options: ResolvedOptions
  readonly events: ClientEvents
  readonly logger: Logger
  readonly observer: Observer
  readonly sockets: OpenSockets
}

/** What the lanes of one broker share. */
export interface BrokerConnectionOwner {
  /** Where the broker is now. */
  address(): BrokerAddress
  readonly backoff: ReconnectBackoff
  learned(ranges: ApiRanges): void
  /** The broker closed a new connection at its first request: ask it what it wants. */
  suspicious: boolean
  /** A connection was made before: the port is the right one. */
  readonly everConnected: boolean
}

/**
 * One socket to one broker and the requests that wait for it. The socket is opened when a request comes, and again when
 * one comes after it closed; a request whose bytes were not written waits for the next one, until its deadline.
 */
export class BrokerConnection {
  readonly #name: string
  readonly #owner: BrokerConnectionOwner
  readonly #services: BrokerConnectionServices
  readonly #waiting = new Queue<PendingRequest>()
  readonly #stop = new AbortController()
  /** For the deadlines of the waiting requests. */
  readonly #timer: DeadlineTimer
  #connection: Connection | undefined
  #opening: Deferred<void> | undefined
  #closeError: KafkaError | undefined

  constructor(name: string, owner: BrokerConnectionOwner, services: BrokerConnectionServices) {
    this.#name = name
    this.#owner = owner
    this.#services = services
    this.#timer = new DeadlineTimer(services.runtime, (nowMs) => this.#expireWaiting(nowMs))
  }

  get name(): string {
    return this.#name
  }

  get connected(): boolean {
    return this.#connection !== undefined
  }

  get inFlight(): number {
    return (this.#connection?.inFlight ?? 0) + this.#waiting.size
  }

  /** Nothing waits, nothing is under way, nothing is being opened. */
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

  /** Resolves when the lane has a connection; rejects when the attempt to open one fails. */
  opened(): Promise<void> {
    if (this.#closeError !== undefined) return Promise.reject(this.#closeError)
    if (this.#connection !== undefined) return Promise.resolve()
    return this.#open()
  }

  /** Closes the socket; requests that were not written go out on the next one. */
  drop(error: KafkaError): void {
    this.#connection?.close(error)
  }

  /** Closes the socket for the reason given and opens none any more. */
  close(error: KafkaError = closedError('connection', 'unknown')): void {
    if (this.#closeError !== undefined) return
    this.#closeError = error
    this.#stop.abort(error)
    this.#connection?.close(error)
    this.#failWaiting(error)
  }

  /** Opens the socket; of several calls at the same time only the first one does. */
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
    const { backoff } = this.#owner
    try {
      const pauseMs = backoff.remainingMs()
      if (pauseMs > 0) await sleep(this.#services.runtime, pauseMs, this.#stop.signal)
      const connection = await this.#establish()
      if (connection.isClosed || !this.#isCurrent(connection)) throw this.#gone(connection)
      backoff.succeeded()
      this.#opening = undefined
      this.#connection = connection
      this.#services.observer.connectionsOpened.add(1)
      this.#tell('connected', { broker: connection.broker, purpose: this.#name })
      opening.resolve()
      this.#flush()
    } catch (error) {
      this.#opening = undefined
      const failure = this.#closeError ?? this.#failed(error)
      opening.reject(failure)
      this.#failWaiting(failure)
    }
  }

  /** Whether the broker is still where the connection leads to. */
  #isCurrent({ broker }: Connection): boolean {
    const { host, port } = this.#owner.address()
    return broker.host === host && broker.port === port
  }

  /** Closed, or led to where the broker was, when it was just open. */
  #gone(connection: Connection): KafkaError {
    connection.close()
    return unexpected(undefined, connection.broker)
  }

  #tell<E extends keyof ClientEventMap>(event: E, ...details: Parameters<ClientEventMap[E]>): void {
    notify(this.#services, event, ...details)
  }

  #failed(error: unknown): KafkaError {
    const { logger, observer } = this.#services
    const failure = notSent(KafkaError.is(error) ? error : unexpected(error, this.#owner.address()))
    const backoffMs = this.#owner.backoff.failed()
    const broker = this.#owner.address()
    observer.connectFailures.add(1)
    const fields = { purpose: this.#name, backoffMs: Math.round(backoffMs), error: failure.message, hint: failure.hint }
    // A broker that never answered often advertises an address that this machine cannot reach: that must not stay hidden.
    if (isWorthWarning(this.#owner)) logger.warn('connecting to a broker failed, still trying', fields)
    else logger.debug('connecting to a broker failed', fields)
    this.#tell('connectFailed', { broker, purpose: this.#name, error: failure, backoffMs })
    return failure
  }

  async #establish(): Promise<Connection> {
    const { runtime, options, sockets } = this.#services
    const { mapBroker, connectTimeoutMs, handshakeTimeoutMs, sasl } = options
    const tls = options.tls?.reveal()
    const { suspicious: probeSasl, everConnected } = this.#owner
    this.#owner.suspicious = false
    const dialling = { runtime, tls, mapBroker, connectTimeoutMs }
    const greeting = { sasl, handshakeTimeoutMs, sockets, probeSasl, probeTls: !everConnected }
    const connection = this.#newConnection()
    this.#owner.learned(await openConnection(connection, { ...dialling, ...greeting }, this.#stop.signal))
    return connection
  }

  #newConnection(): Connection {
    const { runtime, options, observer, sockets } = this.#services
    const { id, host, port } = this.#owner.address()
    const broker = { id, host, port }
    const purpose = this.#name
    const connection: Connection = new Connection({
      runtime,
      broker,
      purpose,
      clientId: options.clientId,
      limits: options,
      observer,
      onClosed: (error) => this.#onClosed(connection, error),
      onGone: () => sockets.gone(),
      onWritable: () => this.#flush(),
      onThrottled: (api, throttleMs) => this.#tell('throttled', { broker, api, throttleMs }),
    })
    return connection
  }

  #onClosed(connection: Connection, error: KafkaError | undefined): void {
    if (this.#connection !== connection) return
    const { observer, options } = this.#services
    this.#connection = undefined
    observer.connectionsClosed.add(1)
    const meant = this.#closeError !== undefined
    this.#tell('disconnected', { broker: connection.broker, purpose: this.#name, error: meant ? undefined : error })
    if (meant) return
    // A listener with SASL closes at the first request of a client without.
    if (error !== undefined && connection.requestsCompleted === 0 && options.sasl === undefined) {
      this.#owner.suspicious = true
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

/** At the second failure in a row, then about every half minute. Bootstrap addresses are warned of all together. */
function isWorthWarning(owner: BrokerConnectionOwner): boolean {
  const { failures } = owner.backoff
  return !owner.everConnected && owner.address().id >= 0 && (failures === 2 || failures % 32 === 0)
}

function unexpected(cause: unknown, broker: BrokerAddress): KafkaError {
  const reason = cause === undefined ? 'the broker closed it immediately' : textOf(cause)
  const message = `No connection to ${broker.host}:${broker.port}: ${reason}`
  return new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written', broker, cause })
}
