import {
  type Api,
  apiOf,
  decodeRequest,
  decodeRequestHeader,
  type Encodable,
  encodeResponse,
  FrameSplitter,
} from '@ottla/codec'
import type { DialTarget, Transport, TransportSink } from '@ottla/runtime'

/** The fields that the tests look at, of whichever request. */
export interface FakeBody {
  readonly topics: { readonly name: string | null }[] | null
  readonly allowAutoTopicCreation: boolean
  readonly key: string
  readonly keyType: number
  readonly coordinatorKeys: string[]
  readonly mechanism: string
  readonly authBytes: Uint8Array
}

/** What a broker of a test got. */
export interface FakeRequest {
  readonly api: Api
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: FakeBody
  readonly socket: FakeSocket
}

/** Answers a request: an answer to encode, nothing (silence), or what it does itself through the socket. */
export type FakeHandler = (request: FakeRequest) => unknown

/** The broker's end of one connection. */
export class FakeSocket {
  readonly target: DialTarget
  readonly received: FakeRequest[] = []
  closed = false
  #sink: TransportSink
  #splitter: FrameSplitter
  #handler: FakeHandler

  constructor(target: DialTarget, sink: TransportSink, handler: FakeHandler) {
    this.target = target
    this.#sink = sink
    this.#handler = handler
    const onFrame = (frame: Buffer) => this.#request(frame)
    this.#splitter = new FrameSplitter({ maxBytes: 100 << 20, onFrame, onError: () => this.close() })
  }

  /** Sends an answer, also one that nobody asked for. */
  respond<A extends Api>(api: A, version: number, correlationId: number, body: Encodable<A['response']>): void {
    this.send(...encodeResponse(api as Api, version, correlationId, body as never))
  }

  /** Sends bytes as they are. */
  send(...chunks: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(chunks)
    setImmediate(() => this.#deliver(bytes))
  }

  /** Answers and closes so that both arrive in the same turn. */
  lastWords<A extends Api>(api: A, version: number, correlationId: number, body: Encodable<A['response']>): void {
    const bytes = Buffer.concat(encodeResponse(api as Api, version, correlationId, body as never))
    setImmediate(() => {
      this.#deliver(bytes)
      this.ended(undefined)
    })
  }

  #deliver(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.closed; ) {
      const space = this.#sink.space()
      const size = bytes.copy(space, 0, at)
      at += size
      this.#sink.filled(size)
    }
  }

  close(error?: Error): void {
    if (this.closed) return
    setImmediate(() => this.ended(error))
  }

  /** What the client wrote. */
  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.closed; ) {
      const size = bytes.copy(this.#splitter.space(), 0, at)
      at += size
      this.#splitter.filled(size)
    }
  }

  ended(error: Error | undefined): void {
    if (this.closed) return
    this.closed = true
    this.#sink.closed(error)
  }

  #request(frame: Buffer): void {
    const { apiKey, apiVersion: version, correlationId, clientId, bodyOffset } = decodeRequestHeader(frame)
    const api = apiOf(apiKey)!
    const body = decodeRequest(api, version, frame, bodyOffset) as unknown as FakeBody
    const request = { api, version, correlationId, clientId, body, socket: this }
    this.received.push(request)
    const response = this.#handler(request)
    if (response !== undefined)
      this.send(...encodeResponse(api, version, correlationId, { throttleTimeMs: 0, ...(response as object) } as never))
  }
}

/** Hosts and ports of a test; what is not listed refuses. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = []
  readonly dials: string[] = []
  /** `host:port` → who answers there, or the error of dialling. `null`: never answers. */
  readonly brokers = new Map<string, FakeHandler | Error | null>()

  get open(): FakeSocket[] {
    return this.sockets.filter((socket) => !socket.closed)
  }

  /** Everything that was received, but for the handshake. */
  requests(...names: string[]): FakeRequest[] {
    const all = this.sockets.flatMap((socket) => socket.received)
    return all.filter(({ api }) => names.length === 0 || names.includes(api.name))
  }

  async dial(target: DialTarget, sink: TransportSink, signal: AbortSignal): Promise<Transport> {
    const place = `${target.address}:${target.port}`
    this.dials.push(place)
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    const broker = this.brokers.get(place)
    if (broker === undefined) throw Object.assign(new Error(`connect ECONNREFUSED ${place}`), { code: 'ECONNREFUSED' })
    if (broker instanceof Error) throw broker
    if (broker === null) {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    const socket = new FakeSocket(target, sink, broker)
    this.sockets.push(socket)
    return {
      write: (chunks, onFlushed) => {
        const bytes = Buffer.concat(chunks)
        setImmediate(() => {
          if (socket.closed) return
          onFlushed?.()
          socket.take(bytes)
        })
      },
      pause: () => {},
      resume: () => {},
      destroy: (error) => {
        setImmediate(() => socket.ended(error))
      },
    }
  }
}
