import type { Runtime } from '@ottla/runtime'
import { type Exchange, fits } from '../faults/exchange.ts'
import { parseMatch, type RuleScope } from '../faults/parse-rule.ts'
import type { RequestMatch } from '../faults/rule.ts'
import { Waiters, type WaitOptions } from '../faults/waiters.ts'
import type { ApiName } from '../messages/api-name.ts'

/** A request that a broker received, and its outcome. */
export interface SeenRequest {
  /** Increases by 1 per request in the cluster. */
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
  /** Undefined until the broker responds. */
  readonly response: Readonly<Record<string, unknown>> | undefined
  readonly respondedAtMs: number | undefined
  /** 'silent': the request has no response, as with acks=0. */
  readonly outcome: 'pending' | 'responded' | 'silent' | 'closed'
  /** The ids of the faults that changed it. */
  readonly faults: readonly number[]
}

/** An entry of the log while its request is handled. */
export interface OpenRequest {
  readonly exchange: Exchange
  readonly seen: { -readonly [K in keyof SeenRequest]: SeenRequest[K] }
}

export interface TrafficOptions {
  /** How many requests are kept; older ones are dropped. Default 1000. */
  readonly limit?: number
}

const defaultLimit = 1_000
/** Of request frames: the log retains what was decoded from them. */
const maxBytes = 64 << 20

export interface TrafficLogOptions {
  readonly runtime: Runtime
  /** Real time, for `next`. */
  readonly host: Runtime
  readonly scope: RuleScope
  readonly onChange: () => void
}

/** The log of decoded requests and responses of all brokers. It costs nothing while it is stopped and no caller waits. */
export class Traffic {
  readonly #runtime: Runtime
  readonly #scope: RuleScope
  readonly #onChange: () => void
  readonly #waiters: Waiters<OpenRequest>
  #log: OpenRequest[] | undefined
  #limit = defaultLimit
  #bytes = 0
  #sequence = 0

  /** @internal */
  constructor({ runtime, host, scope, onChange }: TrafficLogOptions) {
    this.#runtime = runtime
    this.#scope = scope
    this.#onChange = onChange
    this.#waiters = new Waiters(host)
  }

  get isIdle(): boolean {
    return this.#log === undefined && this.#waiters.size === 0
  }

  /** Whether requests are kept. */
  get isKept(): boolean {
    return this.#log !== undefined
  }

  /** Keeps requests from now on. */
  start({ limit = defaultLimit }: TrafficOptions = {}): void {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new TypeError(`Option 'traffic.limit' must be a positive integer, not ${limit}`)
    }
    this.#limit = limit
    this.#log ??= []
    this.#onChange()
  }

  /** Stops keeping requests, and drops those kept so far. */
  stop(): void {
    this.#log = undefined
    this.#bytes = 0
    this.#onChange()
  }

  /** Drops the requests kept so far. */
  clear(): void {
    if (this.#log !== undefined) this.#log = []
    this.#bytes = 0
  }

  /** The kept requests that match, the oldest first. Throws when requests are not kept. */
  saw(match: RequestMatch = {}): SeenRequest[] {
    if (this.#log === undefined) {
      throw new Error('Traffic is not kept. Use createCluster({ traffic: true }) or cluster.traffic.start()')
    }
    const wanted = parseMatch(match, this.#scope)
    return this.#log.filter(({ exchange }) => fits(wanted, exchange)).map(({ seen }) => seen)
  }

  /** The next request that matches, from now on; with `responded` it resolves when the request has a response. */
  async next(match: RequestMatch, options: WaitOptions & { readonly responded?: boolean } = {}): Promise<SeenRequest> {
    const wanted = parseMatch(match, this.#scope)
    const { responded = false } = options
    const first = this.#sequence
    let found: SeenRequest | undefined
    const take = ({ exchange, seen }: OpenRequest) => {
      if (seen.sequence < first || !fits(wanted, exchange)) return false
      if (responded ? seen.outcome !== 'responded' : seen.outcome !== 'pending') return false
      found = seen
      return true
    }
    const waited = this.#waiters.wait(take, () => `No request matched ${JSON.stringify(match)}`, options)
    this.#onChange()
    try {
      await waited
    } finally {
      this.#onChange()
    }
    return found as SeenRequest
  }

  /** @internal */
  begin(exchange: Exchange): OpenRequest {
    const { context, api, correlationId, request } = exchange
    const seen: OpenRequest['seen'] = {
      sequence: this.#sequence++,
      node: context.broker.id,
      client: context.clientId,
      api: api.name as ApiName,
      version: context.apiVersion,
      correlationId,
      connection: context.connection.id,
      receivedAtMs: this.#runtime.wallNow(),
      request,
      response: undefined,
      respondedAtMs: undefined,
      outcome: 'pending',
      faults: [],
    }
    const open = { exchange, seen }
    this.#keep(open)
    this.#waiters.notify(open)
    return open
  }

  /** @internal */
  end(open: OpenRequest, outcome: SeenRequest['outcome'], response?: Record<string, unknown>): void {
    open.seen.outcome = outcome
    open.seen.response = response
    open.seen.respondedAtMs = this.#runtime.wallNow()
    this.#waiters.notify(open)
  }

  /** Pending calls of `next` reject. */
  close(): void {
    this.#waiters.fail(new Error('The cluster was closed'))
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
