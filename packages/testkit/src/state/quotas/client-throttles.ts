import type { Runtime } from '@ottla/runtime'
import type { BrokerConfig } from '../configs/broker-config.ts'
import { staticBrokerConfig } from '../configs/broker-config-rules.ts'
import { type ClientQuotas, connectionRateOf, limitFor } from './client-quotas.ts'
import { QuotaRate, type RateWindows } from './quota-rates.ts'

export interface Client {
  /** Without `User:`. */
  readonly user: string
  readonly clientId: string
}

/** The client that quotas see, from the principal (`User:alice`) and the client id of a request. */
export function clientOf({
  principal,
  clientId,
}: {
  readonly principal: string
  readonly clientId: string | null
}): Client {
  return { user: principal.slice(principal.indexOf(':') + 1), clientId: clientId ?? '' }
}

export type RateQuota = 'producer_byte_rate' | 'consumer_byte_rate' | 'request_percentage'

/** Limit of tracked rates; above it the least recently used ones are dropped. */
const maxRates = 10_000

/** The rates of one broker's clients that have quotas. */
export class ClientThrottles {
  readonly #runtime: Pick<Runtime, 'wallNow'>
  readonly #quotas: () => ClientQuotas
  readonly #config: BrokerConfig
  #windows: RateWindows | undefined
  readonly #rates = new Map<string, QuotaRate>()

  constructor(runtime: Pick<Runtime, 'wallNow'>, config: BrokerConfig, quotas: () => ClientQuotas) {
    this.#runtime = runtime
    this.#quotas = quotas
    this.#config = config
  }

  /** True without any quota; each request checks only this then. */
  get isIdle(): boolean {
    return this.#quotas().size === 0
  }

  /** Whether a client has this quota. */
  limits(quota: RateQuota, client: Client): boolean {
    return limitFor(this.#quotas(), quota, client) !== undefined
  }

  /** Counts usage of a client (negative: returned) and returns how long it must wait, in ms. */
  record(quota: RateQuota, client: Client, value: number): number {
    const found = limitFor(this.#quotas(), quota, client)
    if (found === undefined) return 0
    const nowMs = this.#runtime.wallNow()
    const rate = this.#rate(`${quota} ${found.sharedBy}`)
    rate.record(value, nowMs)
    const throttleTimeMs = value < 0 ? 0 : rate.throttleTimeMs(found.limit, nowMs)
    // A share of time recovers within one window.
    return quota === 'request_percentage' ? Math.min(throttleTimeMs, this.#window.windowMs) : throttleTimeMs
  }

  /** The most bytes one fetch may return under the quota; undefined: unlimited. */
  maxFetchBytes(client: Client): number | undefined {
    const found = limitFor(this.#quotas(), 'consumer_byte_rate', client)
    if (found === undefined) return undefined
    const { samples, windowMs } = this.#window
    return Math.floor((found.limit * (samples - 1) * windowMs) / 1000)
  }

  /** Counts a new connection. Returns 0 when it is accepted, else how long to wait before closing it, in ms. */
  connectionFrom(address: string): number {
    const limit = connectionRateOf(this.#quotas(), address)
    if (limit === undefined) return 0
    const nowMs = this.#runtime.wallNow()
    const rate = this.#rate(`connections ${address}`)
    rate.record(1, nowMs)
    const throttleTimeMs = rate.throttleTimeMs(limit, nowMs)
    if (throttleTimeMs > 0) rate.record(-1, nowMs)
    return throttleTimeMs
  }

  close(): void {
    this.#rates.clear()
  }

  /** Read with the first quota, so that a cluster without quotas does not load the config table. */
  get #window(): RateWindows {
    this.#windows ??= windowsOf(this.#config, '')
    return this.#windows
  }

  #rate(key: string): QuotaRate {
    const rate = this.#rates.get(key) ?? new QuotaRate(this.#window)
    this.#rates.delete(key)
    this.#rates.set(key, rate)
    if (this.#rates.size > maxRates) {
      for (const oldest of this.#rates.keys()) {
        this.#rates.delete(oldest)
        break
      }
    }
    return rate
  }
}

/** The windows of client quotas; with the prefix `controller.` those of controller mutations. */
export function windowsOf(config: BrokerConfig, prefix: '' | 'controller.'): RateWindows {
  const number = (name: string) => Number(staticBrokerConfig(config, `${prefix}quota.window.${name}`))
  return { samples: number('num'), windowMs: number('size.seconds') * 1000 }
}
