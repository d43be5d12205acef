import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls'
import type { DialTarget, TlsOptions, Transport, TransportReader } from '@ottla/runtime'
import { onAbort } from './wait.ts'

const keepAliveDelayMs = 60_000

/** Below this, copying two chunks together is cheaper than one more entry of a writev. */
const smallBytes = 512

/** Opens a TCP or TLS connection that reads into the reader's memory. */
export function dialSocket(target: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const socket = open(target, reader)
    let failure: Error | undefined
    let opened = false
    const release = onAbort(signal, () => socket.destroy(signal.reason))
    socket.once(target.tls === undefined ? 'connect' : 'secureConnect', () => {
      if (socket.destroyed) return
      release()
      opened = true
      resolve(new SocketTransport(socket))
    })
    socket.on('error', (error: Error) => {
      failure ??= error
    })
    socket.once('close', () => {
      release()
      if (opened) reader.closed(failure)
      else reject(failure ?? new Error('the peer closed the connection while it was being opened'))
    })
  })
}

function open({ address, port, serverName, tls }: DialTarget, reader: TransportReader): Socket {
  const onread = {
    buffer: () => reader.space(),
    callback: (size: number) => {
      reader.filled(size)
      return true
    },
  }
  const socket =
    tls === undefined
      ? connectTcp({ host: address, port, onread })
      : connectTls({ host: address, port, onread, ...tlsOptions(tls, serverName) } as ConnectionOptions)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveDelayMs)
  return socket
}

/** The options of `node:tls`. */
export function tlsOptions(tls: TlsOptions, serverName: string): ConnectionOptions {
  const { insecureSkipVerify, minVersion, servername, ...rest } = tls
  const expected = servername ?? serverName.replace(/\.$/, '')
  return {
    ...(rest as ConnectionOptions),
    // SNI must not be an address; the certificate then has to contain it as an IP.
    servername: isIP(expected) === 0 ? expected : '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(expected, certificate),
    minVersion: minVersion ?? 'TLSv1.2',
    // Explicit: otherwise NODE_TLS_REJECT_UNAUTHORIZED=0 would disable the check.
    rejectUnauthorized: insecureSkipVerify !== true,
  }
}

class SocketTransport implements Transport {
  readonly isLocal: boolean
  readonly #socket: Socket

  /** The socket is connected. */
  constructor(socket: Socket) {
    this.#socket = socket
    this.isLocal = socket.remoteAddress !== undefined && socket.remoteAddress === socket.localAddress
  }

  write(chunks: readonly Uint8Array[], onFlushed?: () => void): void {
    const socket = this.#socket
    const done = onFlushed && flushedUnlessClosed(socket, onFlushed)
    if (chunks.length === 1) {
      socket.write(chunks[0]!, done)
      return
    }
    socket.cork()
    const last = chunks.length - 1
    for (let i = 0; i <= last; ) {
      const end = endOfSmall(chunks, i)
      const chunk = end - i > 1 ? Buffer.concat(chunks.slice(i, end)) : chunks[i]!
      i = Math.max(end, i + 1)
      socket.write(chunk, i > last ? done : undefined)
    }
    socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(error?: Error): void {
    this.#socket.destroy(error)
  }
}

/** Node also calls back without an error when a socket is destroyed during a write. */
function flushedUnlessClosed(socket: Socket, onFlushed: () => void): (error?: Error | null) => void {
  return (error) => {
    if (!error && !socket.destroyed) onFlushed()
  }
}

/** The end of the run of small chunks that begins at `start`. */
function endOfSmall(chunks: readonly Uint8Array[], start: number): number {
  let end = start
  while (end < chunks.length && chunks[end]!.byteLength < smallBytes) end++
  return end
}
