import { type Api, type Decoded, decodeResponse, type Encodable, encodeRequest, FrameSplitter } from '@ottla/codec'
import type { Runtime, Transport } from '@ottla/runtime'

import { addressOf } from './address.ts'

interface Waiting {
  readonly api: Api
  readonly version: number
  readonly resolve: (body: never) => void
  readonly reject: (error: Error) => void
}

/** One connection with the bare protocol: requests are pipelined, responses arrive in order. */
export class WireClient {
  readonly #transport: Transport
  readonly #waiting: Waiting[]
  readonly #clientId: string | null
  #nextId = 1
  #expected: Promise<unknown> = Promise.resolve()

  private constructor(transport: Transport, waiting: Waiting[], clientId: string | null) {
    this.#transport = transport
    this.#waiting = waiting
    this.#clientId = clientId
  }

  /** Resolves `closed` when the connection ends. */
  static async connect(runtime: Runtime, address: string, clientId: string | null = 'wire'): Promise<WireClient> {
    const { host, port } = addressOf(address)
    const waiting: Waiting[] = []
    const splitter = new FrameSplitter({
      maxBytes: 100 << 20,
      onFrame: (frame) => {
        const next = waiting.shift()
        if (next === undefined) throw new Error('Unexpected response')
        next.resolve(decodeResponse(next.api, next.version, frame).body as never)
      },
      onError: (error) => {
        throw error
      },
    })
    let closed = () => {}
    const reader = {
      space: () => splitter.space(),
      filled: (size: number) => splitter.filled(size),
      closed: (error: Error | undefined) => {
        client.isClosed = true
        for (const { reject } of waiting.splice(0)) reject(error ?? new Error('closed'))
        closed()
      },
    }
    const target = { address: host, port, serverName: host }
    let client: WireClient
    const transport = await runtime.dial(target, reader, new AbortController().signal)
    client = new WireClient(transport, waiting, clientId)
    client.closed = new Promise((resolve) => {
      closed = resolve
    })
    return client
  }

  closed: Promise<void> = Promise.resolve()
  isClosed = false

  /** Sends a request, by default in the codec's newest version. */
  request<Q, S>(
    api: Api<Q, S>,
    body: Encodable<Api<Q, S>['request']>,
    version = api.unstable ? api.versions.max - 1 : api.versions.max,
  ): Promise<Decoded<Api<Q, S>['response']>> {
    if (this.isClosed) return Promise.reject(new Error('closed'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ api: api as unknown as Api, version, resolve, reject })
      this.send(api, body, version)
    })
  }

  /** Decodes the next response with this API, for requests written as bytes. */
  expect<Q, S>(api: Api<Q, S>, version: number): void {
    this.#expected = new Promise((resolve, reject) => {
      this.#waiting.push({ api: api as unknown as Api, version, resolve, reject })
    })
  }

  expected<A extends Api>(): Promise<Decoded<A['response']>> {
    return this.#expected as Promise<Decoded<A['response']>>
  }

  /** Sends a request without a response. */
  send<Q, S>(api: Api<Q, S>, body: Encodable<Api<Q, S>['request']>, version: number): void {
    const meta = { correlationId: this.#nextId++, clientId: this.#clientId }
    this.#transport.write(encodeRequest(api, version, meta, body))
  }

  write(bytes: Uint8Array): void {
    this.#transport.write([bytes])
  }

  close(): void {
    this.#transport.destroy()
  }
}
