import type { DialTarget, Runtime, ServerTransport, Transport, TransportReader } from '@ottla/runtime'

export type Accept = (transport: ServerTransport) => TransportReader

/** Simulated latency and fragmentation; absent: bytes arrive in the next turn, as written. */
export interface NetworkConditions {
  /** Calls back when bytes sent now arrive. */
  later(deliver: () => void): void
  /** How many of `size` bytes arrive together; 1 or more. */
  piece(size: number): number
  /** Called with the bytes that arrived. */
  delivered(bytes: Uint8Array): void
}

/** Errors with Node's codes and messages, so that clients treat both networks the same way. */
function networkError(code: string, what: string): Error {
  return Object.assign(new Error(`${what} ${code}`), { code })
}

/** One direction of a connection: bytes are copied by `write` and arrive in a later turn. */
class Pipe {
  readonly #later: (deliver: () => void) => void
  readonly #conditions: NetworkConditions | undefined
  #reader: TransportReader | undefined
  #queue: { readonly bytes: Buffer; readonly onFlushed: (() => void) | undefined }[] = []
  #isPaused = false
  #isScheduled = false
  #hasEnded = false
  /** The delivered bytes of the queue's first entry. */
  #delivered = 0

  constructor(later: (deliver: () => void) => void, conditions: NetworkConditions | undefined) {
    this.#later = later
    this.#conditions = conditions
  }

  deliverTo(reader: TransportReader): void {
    this.#reader = reader
    this.#schedule()
  }

  write(chunks: readonly Uint8Array[], onFlushed: (() => void) | undefined): void {
    if (this.#hasEnded) return
    this.#queue.push({ bytes: Buffer.concat(chunks), onFlushed })
    this.#schedule()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#schedule()
  }

  /** Ends the stream: bytes written before still arrive, then the end. */
  end(): void {
    this.#hasEnded = true
    // A paused reader must also receive the end.
    this.#isPaused = false
    this.#schedule()
  }

  /** Drops bytes in flight and reports the end to the reader immediately. */
  cut(error: Error | undefined): void {
    this.#hasEnded = true
    this.#queue = []
    const reader = this.#reader
    this.#reader = undefined
    reader?.closed(error)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isPaused || this.#reader === undefined) return
    if (this.#queue.length === 0 && !this.#hasEnded) return
    this.#isScheduled = true
    this.#later(() => {
      this.#isScheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    while (this.#reader !== undefined && !this.#isPaused) {
      const first = this.#queue[0]
      if (first === undefined) break
      const space = this.#reader.space()
      const size = first.bytes.copy(space, 0, this.#delivered, this.#delivered + this.#pieceOf(first.bytes))
      this.#conditions?.delivered(space.subarray(0, size))
      this.#delivered += size
      const isWhole = this.#delivered === first.bytes.length
      if (isWhole) {
        this.#queue.shift()
        this.#delivered = 0
      }
      this.#reader.filled(size)
      if (isWhole) first.onFlushed?.()
    }
    if (this.#queue.length === 0 && this.#hasEnded) this.cut(undefined)
  }

  #pieceOf(bytes: Buffer): number {
    const left = bytes.length - this.#delivered
    return this.#conditions === undefined ? left : this.#conditions.piece(left)
  }
}

/** One side of a connection. */
class MemoryTransport implements ServerTransport {
  readonly remoteAddress: string
  readonly #incoming: Pipe
  readonly #outgoing: Pipe
  #isDestroyed = false

  constructor(remoteAddress: string, incoming: Pipe, outgoing: Pipe) {
    this.remoteAddress = remoteAddress
    this.#incoming = incoming
    this.#outgoing = outgoing
  }

  write(chunks: readonly Uint8Array[], onFlushed?: () => void): void {
    if (!this.#isDestroyed) this.#outgoing.write(chunks, onFlushed)
  }

  pause(): void {
    this.#incoming.pause()
  }

  resume(): void {
    this.#incoming.resume()
  }

  destroy(error?: Error): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#incoming.cut(error)
    if (error === undefined) this.#outgoing.end()
    else this.#outgoing.cut(networkError('ECONNRESET', 'read'))
  }
}

/**
 * Connections within the process. Bytes are always copied, so the two sides never share buffers, as on a real network.
 */
export class MemoryNetwork {
  readonly #later: (deliver: () => void) => void
  readonly #conditions: NetworkConditions | undefined
  readonly #listeners = new Map<string, Accept>()

  constructor(runtime: Runtime, conditions?: NetworkConditions) {
    this.#later = conditions === undefined ? (deliver) => runtime.defer(deliver) : conditions.later
    this.#conditions = conditions
  }

  /** Accepts connections at an address. Returns a function that stops it. */
  listen(host: string, port: number, accept: Accept): () => void {
    const key = `${host}:${port}`
    this.#listeners.set(key, accept)
    return () => {
      if (this.#listeners.get(key) === accept) this.#listeners.delete(key)
    }
  }

  dial({ address, port }: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport> {
    return new Promise((resolve, reject) => {
      this.#later(() => {
        if (signal.aborted) return reject(signal.reason)
        const accept = this.#listeners.get(`${address}:${port}`)
        if (accept === undefined) return reject(networkError('ECONNREFUSED', `connect ${address}:${port}`))
        resolve(this.#connect(accept, reader))
      })
    })
  }

  #connect(accept: Accept, reader: TransportReader): Transport {
    const toServer = new Pipe(this.#later, this.#conditions)
    const toClient = new Pipe(this.#later, this.#conditions)
    const client = new MemoryTransport('127.0.0.1', toClient, toServer)
    toServer.deliverTo(accept(new MemoryTransport('127.0.0.1', toServer, toClient)))
    toClient.deliverTo(reader)
    return client
  }
}
