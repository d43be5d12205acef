import type { DialTarget, Runtime, Transport, TransportReader } from '@ottla/runtime'

type Clock = Pick<Runtime, 'defer' | 'setTimer' | 'monoNow'>

/** Called with each connection to an address. */
export type Acceptor = (socket: ScriptedSocket) => void

/** One direction of a connection: what is put in arrives later, in the same order. */
class Pipe {
  readonly #clock: Clock
  #lastAtMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  after(latencyMs: number, arrive: () => void): void {
    const nowMs = this.#clock.monoNow()
    this.#lastAtMs = Math.max(this.#lastAtMs, nowMs + latencyMs)
    if (this.#lastAtMs > nowMs) this.#clock.setTimer(arrive, this.#lastAtMs - nowMs)
    else this.#clock.defer(arrive)
  }
}

/** The broker's end of one connection. */
export class ScriptedSocket {
  readonly target: DialTarget
  /** Receives what the client writes, in the pieces of its writes. */
  onBytes: (bytes: Buffer) => void = () => {}
  closed = false
  readonly #network: ScriptedNetwork
  readonly #reader: TransportReader
  readonly #toClient: Pipe
  readonly #toBroker: Pipe
  #paused = false
  #unread: Buffer[] = []
  #stalled: (() => void)[] | undefined

  constructor(target: DialTarget, reader: TransportReader, network: ScriptedNetwork, clock: Clock) {
    this.target = target
    this.#reader = reader
    this.#network = network
    this.#toClient = new Pipe(clock)
    this.#toBroker = new Pipe(clock)
  }

  send(...chunks: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(chunks)
    this.#toClient.after(this.#network.latencyMs, () => this.#deliver(bytes))
  }

  /** Without an error the client sees a clean end. */
  close(error?: Error): void {
    this.#toClient.after(this.#network.latencyMs, () => this.#end(error))
  }

  /** Sends bytes and closes, such that both arrive in the same turn of the client. */
  sendAndClose(...chunks: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(chunks)
    this.#toClient.after(this.#network.latencyMs, () => {
      this.#deliver(bytes)
      this.#end(undefined)
    })
  }

  /** What the client writes from now on is not read from its buffers until `unstall`. */
  stall(): void {
    this.#stalled ??= []
  }

  unstall(): void {
    const writes = this.#stalled ?? []
    this.#stalled = undefined
    for (const arrive of writes) arrive()
  }

  /** The client's end. It reads the chunks of a write as late as the contract of `Transport` allows: when they arrive. */
  transport(): Transport {
    return {
      write: (chunks, onFlushed) => {
        const arrive = () => {
          if (this.closed) return
          const bytes = Buffer.concat(chunks)
          onFlushed?.()
          this.onBytes(bytes)
        }
        this.#toBroker.after(this.#network.latencyMs, () => {
          if (this.#stalled === undefined) arrive()
          else this.#stalled.push(arrive)
        })
      },
      pause: () => {
        this.#paused = true
      },
      resume: () => {
        this.#paused = false
        for (const bytes of this.#unread.splice(0)) this.#deliver(bytes)
      },
      destroy: (error) => this.#toClient.after(0, () => this.#end(error)),
    }
  }

  #deliver(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.closed; ) {
      if (this.#paused) {
        this.#unread.push(bytes.subarray(at))
        return
      }
      const size = bytes.copy(this.#reader.space(), 0, at)
      at += size
      this.#reader.filled(size)
    }
  }

  #end(error: Error | undefined): void {
    if (this.closed) return
    this.closed = true
    this.#reader.closed(error)
  }
}

/** Addresses that a test defines; every other address refuses. Bytes arrive complete and in order. */
export class ScriptedNetwork {
  /** Every connection that was opened, closed ones included. */
  readonly sockets: ScriptedSocket[] = []
  /** Every `address:port` that was dialled. */
  readonly dials: string[] = []
  /** How long bytes travel, each way. */
  latencyMs = 0
  /** The error that a dial fails with; undefined: the address decides. */
  refusal: (target: DialTarget) => Error | undefined = () => undefined
  readonly #clock: Clock
  readonly #listeners = new Map<string, Acceptor | Error | 'silent'>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get open(): ScriptedSocket[] {
    return this.sockets.filter((socket) => !socket.closed)
  }

  /** What happens to connections to `address:port`: accepted, failed with an error, or never completed. */
  listen(place: string, listener: Acceptor | Error | 'silent'): void {
    this.#listeners.set(place, listener)
  }

  /** From now on the address refuses, and its connections close. */
  unlisten(place: string): void {
    this.#listeners.delete(place)
    for (const socket of this.open) {
      if (`${socket.target.address}:${socket.target.port}` === place) socket.close()
    }
  }

  async dial(target: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport> {
    const place = `${target.address}:${target.port}`
    this.dials.push(place)
    await new Promise<void>((resolve) => this.#clock.defer(resolve))
    signal.throwIfAborted()
    const refusal = this.refusal(target)
    if (refusal !== undefined) throw refusal
    const listener = this.#listeners.get(place)
    if (listener instanceof Error) throw listener
    if (listener === 'silent') return abortedBy(signal)
    if (listener === undefined) {
      throw Object.assign(new Error(`connect ECONNREFUSED ${place}`), { code: 'ECONNREFUSED' })
    }
    const socket = new ScriptedSocket(target, reader, this, this.#clock)
    this.sockets.push(socket)
    listener(socket)
    return socket.transport()
  }
}

function abortedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
