import type { Broker, ConnectionPurpose } from './broker.ts'

/**
 * The connections of one part of a client, such as a consumer or a producer. The first request with a purpose opens its connection
 * to that broker; the part closes all of them when it ends. Idle ones are closed before, as any other connection.
 */
export class OwnConnections {
  /** Unique within the client. */
  readonly owner: string
  readonly #brokers: () => Iterable<Pick<Broker, 'closeConnection'>>
  readonly #purposes = new Set<ConnectionPurpose>()

  /** `brokers` returns all that may have connections. */
  constructor(owner: string, brokers: () => Iterable<Pick<Broker, 'closeConnection'>>) {
    this.owner = owner
    this.#brokers = brokers
  }

  /** `kind` says what the requests are, such as 'fetch' or 'offsets'. */
  purpose(kind: string): ConnectionPurpose {
    const purpose: ConnectionPurpose = `${kind}:${this.owner}`
    this.#purposes.add(purpose)
    return purpose
  }

  /** The owner has ended and sends no further request. Pending ones reject with CONNECTION_LOST. */
  close(): void {
    for (const broker of this.#brokers()) {
      for (const purpose of this.#purposes) broker.closeConnection(purpose)
    }
  }
}
