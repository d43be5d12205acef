/**
 * The only access to time, randomness, background work and the network. `ottla` implements it on Node's sockets,
 * `@ottla/testkit` on networks in memory and, with a seed, on virtual time.
 */
export interface Runtime {
  /** Wall time in ms since the epoch; may jump. */
  wallNow(): number
  /** Monotonic time in ms; the only clock deadlines run on. */
  monoNow(): number
  /** Wall time cached for one turn of the event loop: cheap enough for each record's timestamp. */
  tickNow(): number
  /**
   * Calls back after `delayMs`, never earlier. A timer that is late, because the event loop was blocked or the process stopped,
   * first lets the event loop read its sockets once: a deadline must not pass while the response is waiting to be read. A delay of
   * zero or less is a deadline that has passed already.
   */
  setTimer(callback: () => void, delayMs: number): Timer
  /** Until the callback has run it can be cancelled, also while a late timer waits for the sockets. */
  clearTimer(timer: Timer): void
  /** Runs after the I/O of this turn: flushing, yielding. */
  defer(callback: () => void): void
  /** Work that may leave the event loop (zlib, PBKDF2); a simulation runs it inline as a seeded event. */
  work<T>(job: () => Promise<T> | T): Promise<T>
  /** In [0, 1). */
  random(): number
  secureRandom(size: number): Uint8Array
  /** Addresses of a host, in the order to try them. */
  lookup(host: string): Promise<readonly string[]>
  /** Opens a connection; rejects when it cannot be opened or `signal` aborts. */
  dial(target: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport>
}

/** Opaque: only the Runtime that made it knows what it is. */
export interface Timer {
  readonly __timer: never
}

export interface DialTarget {
  /** The address to connect to: an IP, or a name where the Runtime resolves names itself. */
  readonly address: string
  readonly port: number
  /** The name that TLS checks the certificate against; the host that the broker advertised. */
  readonly serverName: string
  /** Absent: plaintext. */
  readonly tls?: TlsOptions | undefined
}

/** A subset of the options of `node:tls`, with the same meaning. */
export interface TlsOptions {
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  readonly cert?: string | Uint8Array | undefined
  readonly key?: string | Uint8Array | undefined
  readonly pfx?: Uint8Array | undefined
  readonly passphrase?: string | undefined
  readonly servername?: string | undefined
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  readonly ciphers?: string | undefined
  /** Disables the check of the broker's certificate: only for experiments. */
  readonly insecureSkipVerify?: boolean | undefined
}

/** Reads from a transport. It provides the memory for the next bytes, so that they are copied only once. */
export interface TransportReader {
  /** Where the next bytes may be written; never empty. */
  space(): Uint8Array
  /** `size` bytes were written to the start of what `space` returned last. */
  filled(size: number): void
  /** Called once, after which neither of the others is called. Without an error the peer closed the connection cleanly. */
  closed(error: Error | undefined): void
}

export interface Transport {
  /** Both ends are on this host, connected through its loopback interface. Default: false. */
  readonly isLocal?: boolean
  /** Writes all chunks in order. They must not change until `onFlushed`, which is not called if the transport closes first. */
  write(chunks: readonly Uint8Array[], onFlushed?: () => void): void
  pause(): void
  resume(): void
  /** Closes immediately; the reader's `closed` follows. */
  destroy(error?: Error): void
}

/** The bytes of one accepted connection, seen from the server's side. */
export interface ServerTransport extends Transport {
  readonly remoteAddress: string
}
