import { connect, type Socket } from 'node:net'
import { type Api, type Decoded, decodeResponse, type Encodable, encodeRequest, FrameSplitter } from '@ottla/codec'

import { addressOf } from './address.ts'

/** A TCP connection that sends requests in a given version, one at a time. */
export class Wire {
  readonly #socket: Socket
  readonly #clientId: string
  readonly #waiting: { readonly resolve: (frame: Buffer) => void; readonly reject: (error: Error) => void }[] = []
  #correlationId = 0

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket
    this.#clientId = clientId
    const splitter = new FrameSplitter({
      maxBytes: 100_000_000,
      onFrame: (frame) => this.#waiting.shift()?.resolve(frame),
      onError: (error) => socket.destroy(error),
    })
    socket.on('data', (data: Buffer) => {
      for (let offset = 0; offset < data.length; ) {
        const space = splitter.space()
        const size = Math.min(space.length, data.length - offset)
        space.set(data.subarray(offset, offset + size))
        splitter.filled(size)
        offset += size
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('closed'))
    })
  }

  /** Over a connected socket. */
  static over(socket: Socket, clientId = 'wire'): Wire {
    return new Wire(socket, clientId)
  }

  /** `address` is `host:port`. */
  static async open(address: string, clientId = 'wire'): Promise<Wire> {
    const socket = connect({ ...addressOf(address), noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Wire(socket, clientId)
  }

  /** Rejects when the connection closes before the response. */
  async request<Q, S>(
    api: Api<Q, S>,
    version: number,
    body: Encodable<Api<Q, S>['request']>,
  ): Promise<Decoded<Api<Q, S>['response']>> {
    const correlationId = ++this.#correlationId
    const frame = await this.#send(encodeRequest(api, version, { correlationId, clientId: this.#clientId }, body))
    return decodeResponse(api, version, frame).body
  }

  /** Sends bytes in a frame, without a request header, and returns the bytes of the response. */
  raw(bytes: Uint8Array): Promise<Buffer> {
    const length = Buffer.alloc(4)
    length.writeInt32BE(bytes.length)
    return this.#send([length, bytes])
  }

  #send(chunks: readonly Uint8Array[]): Promise<Buffer> {
    return new Promise<Buffer>((resolve, reject) => {
      if (this.#socket.destroyed) reject(new Error('closed'))
      this.#waiting.push({ resolve, reject })
      for (const chunk of chunks) this.#socket.write(chunk)
    })
  }

  get isClosed(): boolean {
    return this.#socket.destroyed
  }

  close(): void {
    this.#socket.destroy()
  }
}
