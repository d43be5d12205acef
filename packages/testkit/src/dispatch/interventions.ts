import { withFault } from '../faults/effects.ts'
import type { Exchange } from '../faults/exchange.ts'
import type { Faults } from '../faults/faults.ts'
import { closeConnection, noResponse, type Reply } from '../handlers/reply.ts'
import type { Struct } from '../messages/blank.ts'
import type { OpenRequest, Traffic } from '../traffic/traffic.ts'

/** A request that is logged or changed. */
export interface Intervention {
  readonly reply: Reply<unknown>
  /** Logs the final outcome. */
  ended(response: unknown): void
}

/** The faults and the traffic log of a cluster, between requests and their handlers. */
export class Interventions {
  /** The only check per request while a test uses neither. */
  isIdle = true
  readonly #faults: Faults
  readonly #traffic: Traffic

  constructor(faults: Faults, traffic: Traffic) {
    this.#faults = faults
    this.#traffic = traffic
    this.review()
  }

  /** Call after each change of the faults or of the traffic log. */
  review(): void {
    this.isIdle = this.#faults.isIdle && this.#traffic.isIdle
  }

  begin(exchange: Exchange): Intervention {
    const traffic = this.#traffic
    const open: OpenRequest | undefined = traffic.isIdle ? undefined : traffic.begin(exchange)
    const faults = this.#faults.take(exchange)
    if (open !== undefined) open.seen.faults = faults.map(({ id }) => id)
    let { work } = exchange
    // The fault that was added first acts first on the request and last on the response.
    for (const fault of faults.toReversed()) work = withFault(exchange, fault, work)
    return {
      reply: work(exchange.request),
      ended: (response) => {
        if (open === undefined) return
        if (response === noResponse) traffic.end(open, 'silent')
        else if (response === closeConnection) traffic.end(open, 'closed')
        else traffic.end(open, 'responded', response as Struct)
      },
    }
  }
}
