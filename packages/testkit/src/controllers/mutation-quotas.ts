import type { Runtime } from '@ottla/runtime'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { type ClientQuotas, limitFor } from '../state/quotas/client-quotas.ts'
import { type Client, windowsOf } from '../state/quotas/client-throttles.ts'
import { type RateWindows, TokenBucket } from '../state/quotas/quota-rates.ts'

/** The controller mutation quota of one request (KIP-599). */
export interface MutationQuota {
  /** False: the quota is exhausted, and the request's version has an error code for it. */
  take(partitions: number): boolean
  /** Called with the response: throttles the connection and returns the throttle time in ms. */
  settle(): number
}

/** The request that is measured. */
export interface MutationRequest {
  /** The controller's quotas. */
  readonly quotas: ClientQuotas
  readonly client: Client
  /** The request's version can carry THROTTLING_QUOTA_EXCEEDED: a request above the quota fails instead of being served late. */
  readonly isStrict: boolean
  /** Mutes the client's connection. */
  readonly throttle: (ms: number) => void
}

const unlimited: MutationQuota = { take: () => true, settle: () => 0 }

/** The controller's token buckets, one for all clients that share a quota. */
export class MutationQuotas {
  readonly #runtime: Pick<Runtime, 'wallNow'>
  readonly #config: BrokerConfig
  readonly #buckets = new Map<string, TokenBucket>()
  #windows: RateWindows | undefined

  constructor(runtime: Pick<Runtime, 'wallNow'>, config: BrokerConfig) {
    this.#runtime = runtime
    this.#config = config
  }

  /** The quota of one request. Versions before `strictSince` have no error code: they are served, then throttled. */
  begin({ quotas, client, isStrict, throttle }: MutationRequest): MutationQuota {
    const found = limitFor(quotas, 'controller_mutation_rate', client)
    if (found === undefined) return unlimited
    const { limit, sharedBy } = found
    const bucket = this.#bucket(sharedBy)
    let throttledAtMs = 0
    let throttleTimeMs = 0
    const measure = (nowMs: number) => {
      throttledAtMs = nowMs
      throttleTimeMs = bucket.throttleTimeMs(limit, nowMs)
    }
    return {
      take: (partitions) => {
        const nowMs = this.#runtime.wallNow()
        if (isStrict && bucket.tokens(limit, nowMs) < 0) {
          measure(nowMs)
          return false
        }
        bucket.take(partitions, limit, nowMs)
        if (!isStrict) measure(nowMs)
        return true
      },
      settle: () => {
        const leftMs = Math.max(0, throttleTimeMs - (this.#runtime.wallNow() - throttledAtMs))
        if (leftMs > 0) throttle(leftMs)
        return leftMs
      },
    }
  }

  #bucket(key: string): TokenBucket {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      this.#windows ??= windowsOf(this.#config, 'controller.')
      bucket = new TokenBucket(this.#windows)
      this.#buckets.set(key, bucket)
    }
    return bucket
  }
}

/** The result of a part of a request that exceeds the quota. */
export const quotaExceeded = { error: 'THROTTLING_QUOTA_EXCEEDED', message: null } as const
