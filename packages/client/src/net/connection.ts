import { type Api, type Decoded, decodeResponse } from '@ottla/codec'
import type { Transport, TransportReader } from '@ottla/runtime'
import { asKafkaError, type BrokerAddress, capitalized, closedError, describeBroker, KafkaError } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { Queue } from '../runtime/queue.ts'
import type { ApiRanges } from './api-ranges.ts'
import { foreignBytesError, isReset, lostError, timedOutError } from './connect-errors.ts'
import type { ConnectionConfig } from './connection-config.ts'
import { FrameReader } from './frame-reader.ts'
import { encoded, PendingRequest, unencodable } from './pending-request.ts'
import type { VersionFallback } from './version-fallback.ts'
import { WriteGate } from './write-gate.ts'

/** Limits what a peer can make the client buffer before it is authenticated. */
const unauthenticatedMaxBytes = 1 << 20

/**
 * One socket. A broker responds to the requests of a connection in their order, so the requests in flight form a queue, and the
 * first response belongs to the first of them. One timer serves all deadlines: requests, throttling, idling, re-authentication.
 */
export class Connection implements TransportReader {
  readonly #config: ConnectionConfig
  readonly #inFlight = new Queue<PendingRequest>()
  /** Requests without a response, until their bytes are written. */
  readonly #unflushed = new Set<PendingRequest>()
  readonly #reader: FrameReader
  readonly #timer: DeadlineTimer
  readonly #gate = new WriteGate()
  #transport: Transport | undefined
  #state: 'handshake' | 'ready' | 'closed' = 'handshake'
  #closeError: KafkaError | undefined
  #ranges: ApiRanges | undefined
  #correlationId: number
  #handshakeResponses = 0
  /** Requests written since the handshake. */
  #written = 0
  /** Bytes of the next response have arrived. */
  #isResponding = false
  /** How many requests may be in flight. */
  #window: number
  readonly #createdAt: number
  #lastUsedMs: number
  #throttledUntilMs = 0
  #reauthenticate: (() => Promise<number>) | undefined
  #reauthenticateAtMs = Number.POSITIVE_INFINITY
  #reauthenticating = false

  constructor(config: ConnectionConfig, firstCorrelationId = 0) {
    this.#config = config
    this.#correlationId = firstCorrelationId
    this.#window = config.limits.maxInFlightRequests
    this.#createdAt = config.versions.position
    this.#timer = new DeadlineTimer(config.runtime, (nowMs) => this.#onDue(nowMs))
    this.#lastUsedMs = config.runtime.monoNow()
    this.#reader = new FrameReader({
      maxBytes: unauthenticatedMaxBytes,
      onFrame: (frame) => this.#response(frame),
      onError: (error, first) => this.close(foreignBytesError(this.broker, first, error)),
    })
  }

  get broker(): BrokerAddress {
    return this.#config.broker
  }

  get purpose(): string {
    return this.#config.purpose
  }

  get versions(): VersionFallback {
    return this.#config.versions
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Responses received, including those of the handshake. */
  get responses(): number {
    return this.#reader.frames
  }

  /** Responses received since the handshake. */
  get requestsCompleted(): number {
    return this.#reader.frames - this.#handshakeResponses
  }

  /** Whether `send` may be called now. */
  get writable(): boolean {
    return (
      this.#state === 'ready' &&
      this.#throttledUntilMs === 0 &&
      this.#inFlight.size < this.#window &&
      this.#unflushed.size < this.#window &&
      !this.#reauthenticating &&
      !this.#sessionIsOver()
    )
  }

  /** Sets the socket. */
  attach(transport: Transport): void {
    if (this.#state === 'closed') transport.destroy()
    else this.#transport = transport
  }

  /** Opens the connection for requests, once the handshake is done. */
  ready(ranges: ApiRanges): void {
    if (this.#state !== 'handshake') return
    this.#state = 'ready'
    this.#ranges = ranges
    this.#handshakeResponses = this.#reader.frames
    if (this.#config.versions.isSuspicious) this.#window = 1
    this.#reader.raiseLimit(this.#config.limits.maxResponseBytes)
    this.#lastUsedMs = this.#config.runtime.monoNow()
    this.#timer.wakeBy(this.#lastUsedMs + this.#config.limits.connectionsMaxIdleMs)
  }

  /** Authenticates again after `afterMs` (KIP-368), with no other request in flight. `again` returns the next `afterMs`; 0: never. */
  reauthenticateAfter(afterMs: number, again: () => Promise<number>): void {
    if (afterMs <= 0) {
      this.#reauthenticateAtMs = Number.POSITIVE_INFINITY
      return
    }
    this.#reauthenticate = again
    this.#reauthenticateAtMs = this.#config.runtime.monoNow() + afterMs
    this.#timer.wakeBy(this.#reauthenticateAtMs)
  }

  /** Writes a request; call it only while `writable`. */
  send(request: PendingRequest): void {
    const version = this.#ranges!.negotiate(request.api, request.options)
    if (version < 0) {
      request.fail(this.#ranges!.unsupported(request.api, request.options, this.broker))
      return
    }
    request.version = version
    this.#write(request)
  }

  /** A request of the handshake in the given version, before or between those of `send`. */
  exchange<A extends Api>(api: A, version: number, body: unknown, timeoutMs: number): Promise<Decoded<A['response']>> {
    return new Promise((resolve, reject) => {
      const createdMs = this.#config.runtime.monoNow()
      const dueMs = createdMs + timeoutMs
      const { observer, broker } = this.#config
      const times = observer.timesOf(api.name, broker.id)
      const rest = { expectsResponse: true, observer, times, createdMs, dueMs, resolve, reject }
      const request = new PendingRequest(api, body, {}, rest)
      request.version = version
      if (this.#state === 'closed') request.fail(this.#closeError ?? closedError('connection'))
      else this.#write(request)
    })
  }

  /** Closes the socket. Requests in flight reject with `error`, or with CONNECTION_LOST. */
  close(error?: KafkaError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#closeError = error
    this.#reader.stop()
    this.#timer.stop()
    const pending = [...this.#inFlight.drain(), ...this.#unflushed].filter((request) => !request.settled)
    this.#unflushed.clear()
    if (pending.length > 0) {
      const failure = error ?? lostError(this.broker)
      for (const request of pending) request.fail(failure)
    }
    this.#transport?.destroy()
    this.#config.onClosed(error)
  }

  // ---- TransportReader

  space(): Uint8Array {
    return this.#reader.space()
  }

  filled(size: number): void {
    this.#config.observer.bytesReceived.add(size)
    this.#isResponding = true
    if (this.#state !== 'closed') this.#reader.filled(size)
  }

  closed(error: Error | undefined): void {
    this.#config.onGone()
    if (this.#state !== 'closed' && isReset(error)) this.#noteReset()
    const cleanly = error === undefined && this.#inFlight.size === 0 && this.#state === 'ready'
    this.close(cleanly ? undefined : lostError(this.broker, error))
  }

  /** The peer closed the connection without a byte of a response: it may not know the version of a request. */
  #noteReset(): void {
    if (this.#isResponding || this.#inFlight.size === 0) return
    const isNew = this.#state === 'handshake' || (this.requestsCompleted === 0 && this.#written === this.#inFlight.size)
    this.versions.closed({ requests: [...this.#inFlight], isNew, since: this.#createdAt })
  }

  // ---- writing

  #write(request: PendingRequest): void {
    const { clientId, observer, runtime } = this.#config
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
    const meta = { correlationId: this.#correlationId, clientId }
    let chunks: Uint8Array[]
    try {
      chunks = this.#encode(request, meta)
    } catch (error) {
      request.fail(unencodable(request, error))
      return
    }
    request.correlationId = meta.correlationId
    request.writtenMs = runtime.monoNow()
    this.#lastUsedMs = request.writtenMs
    let bytes = 0
    for (const chunk of chunks) bytes += chunk.byteLength
    if (this.#state === 'ready') this.#written++
    if (request.expectsResponse) this.#inFlight.push(request)
    else this.#unflushed.add(request)
    observer.written(request, this, bytes)
    // A subscriber of the diagnostics channel may have closed the client.
    if (this.isClosed) return
    if (request.expectsResponse)
      this.#gate.write(this.#transport!, { chunks, bytes, onFlushed: request.options.onFlushed })
    else this.#transport!.write(chunks, () => this.#flushed(request))
    this.#timer.wakeBy(request.dueMs)
  }

  /** A version that was lowered because connections were closed may lack what the request says: then it is not used. */
  #encode(request: PendingRequest, meta: { readonly correlationId: number; readonly clientId: string }): Uint8Array[] {
    try {
      return encoded(request, meta)
    } catch (error) {
      const version = this.#ranges?.highestOf(request.api, request.options) ?? -1
      if (version <= request.version) throw error
      request.version = version
      return encoded(request, meta)
    }
  }

  #flushed(request: PendingRequest): void {
    if (!this.#unflushed.delete(request)) return
    request.options.onFlushed?.()
    request.succeed(undefined, 0)
    this.#config.onWritable()
  }

  // ---- reading

  #response(frame: Buffer): void {
    const request = this.#inFlight.peek()
    const id = frame.length < 4 ? -1 : frame.readInt32BE(0)
    if (request === undefined || request.correlationId !== id) {
      const what = `sent a response with unexpected correlation id ${id}`
      this.close(this.#protocolError(what, { retriable: true }))
      return
    }
    this.#gate.responded(this.#transport!)
    const nowMs = this.#config.runtime.monoNow()
    this.#lastUsedMs = nowMs
    this.#isResponding = false
    this.#window = this.#config.limits.maxInFlightRequests
    this.versions.responded(request.api, request.version)
    if (request.settled) this.#config.observer.lateResponses.add(1)
    else if (!this.#settle(request, frame, nowMs)) return
    this.#inFlight.shift()
    const next = this.#inFlight.peek()
    // The caller of the next request has given up, but the broker only starts to process it now.
    if (next === undefined) {
      this.#timer.wakeBy(this.#idleAtMs())
    } else if (next.settled) {
      next.dueMs = nowMs + this.#silentMs(next)
      this.#timer.wakeBy(next.dueMs)
    }
    if (this.#reauthenticating) this.#tryReauthenticate()
    else this.#config.onWritable()
  }

  /** False: the bytes were no response, and the connection is closed. */
  #settle(request: PendingRequest, frame: Buffer, nowMs: number): boolean {
    let body: { throttleTimeMs?: unknown }
    try {
      body = decodeResponse(request.api, request.version, frame).body
    } catch (error) {
      const what = `sent a response to ${request.api.name} version ${request.version} that cannot be decoded`
      this.close(this.#protocolError(what, { cause: error, retriable: false }))
      return false
    }
    const throttleMs = body.throttleTimeMs
    if (typeof throttleMs === 'number' && throttleMs > 0) this.#throttle(request, throttleMs, nowMs)
    request.succeed(body, frame.length + 4)
    return true
  }

  #throttle(request: PendingRequest, askedMs: number, nowMs: number): void {
    const throttleMs = Math.min(askedMs, this.#config.limits.maxThrottleMs)
    this.#config.observer.throttleMs.add(throttleMs)
    this.#throttledUntilMs = Math.max(this.#throttledUntilMs, nowMs + throttleMs)
    this.#timer.wakeBy(this.#throttledUntilMs)
    this.#config.onThrottled(request.api.name, throttleMs)
  }

  #protocolError(what: string, details: { readonly cause?: unknown; readonly retriable: boolean }): KafkaError {
    const hint = 'Report it with the versions of broker and client if it happens again; this connection was closed.'
    const options = { ...details, broker: this.broker, outcome: 'unknown', hint } as const
    return new KafkaError('PROTOCOL_ERROR', `${capitalized(describeBroker(this.broker))} ${what}`, options)
  }

  // ---- deadlines

  #onDue(nowMs: number): number {
    if (!this.#expireRequests(nowMs)) return Number.POSITIVE_INFINITY
    if (this.#idleAtMs() <= nowMs) {
      this.close()
      return Number.POSITIVE_INFINITY
    }
    if (this.#reauthenticateAtMs <= nowMs) {
      this.#reauthenticateAtMs = Number.POSITIVE_INFINITY
      this.#reauthenticating = true
      this.#tryReauthenticate()
    }
    const throttleOver = this.#throttledUntilMs !== 0 && this.#throttledUntilMs <= nowMs
    if (throttleOver) this.#throttledUntilMs = 0
    const nextMs = this.#nextAtMs()
    if (throttleOver) this.#config.onWritable()
    return nextMs
  }

  #idleAtMs(): number {
    if (this.#state !== 'ready' || this.#inFlight.size > 0 || this.#unflushed.size > 0) return Number.POSITIVE_INFINITY
    return this.#lastUsedMs + this.#config.limits.connectionsMaxIdleMs
  }

  #nextAtMs(): number {
    let next = Math.min(this.#idleAtMs(), this.#reauthenticateAtMs)
    if (this.#throttledUntilMs !== 0) next = Math.min(next, this.#throttledUntilMs)
    for (const request of this.#inFlight) next = Math.min(next, request.dueMs)
    for (const request of this.#unflushed) next = Math.min(next, request.dueMs)
    return next
  }

  /** False: the first request waited too long, and the connection is closed. */
  #expireRequests(nowMs: number): boolean {
    const head = this.#inFlight.peek()
    for (const request of [...this.#inFlight, ...this.#unflushed]) {
      if (request.dueMs > nowMs) continue
      const waitedMs = nowMs - request.writtenMs
      if (!request.settled) this.#timeOut(request, waitedMs)
      if (request !== head && request.expectsResponse) {
        // Only the first request shows whether the broker responds: the others wait behind it.
        request.dueMs = Number.POSITIVE_INFINITY
      } else if (waitedMs >= this.#silentMs(request) || this.#state === 'handshake') {
        this.close(lostError(this.broker, undefined, `did not respond for ${Math.round(waitedMs)} ms`))
        return false
      } else {
        // The caller's time limit was shorter: the broker may still respond.
        request.dueMs = request.writtenMs + this.#silentMs(request)
      }
    }
    return true
  }

  #silentMs({ options: { silentMs } }: PendingRequest): number {
    return silentMs ?? this.#config.limits.requestTimeoutMs
  }

  #timeOut(request: PendingRequest, waitedMs: number): void {
    const error = timedOutError(request.api.name, this.broker, waitedMs, 'unknown')
    this.#config.observer.timeouts.add(1)
    request.fail(error)
  }

  // ---- re-authentication

  /** A busy event loop may send before its timers fire: after the end of the session a broker rejects requests. */
  #sessionIsOver(): boolean {
    const atMs = this.#reauthenticateAtMs
    return atMs !== Number.POSITIVE_INFINITY && atMs <= this.#config.runtime.monoNow()
  }

  #tryReauthenticate(): void {
    if (this.#inFlight.size > 0 || this.#reauthenticate === undefined) return
    const again = this.#reauthenticate
    this.#reauthenticate = undefined
    again().then(
      (afterMs) => {
        this.#reauthenticating = false
        this.reauthenticateAfter(afterMs, again)
        this.#config.onWritable()
      },
      (error: unknown) => this.close(asKafkaError(error, 'Re-authentication')),
    )
  }
}
