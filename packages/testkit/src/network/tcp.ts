import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ServerTransport, TransportReader } from '@ottla/runtime'
import type { Accept } from './memory.ts'

export interface TcpListener {
  readonly port: number
  close(): Promise<void>
}

export interface ListenAt {
  readonly host: string
  /** 0 selects a free one. */
  readonly port: number
  /** Whether the server and its sockets keep the process alive. */
  readonly keepAlive: boolean
}

/** Listens on a TCP port. Rejects when the port is in use. */
export async function listenTcp(at: ListenAt, accept: Accept): Promise<TcpListener> {
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => attach(socket, accept))
  return { port: await listen(server, at), close: () => closeServer(server) }
}

/** Resolves to the port. */
export function listen(server: Server, { host, port, keepAlive }: ListenAt): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    if (!keepAlive) server.on('connection', (socket) => socket.unref())
    server.listen({ host, port }, () => {
      server.removeListener('error', reject)
      if (!keepAlive) server.unref()
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('The server has no port'))
      resolve(address.port)
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

/** Connects a socket to the reader that receives its bytes. */
export function attach(socket: Socket, accept: Accept): void {
  const transport = new TcpTransport(socket)
  const reader = accept(transport)
  let failure: Error | undefined
  socket.on('data', (bytes) => transport.received(bytes, reader))
  socket.on('error', (error) => {
    failure ??= error
  })
  socket.once('close', () => transport.closed(failure, reader))
}

/** A paused reader's socket is read up to this limit. */
const maxQueuedBytes = 1 << 20

/**
 * While its reader is paused, the socket is still read: a paused socket does not report that the client has closed it, so that a
 * connection with a held request would seem open for as long as the request is held.
 */
class TcpTransport implements ServerTransport {
  readonly remoteAddress: string
  readonly #socket: Socket
  #queue: Buffer[] = []
  #queuedBytes = 0
  #reader: TransportReader | undefined
  #isPaused = false
  #isDelivering = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.remoteAddress = (socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, '')
  }

  received(bytes: Buffer, reader: TransportReader): void {
    this.#reader = reader
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    this.#deliver()
    if (this.#queuedBytes > maxQueuedBytes) this.#socket.pause()
  }

  /** A paused reader also receives the last bytes and the end. */
  closed(error: Error | undefined, reader: TransportReader): void {
    this.#isPaused = false
    if (error !== undefined) this.#queue = []
    this.#deliver()
    reader.closed(error)
  }

  write(chunks: readonly Uint8Array[], onFlushed?: () => void): void {
    if (this.#socket.destroyed || chunks.length === 0) return
    this.#socket.cork()
    chunks.forEach((chunk, index) => {
      const isLast = index === chunks.length - 1
      this.#socket.write(chunk, isLast ? (error) => (error ? undefined : onFlushed?.()) : undefined)
    })
    this.#socket.uncork()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#deliver()
    if (this.#queuedBytes <= maxQueuedBytes) this.#socket.resume()
  }

  destroy(error?: Error): void {
    this.#queue = []
    // A TLS socket cannot be reset.
    if (error !== undefined && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  /** Not reentrant: a reader may pause and resume while it receives. */
  #deliver(): void {
    if (this.#isDelivering) return
    this.#isDelivering = true
    for (let bytes = this.#next(); bytes !== undefined; bytes = this.#next()) {
      for (let from = 0; from < bytes.length && this.#reader !== undefined; ) {
        const size = bytes.copy(this.#reader.space(), 0, from)
        from += size
        this.#reader.filled(size)
      }
    }
    this.#isDelivering = false
  }

  #next(): Buffer | undefined {
    const next = this.#isPaused ? undefined : this.#queue.shift()
    this.#queuedBytes -= next?.length ?? 0
    return next
  }
}
