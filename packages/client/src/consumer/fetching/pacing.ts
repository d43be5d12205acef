import { retryBackoffMs } from '../../cluster/retry-backoff.ts'
import type { FetchResult } from './fetch-response.ts'
import type { SourceCluster } from './source-host.ts'

/** Responses in sequence whose reason was dealt with, before these pause too. */
const mostExplained = 2

/**
 * The pause after a response: none if it brought records or if the broker held it. A broker that returns nothing immediately, whatever
 * it reports, would be sent thousands of requests a second.
 */
export class Pacing {
  readonly #cluster: Pick<SourceCluster, 'runtime' | 'options'>
  /** Number of responses in sequence without records that the broker did not hold. */
  #idle = 0

  constructor(cluster: Pick<SourceCluster, 'runtime' | 'options'>) {
    this.#cluster = cluster
  }

  /** `maxWaitMs`: that of the request. */
  pauseMs(
    { progressed, explained }: Pick<FetchResult, 'progressed' | 'explained'>,
    elapsedMs: number,
    maxWaitMs: number,
  ): number {
    const isHeld = maxWaitMs > 0 && elapsedMs >= maxWaitMs / 2
    if (progressed || isHeld) {
      this.#idle = 0
      return 0
    }
    this.#idle++
    if (explained && this.#idle <= mostExplained) return 0
    // A broker that holds no request, for example with `minBytes` 0, is polled as often as it would respond.
    const { retryBackoffMs: firstMs } = this.#cluster.options
    return Math.min(retryBackoffMs(this.#cluster, this.#idle), Math.max(firstMs, maxWaitMs))
  }
}
