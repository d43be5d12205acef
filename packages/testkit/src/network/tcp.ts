import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ServerTransport, TransportReader } from '@ottla/runtime'
import type { Accept } from './memory.ts'

export interface TcpListener {
  readonly port: number
  close(): Promise<void>
}

/** Listens on a TCP port; 0 selects a free one. Rejects when the port is in use. */
export function listenTcp(host: string, port: number, accept: Accept): Promise<TcpListener> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => attach(socket, accept))
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('The server has no port'))
      resolve({ port: address.port, close: () => closeServer(server) })
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

/** Connects a socket to the reader that receives its bytes. */
export function attach(socket: Socket, accept: Accept): void {
  const reader = accept(new TcpTransport(socket))
  let failure: Error | undefined
  socket.on('data', (bytes) => deliver(bytes, reader))
  socket.on('error', (error) => {
    failure ??= error
  })
  socket.once('close', () => reader.closed(failure))
}

function deliver(bytes: Buffer, reader: TransportReader): void {
  let from = 0
  while (from < bytes.length) {
    const size = bytes.copy(reader.space(), 0, from)
    from += size
    reader.filled(size)
  }
}

class TcpTransport implements ServerTransport {
  readonly remoteAddress: string
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
    this.remoteAddress = (socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, '')
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
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(error?: Error): void {
    // A TLS socket cannot be reset.
    if (error !== undefined && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }
}
