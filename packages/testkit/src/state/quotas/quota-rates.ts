export interface RateWindows {
  /** quota.window.num */
  readonly samples: number
  /** quota.window.size.seconds, in ms */
  readonly windowMs: number
}

interface Sample {
  startMs: number
  lastMs: number
  sum: number
}

/** A rate per second over the last windows, as Kafka measures it. */
export class QuotaRate {
  readonly #windows: RateWindows
  readonly #samples: Sample[] = []
  #current = 0

  constructor(windows: RateWindows) {
    this.#windows = windows
  }

  record(value: number, nowMs: number): void {
    const { samples, windowMs } = this.#windows
    let sample = this.#sample(this.#current, nowMs)
    if (nowMs - sample.startMs >= windowMs) {
      // One sample more than is counted: the oldest may still overlap.
      this.#current = (this.#current + 1) % (samples + 1)
      sample = this.#sample(this.#current, nowMs)
      reset(sample, nowMs)
    }
    sample.sum += value
    sample.lastMs = nowMs
  }

  /** How long to wait until the rate is back at its limit, in ms; 0 when it is not above. */
  throttleTimeMs(limit: number, nowMs: number): number {
    const { samples, windowMs } = this.#windows
    let sum = 0
    let oldestMs = nowMs
    for (const sample of this.#samples) {
      if (nowMs - sample.lastMs >= samples * windowMs) reset(sample, nowMs)
      sum += sample.sum
      oldestMs = Math.min(oldestMs, sample.startMs)
    }
    let elapsedMs = nowMs - oldestMs
    const missing = samples - 1 - Math.floor(elapsedMs / windowMs)
    if (missing > 0) elapsedMs += missing * windowMs
    const rate = sum / (elapsedMs / 1000)
    return rate <= limit ? 0 : Math.round(((rate - limit) / limit) * elapsedMs)
  }

  #sample(index: number, nowMs: number): Sample {
    let sample = this.#samples[index]
    if (sample === undefined) {
      sample = { startMs: nowMs, lastMs: nowMs, sum: 0 }
      this.#samples[index] = sample
    }
    return sample
  }
}

function reset(sample: Sample, nowMs: number): void {
  sample.startMs = nowMs
  sample.lastMs = nowMs
  sample.sum = 0
}

/** A token bucket that refills at a rate, up to the permits of all windows (KIP-599). */
export class TokenBucket {
  readonly #windows: RateWindows
  #tokens: number | undefined
  #refilledMs = 0

  constructor(windows: RateWindows) {
    this.#windows = windows
  }

  /** Negative after more permits were taken than available. */
  tokens(rate: number, nowMs: number): number {
    const { samples, windowMs } = this.#windows
    const burst = (samples * windowMs * rate) / 1000
    const refill = ((nowMs - this.#refilledMs) * rate) / 1000
    this.#tokens = this.#tokens === undefined ? burst : Math.min(burst, this.#tokens + refill)
    this.#refilledMs = nowMs
    return this.#tokens
  }

  take(permits: number, rate: number, nowMs: number): void {
    this.#tokens = this.tokens(rate, nowMs) - permits
  }

  /** How long until permits are available again, in ms. */
  throttleTimeMs(rate: number, nowMs: number): number {
    const tokens = this.tokens(rate, nowMs)
    return tokens >= 0 ? 0 : Math.round((-tokens / rate) * 1000)
  }
}
