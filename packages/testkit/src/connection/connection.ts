import { FrameSplitter } from '@ottla/codec'
import type { Runtime, ServerTransport, Timer, TransportReader } from '@ottla/runtime'
import type { ConnectionOrigin } from '../network/listeners.ts'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import type { Held } from '../state/held.ts'
import { type Corruption, corruptedResponse } from './corrupt-response.ts'

/** What a connection needs of its broker. */
export interface ConnectionHost {
  /** The broker's id. */
  readonly id: number
  readonly runtime: Runtime
  readonly config: BrokerConfig
  /** How long each request waits before it is handled. */
  readonly requestDelayMs: number
  /** False while the broker is paused or cut off from its clients: requests are not read. */
  readonly canReceive: boolean
  /** False while responses cannot reach clients: they are kept until `wake`. */
  readonly canSend: boolean
  /** After this time without traffic the network forgets a connection (a quirk); Infinity: never. */
  readonly forgetsIdleMs: number
  /** Reports a client's mistake to the test. */
  diagnose(message: string): void
}

/** The state of authentication on one connection; the SASL handlers own `exchange`. */
export interface ConnectionAuth {
  /** The listener requires SASL: until `principal` is set, only ApiVersions and SASL requests are served. */
  readonly required: boolean
  /** `User:alice` once authenticated; `User:ANONYMOUS` on a listener without SASL. */
  principal: string | undefined
  /** The mechanism chosen by SaslHandshake, and the state of its exchange. */
  mechanism: string | undefined
  exchange: unknown
  /** Authenticated with a delegation token. */
  isToken: boolean
  /** Monotonic time by which the client must reauthenticate (KIP-368); undefined: never. */
  sessionEndsAtMs: number | undefined
  /** The identity before a reauthentication: it must stay the same. */
  before: { readonly principal: string; readonly mechanism: string } | undefined
  /** Monotonic time of the last reauthentication. */
  reauthenticatedAtMs: number | undefined
  /** ApiVersions is served only once before the handshake. */
  hasRequestedVersions: boolean
  /** After SaslHandshake v0, tokens are bare frames without a request header. */
  isRaw: boolean
}

/** The result of a frame: bytes to write, a response that comes later, no response (acks=0), or a closed connection. */
export type Outcome =
  | { readonly kind: 'response'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'held'; readonly held: Held<unknown>; readonly encode: (response: unknown) => Outcome }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'close'; readonly reason: string; readonly resets?: boolean }

/** Handles one request frame. */
export type Dispatch = (connection: Connection, frame: Buffer) => Outcome

export interface ConnectionOptions {
  /** Unique on its broker. */
  readonly id: number
  readonly transport: ServerTransport
  readonly origin: ConnectionOrigin
  readonly dispatch: Dispatch
  readonly onClosed: () => void
}

/** Above this many bytes of unwritten responses no further request is handled: backpressure for clients that do not read. */
const maxUnflushedBytes = 1 << 20

/**
 * A client's connection. It handles one request at a time and responds in order. While a response is held, nothing more is
 * read, as Kafka mutes the channel.
 */
export class Connection {
  readonly id: number
  readonly auth: ConnectionAuth
  readonly remoteAddress: string
  /** Where the transport delivers. */
  readonly reader: TransportReader
  readonly origin: ConnectionOrigin
  /** Of the last request. */
  clientId: string | null = null
  readonly #host: ConnectionHost
  readonly #runtime: Runtime
  readonly #transport: ServerTransport
  readonly #dispatch: Dispatch
  readonly #onClosed: () => void
  readonly #splitter: FrameSplitter
  readonly #frames: Buffer[] = []
  #held: Held<unknown> | undefined
  #delay: Timer | undefined
  /** Responses that cannot reach the client at the moment. */
  #unsent: (readonly Uint8Array[])[] = []
  #unflushedBytes = 0
  #isPumping = false
  #isMuted = false
  #isClosing = false
  #isClosed = false
  #lastActiveAtMs: number
  #idleTimer: Timer | undefined
  #throttleTimer: Timer | undefined
  #corruption: Corruption | undefined
  #wasForgotten = false

  constructor(host: ConnectionHost, { id, transport, origin, dispatch, onClosed }: ConnectionOptions) {
    const { config, runtime } = host
    this.id = id
    this.origin = origin
    this.remoteAddress = transport.remoteAddress
    this.#host = host
    this.#runtime = runtime
    this.#transport = transport
    this.#dispatch = dispatch
    this.#onClosed = onClosed
    const required = origin.requiresSasl
    this.auth = {
      required,
      principal: required ? undefined : (origin.principal ?? 'User:ANONYMOUS'),
      mechanism: undefined,
      exchange: undefined,
      isToken: false,
      sessionEndsAtMs: undefined,
      before: undefined,
      reauthenticatedAtMs: undefined,
      hasRequestedVersions: false,
      isRaw: false,
    }
    this.#splitter = new FrameSplitter({
      maxBytes: config.number('socket.request.max.bytes'),
      onFrame: (frame) => this.#frames.push(frame),
      onError: (error) => {
        host.diagnose(`Broker ${host.id} closed a connection: ${error.message}; the client may use another protocol`)
        this.destroy(error)
      },
    })
    this.reader = {
      space: () => this.#splitter.space(),
      filled: (size) => this.#filled(size),
      closed: () => this.#closed(),
    }
    this.#lastActiveAtMs = runtime.monoNow()
    this.#watchIdle(config.number('connections.max.idle.ms'))
  }

  /** A request waits for its response here. */
  get isHolding(): boolean {
    return this.#held !== undefined
  }

  /** Closes after the response to the current request: after a failed authentication. */
  closeAfterResponse(): void {
    this.#isClosing = true
  }

  /** Mutes the connection for `ms`, as Kafka does with a throttled client (KIP-219). */
  throttle(ms: number): void {
    if (this.#isClosed) return
    if (this.#throttleTimer !== undefined) this.#runtime.clearTimer(this.#throttleTimer)
    this.#throttleTimer = this.#runtime.setTimer(() => {
      this.#throttleTimer = undefined
      this.#pump()
    }, ms)
  }

  /** Reads nothing, and closes after `ms`: a connection above the connection quota. */
  turnAway(ms: number): void {
    this.#throttleTimer = this.#runtime.setTimer(() => this.destroy(), ms)
    this.#pump()
  }

  /** Corrupts the bytes of the next response. */
  corruptNextResponse(corruption: Corruption): void {
    this.#corruption = corruption
  }

  /** The broker was resumed, or the network healed. */
  wake(): void {
    const unsent = this.#unsent
    this.#unsent = []
    for (const chunks of unsent) this.#write(chunks)
    this.#pump()
  }

  /** Closes immediately; with an error the client sees a connection reset. */
  destroy(error?: Error): void {
    if (this.#isClosed) return
    this.#transport.destroy(error)
    this.#closed()
  }

  #filled(size: number): void {
    if (this.#isForgotten()) return
    this.#lastActiveAtMs = this.#runtime.monoNow()
    this.#splitter.filled(size)
    this.#pump()
  }

  /** Handles received frames until a response is held or too many bytes are unflushed. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#isReady() && this.#frames.length > 0) {
      const frame = this.#frames.shift() as Buffer
      if (this.#host.requestDelayMs > 0) this.#handleLater(frame)
      else this.#settle(this.#dispatch(this, frame))
    }
    this.#isPumping = false
    this.#mute(!this.#isReady())
  }

  #isReady(): boolean {
    const isFree = this.#held === undefined && this.#delay === undefined && this.#throttleTimer === undefined
    return !this.#isClosed && isFree && this.#unflushedBytes < maxUnflushedBytes && this.#host.canReceive
  }

  /** A slow broker: nothing else is read until the delay is over. */
  #handleLater(frame: Buffer): void {
    this.#delay = this.#runtime.setTimer(() => {
      this.#delay = undefined
      this.#settle(this.#dispatch(this, frame))
      this.#pump()
    }, this.#host.requestDelayMs)
  }

  #mute(muted: boolean): void {
    if (this.#isClosed || muted === this.#isMuted) return
    this.#isMuted = muted
    if (muted) this.#transport.pause()
    else this.#transport.resume()
  }

  #settle(outcome: Outcome): void {
    if (outcome.kind === 'response') this.#respond(outcome.chunks)
    if (outcome.kind === 'held') this.#hold(outcome)
    if (outcome.kind === 'close') this.destroy(outcome.resets ? new Error(outcome.reason) : undefined)
  }

  #hold({ held, encode }: Extract<Outcome, { kind: 'held' }>): void {
    this.#held = held
    held.deliverTo((response) => {
      if (this.#isClosed) return
      this.#held = undefined
      this.#settle(encode(response))
      this.#pump()
    })
  }

  #respond(chunks: readonly Uint8Array[]): void {
    const corruption = this.#corruption
    this.#corruption = undefined
    if (corruption === undefined) {
      this.#write(chunks)
      return
    }
    const { pieces, pauseMs, closes } = corruptedResponse(corruption, Buffer.concat(chunks), this.#runtime.random)
    if (closes) this.#isClosing = true
    // Without a byte to write no flush closes the connection.
    if (pieces.length === 0) this.destroy()
    else if (pauseMs === 0) for (const piece of pieces) this.#write([piece])
    else this.#writeSlowly(pieces, pauseMs)
  }

  /** Nothing else is read or written until the last piece. */
  #writeSlowly([first, ...rest]: readonly Uint8Array[], pauseMs: number): void {
    if (first === undefined) return
    this.#write([first])
    if (rest.length === 0) return
    this.#delay = this.#runtime.setTimer(() => {
      this.#delay = undefined
      this.#writeSlowly(rest, pauseMs)
      this.#pump()
    }, pauseMs)
  }

  /** The network lost this connection: it passes no more bytes, in either direction. */
  #isForgotten(): boolean {
    this.#wasForgotten ||= this.#runtime.monoNow() - this.#lastActiveAtMs >= this.#host.forgetsIdleMs
    return this.#wasForgotten
  }

  #write(chunks: readonly Uint8Array[]): void {
    if (this.#isForgotten()) return
    if (!this.#host.canSend) return void this.#unsent.push(chunks)
    let size = 0
    for (const chunk of chunks) size += chunk.byteLength
    this.#unflushedBytes += size
    const isLast = this.#isClosing
    this.#transport.write(chunks, () => {
      this.#unflushedBytes -= size
      this.#lastActiveAtMs = this.#runtime.monoNow()
      if (isLast) this.destroy()
      else if (this.#isMuted) this.#pump()
    })
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#splitter.stop()
    this.#frames.length = 0
    this.#unsent = []
    for (const timer of [this.#delay, this.#idleTimer, this.#throttleTimer]) {
      if (timer !== undefined) this.#runtime.clearTimer(timer)
    }
    this.#throttleTimer = undefined
    this.#held?.cancel()
    this.#held = undefined
    this.#onClosed()
  }

  /** One timer per connection, rearmed for the remaining time when it fires: activity costs a clock reading, not a timer. */
  #watchIdle(maxIdleMs: number): void {
    if (maxIdleMs <= 0) return
    const arm = (delayMs: number) => {
      this.#idleTimer = this.#runtime.setTimer(() => {
        const idleMs = this.#runtime.monoNow() - this.#lastActiveAtMs
        // A client that waits for a held response is not idle.
        if (this.#held !== undefined || this.#isForgotten()) arm(maxIdleMs)
        else if (idleMs >= maxIdleMs) this.destroy()
        else arm(Math.max(1, maxIdleMs - idleMs))
      }, delayMs)
    }
    arm(maxIdleMs)
  }
}
