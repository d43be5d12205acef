import { FrameSplitter } from '@ottla/codec'
import type { ServerTransport, Timer, TransportSink } from '@ottla/runtime'
import type { Broker } from './broker.ts'
import { dispatch } from './dispatch.ts'
import { type Corruption, corruptedResponse } from './faults/corrupt-response.ts'
import type { Listener } from './network/listeners.ts'
import type { Held } from './state/held.ts'

/** What a listener with SASL keeps for a connection; the SASL handlers own `exchange`. */
export interface ConnectionAuth {
  /** The listener asks for authentication: until `principal` is set only ApiVersions and SASL are answered. */
  readonly required: boolean
  /** `User:alice` once authenticated; `User:ANONYMOUS` where nothing is asked for. */
  principal: string | undefined
  /** The mechanism chosen by SaslHandshake, and the state of its exchange. */
  mechanism: string | undefined
  exchange: unknown
  /** By a delegation token. */
  isToken: boolean
  /** Monotonic time when the client has to have authenticated again (KIP-368); undefined: never. */
  sessionEndsAtMs: number | undefined
  /** What authenticates again: it must be the same. */
  before: { readonly principal: string; readonly mechanism: string } | undefined
  /** Monotonic time. */
  againAtMs: number | undefined
  /** ApiVersions is answered once before the handshake. */
  hasAskedVersions: boolean
  /** After SaslHandshake v0 the tokens come bare, without the header of a request. */
  isRaw: boolean
}

/** What came of a frame: bytes to write, an answer that comes later, nothing (acks=0), or the end of the connection. */
export type Outcome =
  | { readonly kind: 'response'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'held'; readonly held: Held<unknown>; readonly encode: (response: unknown) => Outcome }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'close'; readonly reason: string }

/** Requests wait while this many bytes of answers are not written yet: a client that does not read gets no more. */
const maxUnflushedBytes = 1 << 20

/**
 * A client's connection: one request at a time, answered in order. While an answer is held nothing more is read, as
 * Kafka mutes the channel.
 */
export class Connection {
  readonly id: number
  readonly auth: ConnectionAuth
  readonly remoteAddress: string
  /** Where the transport delivers. */
  readonly sink: TransportSink
  readonly broker: Broker
  readonly door: Listener
  /** Of the last request. */
  clientId: string | null = null
  readonly #transport: ServerTransport
  readonly #splitter: FrameSplitter
  readonly #onClosed: () => void
  readonly #frames: Buffer[] = []
  #held: Held<unknown> | undefined
  #delay: Timer | undefined
  /** Answers that cannot get through to the client. */
  #stuck: (readonly Uint8Array[])[] = []
  #unflushedBytes = 0
  #isPumping = false
  #isMuted = false
  #isClosing = false
  #isClosed = false
  #lastActiveAtMs: number
  #idleTimer: Timer | undefined
  #throttleTimer: Timer | undefined
  #corruption: Corruption | undefined

  constructor(
    broker: Broker,
    { id, transport, door }: { readonly id: number; readonly transport: ServerTransport; readonly door: Listener },
    onClosed: () => void,
  ) {
    const { config, runtime } = broker.cluster
    this.id = id
    this.broker = broker
    this.door = door
    this.remoteAddress = transport.remoteAddress
    this.#transport = transport
    this.#onClosed = onClosed
    const required = door.asksForSasl
    this.auth = {
      required,
      principal: required ? undefined : (door.principal ?? 'User:ANONYMOUS'),
      mechanism: undefined,
      exchange: undefined,
      isToken: false,
      sessionEndsAtMs: undefined,
      before: undefined,
      againAtMs: undefined,
      hasAskedVersions: false,
      isRaw: false,
    }
    this.#splitter = new FrameSplitter({
      maxBytes: config.number('socket.request.max.bytes'),
      onFrame: (frame) => this.#frames.push(frame),
      onError: (error) => {
        broker.cluster.diagnose(
          `broker ${broker.id} closes a connection on ${error.message}: it may speak another protocol`,
        )
        this.destroy(error)
      },
    })
    this.sink = {
      space: () => this.#splitter.space(),
      filled: (size) => this.#filled(size),
      closed: () => this.#closed(),
    }
    this.#lastActiveAtMs = runtime.monoNow()
    this.#watchIdle(config.number('connections.max.idle.ms'))
  }

  /** A request waits for its answer here. */
  get isHolding(): boolean {
    return this.#held !== undefined
  }

  /** Closes once the answer of the request at hand is written: after a failed authentication. */
  closeAfterResponse(): void {
    this.#isClosing = true
  }

  /** Nothing more is read for that long, as Kafka does with a client that it throttles (KIP-219). */
  throttle(ms: number): void {
    const { runtime } = this.broker.cluster
    if (this.#isClosed) return
    if (this.#throttleTimer !== undefined) runtime.clearTimer(this.#throttleTimer)
    this.#throttleTimer = runtime.setTimer(() => {
      this.#throttleTimer = undefined
      this.#pump()
    }, ms)
  }

  /** Nothing is ever read: it is closed after a while, as Kafka does with one connection too many. */
  turnAway(ms: number): void {
    this.#throttleTimer = this.broker.cluster.runtime.setTimer(() => this.destroy(), ms)
    this.#pump()
  }

  /** The bytes of the next answer do not arrive as they should. */
  corruptNextResponse(corruption: Corruption): void {
    this.#corruption = corruption
  }

  /** The broker goes on, or the network works again. */
  wake(): void {
    const stuck = this.#stuck
    this.#stuck = []
    for (const chunks of stuck) this.#write(chunks)
    this.#pump()
  }

  /** Closes at once; with an error the client sees the connection reset. */
  destroy(error?: Error): void {
    if (this.#isClosed) return
    this.#transport.destroy(error)
    this.#closed()
  }

  #filled(size: number): void {
    this.#lastActiveAtMs = this.broker.cluster.runtime.monoNow()
    this.#splitter.filled(size)
    this.#pump()
  }

  /** Answers what has come, until a request is held or the client does not take its answers. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#isReady() && this.#frames.length > 0) {
      const frame = this.#frames.shift() as Buffer
      if (this.broker.delayMs > 0) this.#respondLater(frame)
      else this.#settle(dispatch(this, frame))
    }
    this.#isPumping = false
    this.#mute(!this.#isReady())
  }

  #isReady(): boolean {
    const isFree = this.#held === undefined && this.#delay === undefined && this.#throttleTimer === undefined
    return !this.#isClosed && isFree && this.#unflushedBytes < maxUnflushedBytes && this.broker.hearsClients
  }

  /** The broker is slow: nothing else is read meanwhile. */
  #respondLater(frame: Buffer): void {
    const { cluster, delayMs } = this.broker
    this.#delay = cluster.runtime.setTimer(() => {
      this.#delay = undefined
      this.#settle(dispatch(this, frame))
      this.#pump()
    }, delayMs)
  }

  #mute(muted: boolean): void {
    if (this.#isClosed || muted === this.#isMuted) return
    this.#isMuted = muted
    if (muted) this.#transport.pause()
    else this.#transport.resume()
  }

  #settle(outcome: Outcome): void {
    if (outcome.kind === 'response') this.#response(outcome.chunks)
    if (outcome.kind === 'held') this.#hold(outcome)
    if (outcome.kind === 'close') this.destroy()
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

  #response(chunks: readonly Uint8Array[]): void {
    const corruption = this.#corruption
    this.#corruption = undefined
    if (corruption === undefined) {
      this.#write(chunks)
      return
    }
    const { random } = this.broker.cluster.runtime
    const { pieces, pauseMs, closes } = corruptedResponse(corruption, Buffer.concat(chunks), random)
    if (closes) this.#isClosing = true
    // Nothing to write is nothing to wait for.
    if (pieces.length === 0) this.destroy()
    else if (pauseMs === 0) for (const piece of pieces) this.#write([piece])
    else this.#writeSlowly(pieces, pauseMs)
  }

  /** Nothing else is read or answered meanwhile. */
  #writeSlowly([first, ...rest]: readonly Uint8Array[], pauseMs: number): void {
    if (first === undefined) return
    this.#write([first])
    if (rest.length === 0) return
    this.#delay = this.broker.cluster.runtime.setTimer(() => {
      this.#delay = undefined
      this.#writeSlowly(rest, pauseMs)
      this.#pump()
    }, pauseMs)
  }

  #write(chunks: readonly Uint8Array[]): void {
    if (!this.broker.reachesClients) return void this.#stuck.push(chunks)
    let size = 0
    for (const chunk of chunks) size += chunk.byteLength
    this.#unflushedBytes += size
    const isLast = this.#isClosing
    this.#transport.write(chunks, () => {
      this.#unflushedBytes -= size
      this.#lastActiveAtMs = this.broker.cluster.runtime.monoNow()
      if (isLast) this.destroy()
      else if (this.#isMuted) this.#pump()
    })
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#splitter.stop()
    this.#frames.length = 0
    this.#stuck = []
    if (this.#delay !== undefined) this.broker.cluster.runtime.clearTimer(this.#delay)
    if (this.#idleTimer !== undefined) this.broker.cluster.runtime.clearTimer(this.#idleTimer)
    if (this.#throttleTimer !== undefined) this.broker.cluster.runtime.clearTimer(this.#throttleTimer)
    this.#throttleTimer = undefined
    this.#held?.cancel()
    this.#held = undefined
    this.#onClosed()
  }

  /** One timer a connection, set anew for what is left when it fires: activity costs a clock reading, not a timer. */
  #watchIdle(maxIdleMs: number): void {
    if (maxIdleMs <= 0) return
    const { runtime } = this.broker.cluster
    const arm = (delayMs: number) => {
      this.#idleTimer = runtime.setTimer(() => {
        const idleMs = runtime.monoNow() - this.#lastActiveAtMs
        // A client that waits for its answer is not idle.
        if (this.#held !== undefined) arm(maxIdleMs)
        else if (idleMs >= maxIdleMs) this.destroy()
        else arm(Math.max(1, maxIdleMs - idleMs))
      }, delayMs)
    }
    arm(maxIdleMs)
  }
}
