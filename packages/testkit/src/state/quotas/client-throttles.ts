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

/** Rates of clients that are limited; those that were not used for the longest time are forgotten beyond it. */
const maxRates = 10_000

/** The rates of one broker's clients, as far as quotas limit them. */
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

  /** No quota is set: the one thing that each request looks at. */
  get isIdle(): boolean {
    return this.#quotas().size === 0
  }

  /** Whether a client has such a quota. */
  limits(quota: RateQuota, client: Client): boolean {
    return limitFor(this.#quotas(), quota, client) !== undefined
  }

  /** Counts what a client took, or with a negative value gave back; how long it must wait now. */
  record(quota: RateQuota, client: Client, value: number): number {
    const found = limitFor(this.#quotas(), quota, client)
    if (found === undefined) return 0
    const nowMs = this.#runtime.wallNow()
    const rate = this.#rate(`${quota} ${found.sharedBy}`)
    rate.record(value, nowMs)
    const throttleTimeMs = value < 0 ? 0 : rate.throttleTimeMs(found.limit, nowMs)
    // A share of time is back within a window.
    return quota === 'request_percentage' ? Math.min(throttleTimeMs, this.#window.windowMs) : throttleTimeMs
  }

  /** More than that would be too much whatever else is fetched; undefined when that is not limited. */
  maxFetchBytes(client: Client): number | undefined {
    const found = limitFor(this.#quotas(), 'consumer_byte_rate', client)
    if (found === undefined) return undefined
    const { samples, windowMs } = this.#window
    return Math.floor((found.limit * (samples - 1) * windowMs) / 1000)
  }

  /** A connection comes in: how long it has to wait before it is turned away; 0 when it may stay. */
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

  /** Read when the first quota is: a cluster without any does not look at the table of configs. */
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

/** The windows of quotas; with the prefix `controller.` those of mutations. */
export function windowsOf(config: BrokerConfig, prefix: '' | 'controller.'): RateWindows {
  const number = (name: string) => Number(staticBrokerConfig(config, `${prefix}quota.window.${name}`))
  return { samples: number('num'), windowMs: number('size.seconds') * 1000 }
}
