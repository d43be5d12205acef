import type { Runtime } from '@ottla/runtime'
import { type Exchange, fits } from '../faults/exchange.ts'
import { parseMatch } from '../faults/parse-rule.ts'
import type { ApiName, RequestMatch } from '../faults/rule.ts'
import { Waiters, type WaitOptions } from '../faults/waiters.ts'

/** A request that a broker got, and what became of it. */
export interface SeenRequest {
  /** Counts up over the cluster. */
  readonly sequence: number
  readonly node: number
  readonly client: string | null
  readonly api: ApiName
  readonly version: number
  readonly correlationId: number
  /** The connection's number on its broker. */
  readonly connection: number
  /** Wall time of the cluster. */
  readonly receivedAtMs: number
  readonly request: Readonly<Record<string, unknown>>
  /** Undefined until it is answered. */
  readonly response: Readonly<Record<string, unknown>> | undefined
  readonly respondedAtMs: number | undefined
  /** 'silent': there will be no answer, as with acks=0. */
  readonly outcome: 'pending' | 'responded' | 'silent' | 'closed'
  /** The ids of the faults that changed it. */
  readonly faults: readonly number[]
}

/** What the log writes into. */
export interface OpenRequest {
  readonly exchange: Exchange
  readonly seen: { -readonly [K in keyof SeenRequest]: SeenRequest[K] }
}

export interface TrafficOptions {
  /** How many requests are kept; the oldest go. Default 1000. */
  readonly limit?: number
}

const defaultLimit = 1_000
/** Of requests' frames: the log holds on to what was decoded from them. */
const maxBytes = 64 << 20

/** The decoded requests and answers of all brokers. It costs nothing while nobody asks. */
export class Traffic {
  readonly #runtime: Runtime
  readonly #brokers: number
  readonly #onChange: () => void
  readonly #waiters: Waiters<OpenRequest>
  #log: OpenRequest[] | undefined
  #limit = defaultLimit
  #bytes = 0
  #sequence = 0

  constructor(options: { runtime: Runtime; host: Runtime; brokers: number; onChange: () => void }) {
    this.#runtime = options.runtime
    this.#brokers = options.brokers
    this.#onChange = options.onChange
    this.#waiters = new Waiters(options.host)
  }

  get isIdle(): boolean {
    return this.#log === undefined && this.#waiters.size === 0
  }

  /** Whether requests are kept. */
  get isKept(): boolean {
    return this.#log !== undefined
  }

  /** From now on requests are kept. */
  start({ limit = defaultLimit }: TrafficOptions = {}): void {
    if (!Number.isInteger(limit) || limit < 1) throw new TypeError(`traffic limit: ${limit} is not a positive integer`)
    this.#limit = limit
    this.#log ??= []
    this.#onChange()
  }

  /** Keeps no more, and forgets what was kept. */
  stop(): void {
    this.#log = undefined
    this.#bytes = 0
    this.#onChange()
  }

  /** Forgets what was kept so far. */
  clear(): void {
    if (this.#log !== undefined) this.#log = []
    this.#bytes = 0
  }

  /** What was kept, the oldest first. Throws when the log was not started. */
  saw(match: RequestMatch = {}): SeenRequest[] {
    if (this.#log === undefined) {
      throw new Error('the traffic is not kept: use createCluster({ traffic: true }) or cluster.traffic.start()')
    }
    const wanted = parseMatch(match, this.#brokers)
    return this.#log.filter(({ exchange }) => fits(wanted, exchange)).map(({ seen }) => seen)
  }

  /** The next request from now on that fits; `answered` waits for its answer too. */
  async next(match: RequestMatch, options: WaitOptions & { readonly responded?: boolean } = {}): Promise<SeenRequest> {
    const wanted = parseMatch(match, this.#brokers)
    const { responded = false } = options
    const first = this.#sequence
    let found: SeenRequest | undefined
    const take = ({ exchange, seen }: OpenRequest) => {
      if (seen.sequence < first || !fits(wanted, exchange)) return false
      if (responded ? seen.outcome !== 'responded' : seen.outcome !== 'pending') return false
      found = seen
      return true
    }
    const waited = this.#waiters.wait(take, () => `no request like ${JSON.stringify(match)} was seen`, options)
    this.#onChange()
    try {
      await waited
    } finally {
      this.#onChange()
    }
    return found as SeenRequest
  }

  begin(exchange: Exchange): OpenRequest {
    const { broker, connection, api, version, correlationId, clientId, request } = exchange
    const seen: OpenRequest['seen'] = {
      sequence: this.#sequence++,
      node: broker.id,
      client: clientId,
      api: api.name as ApiName,
      version,
      correlationId,
      connection: connection.id,
      receivedAtMs: this.#runtime.wallNow(),
      request,
      response: undefined,
      respondedAtMs: undefined,
      outcome: 'pending',
      faults: [],
    }
    const open = { exchange, seen }
    this.#keep(open)
    this.#waiters.tell(open)
    return open
  }

  end(open: OpenRequest, outcome: SeenRequest['outcome'], response?: Record<string, unknown>): void {
    open.seen.outcome = outcome
    open.seen.response = response
    open.seen.respondedAtMs = this.#runtime.wallNow()
    this.#waiters.tell(open)
  }

  /** Nobody may wait any more. */
  close(): void {
    this.#waiters.fail(new Error('the cluster was closed'))
    this.stop()
  }

  #keep(open: OpenRequest): void {
    const log = this.#log
    if (log === undefined) return
    log.push(open)
    this.#bytes += open.exchange.byteLength
    while (log.length > this.#limit || (this.#bytes > maxBytes && log.length > 1)) {
      this.#bytes -= log.shift()?.exchange.byteLength ?? 0
    }
  }
}
