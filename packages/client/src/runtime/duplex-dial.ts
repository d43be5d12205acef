import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { DialTarget, Runtime, Transport, TransportReader } from '@ottla/runtime'
import { nodeRuntime } from './node-runtime.ts'
import { tlsOptions } from './socket-transport.ts'
import { onAbort, withSignal } from './wait.ts'

/** The end of a connection: the address that the broker advertises, after `mapBroker`. */
export interface OpenTarget {
  readonly host: string
  readonly port: number
}

/** Opens a connection to a broker: a socket through a proxy or a tunnel, or any other Duplex of bytes. */
export type OpenConnection = (target: OpenTarget, signal: AbortSignal) => Promise<Duplex> | Duplex

/**
 * Node's Runtime with connections that `open` opens, for SOCKS proxies and tunnels. Every connection uses it, those to the bootstrap
 * addresses too. Host names are passed on, not looked up. With the option `tls`, TLS runs over the opened connection, and the
 * certificate is checked against the host name that the broker advertises. `open` has to give up when its signal aborts; a connection
 * that it returns later is destroyed.
 */
export function runtimeOver(open: OpenConnection): Runtime {
  return Object.freeze({
    ...nodeRuntime,
    lookup: async (host: string) => [host],
    dial: (target: DialTarget, reader: TransportReader, signal: AbortSignal) => dialOver(open, target, reader, signal),
  })
}

async function dialOver(
  open: OpenConnection,
  target: DialTarget,
  reader: TransportReader,
  signal: AbortSignal,
): Promise<Transport> {
  const { address: host, port, serverName, tls } = target
  const opened = await openInTime(async () => open({ host, port }, signal), signal)
  if (!isDuplex(opened)) throw new TypeError('The function of runtimeOver() returned no Duplex')
  // An error without a listener would end the process.
  opened.on('error', () => {})
  if (signal.aborted || opened.destroyed) {
    opened.destroy()
    throw signal.aborted ? signal.reason : new Error('The function of runtimeOver() returned a closed connection')
  }
  const stream = tls === undefined ? opened : connectTls({ socket: opened, ...tlsOptions(tls, serverName) })
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    let isOpen = tls === undefined
    const release = onAbort(signal, () => stream.destroy(signal.reason))
    const ready = () => {
      release()
      isOpen = true
      resolve(new DuplexTransport(stream))
    }
    stream.on('data', (bytes: Buffer) => read(bytes, reader, stream))
    stream.on('error', (error: Error) => {
      failure ??= error
    })
    // The peer sends no more: a half-open connection is of no use.
    stream.once('end', () => stream.destroy())
    stream.once('close', () => {
      release()
      opened.destroy()
      if (isOpen) reader.closed(failure)
      else reject(failure ?? new Error('the peer closed the connection while it was being opened'))
    })
    if (isOpen) ready()
    else stream.once('secureConnect', ready)
  })
}

/** The function of the application may ignore the signal: what it returns later is destroyed. */
async function openInTime(open: () => Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const opening = open()
  try {
    return await withSignal(opening, signal)
  } catch (error) {
    opening.then(
      (late) => {
        if (isDuplex(late)) late.on('error', () => {}).destroy()
      },
      () => {},
    )
    throw error
  }
}

function isDuplex(value: unknown): value is Duplex {
  if (typeof value !== 'object' || value === null) return false
  const { write, on, destroy } = value as Partial<Duplex>
  return typeof write === 'function' && typeof on === 'function' && typeof destroy === 'function'
}

function read(bytes: Buffer, reader: TransportReader, stream: Duplex): void {
  for (let at = 0; at < bytes.length && !stream.destroyed; ) {
    const size = bytes.copy(reader.space(), 0, at)
    at += size
    reader.filled(size)
  }
}

class DuplexTransport implements Transport {
  readonly #stream: Duplex

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  write(chunks: readonly Uint8Array[], onFlushed?: () => void): void {
    const stream = this.#stream
    const last = chunks.length - 1
    stream.cork()
    chunks.forEach((chunk, index) => {
      const flushed = (error?: Error | null) => {
        if (!error && !stream.destroyed) onFlushed?.()
      }
      stream.write(chunk, index === last ? flushed : undefined)
    })
    stream.uncork()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error)
  }
}
