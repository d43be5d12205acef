import { closeConnection, noResponse, type Reply } from '../handlers/handler.ts'
import type { OpenRequest, Traffic } from '../traffic/traffic.ts'
import type { Struct } from './blank.ts'
import { withFault } from './effects.ts'
import type { Exchange } from './exchange.ts'
import type { Faults } from './faults.ts'

/** A request that is looked at or changed. */
export interface Intervention {
  readonly reply: Reply<unknown>
  /** What came of it in the end. */
  ended(response: unknown): void
}

/** What stands between requests and their handlers when a test asked for it. */
export class Interventions {
  /** The one thing that each request looks at. */
  isIdle = true
  #faults: Faults | undefined
  #traffic: Traffic | undefined

  attach(faults: Faults, traffic: Traffic): void {
    this.#faults = faults
    this.#traffic = traffic
    this.review()
  }

  /** After each change of what is asked for. */
  review(): void {
    this.isIdle = (this.#faults?.isIdle ?? true) && (this.#traffic?.isIdle ?? true)
  }

  begin(exchange: Exchange): Intervention {
    const traffic = this.#traffic
    const open: OpenRequest | undefined = traffic === undefined || traffic.isIdle ? undefined : traffic.begin(exchange)
    const faults = this.#faults?.take(exchange) ?? []
    if (open !== undefined) open.seen.faults = faults.map(({ id }) => id)
    let { work } = exchange
    // The first that was added acts first on the request, and last on the answer.
    for (const fault of faults.toReversed()) work = withFault(exchange, fault, work)
    return {
      reply: work(exchange.request),
      ended: (response) => {
        if (open === undefined) return
        if (response === noResponse) traffic?.end(open, 'silent')
        else if (response === closeConnection) traffic?.end(open, 'closed')
        else traffic?.end(open, 'responded', response as Struct)
      },
    }
  }
}
