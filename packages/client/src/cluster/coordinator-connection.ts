import type { Broker, ConnectionPurpose } from './broker.ts'

/** The connection of one purpose to a coordinator. It follows the coordinator: at most one broker has it. */
export class CoordinatorConnection {
  readonly #purpose: ConnectionPurpose
  #coordinator: Broker | undefined

  constructor(purpose: ConnectionPurpose) {
    this.#purpose = purpose
  }

  /** The purpose for a request to this broker, sent in the same turn. Closes the connection to the former coordinator. */
  to(coordinator: Broker): ConnectionPurpose {
    if (this.#coordinator !== coordinator) this.close()
    this.#coordinator = coordinator
    return this.#purpose
  }

  /** The next request opens another one. Pending requests reject with CONNECTION_LOST. */
  close(): void {
    this.#coordinator?.closeConnection(this.#purpose)
    this.#coordinator = undefined
  }
}
