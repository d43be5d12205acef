import { type Api, InitProducerId } from '@ottla/codec'
import { type BrokerAddress, describeBroker, KafkaError } from '../errors.ts'
import type { VersionFallback } from './version-fallback.ts'

export interface VersionLimits {
  readonly minVersion?: number | undefined
  readonly maxVersion?: number | undefined
}

const hints = new Map([
  [
    InitProducerId.key,
    'Create the producer with `idempotent: false`: this broker supports neither idempotent producers nor transactions.',
  ],
])

interface Range {
  readonly min: number
  readonly max: number
}

/** The versions of each API that a broker supports, and the cluster's feature levels (KIP-584). */
export class ApiRanges {
  readonly #ranges = new Map<number, Range>()
  readonly #features = new Map<string, number>()
  readonly #fallback: Pick<VersionFallback, 'highestOf'> | undefined

  constructor(
    apiKeys: readonly { apiKey: number; minVersion: number; maxVersion: number }[],
    finalizedFeatures: readonly { name: string; maxVersionLevel: number }[] = [],
    fallback?: Pick<VersionFallback, 'highestOf'>,
  ) {
    this.#fallback = fallback
    for (const { apiKey, minVersion, maxVersion } of apiKeys) {
      this.#ranges.set(apiKey, { min: minVersion, max: maxVersion })
    }
    for (const { name, maxVersionLevel } of finalizedFeatures) this.#features.set(name, maxVersionLevel)
  }

  rangeOf(apiKey: number): Range | undefined {
    return this.#ranges.get(apiKey)
  }

  featureLevel(name: string): number {
    return this.#features.get(name) ?? 0
  }

  /** The highest version that both sides and the caller support, and to which the broker responds; -1: none. */
  negotiate(api: Api, limits: VersionLimits): number {
    const highest = this.highestOf(api, limits)
    if (highest < 0 || this.#fallback === undefined) return highest
    const lowest = Math.max(this.#ranges.get(api.key)?.min ?? 0, api.versions.min, limits.minVersion ?? 0)
    return Math.max(lowest, Math.min(highest, this.#fallback.highestOf(api.key)))
  }

  /** The same, whether the broker has responded to it or not. */
  highestOf(api: Api, { minVersion = 0, maxVersion }: VersionLimits): number {
    const range = this.#ranges.get(api.key)
    if (range === undefined) return -1
    // A version that Kafka marks as unstable is used only when the caller requests it.
    const ours = maxVersion ?? (api.unstable ? api.versions.max - 1 : api.versions.max)
    const highest = Math.min(range.max, api.versions.max, ours)
    const lowest = Math.max(range.min, api.versions.min, minVersion)
    return highest < lowest ? -1 : highest
  }

  /** The error for a `negotiate` without a common version. */
  unsupported(api: Api, limits: VersionLimits, broker: BrokerAddress): KafkaError {
    const range = this.#ranges.get(api.key)
    const min = Math.max(api.versions.min, limits.minVersion ?? 0)
    const max = Math.min(api.versions.max, limits.maxVersion ?? api.versions.max)
    const theirs = range === undefined ? 'does not offer it' : `supports versions ${range.min} to ${range.max}`
    return new KafkaError(
      'UNSUPPORTED_VERSION',
      `${api.name} needs a version from ${min} to ${max}, ${describeBroker(broker)} ${theirs}`,
      {
        broker,
        outcome: 'not-written',
        hint: hints.get(api.key) ?? 'Use a broker of another release: this one is too old or too new for this call.',
      },
    )
  }
}
