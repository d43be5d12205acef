import { type Release, versionsIn } from './releases.ts'

/** How the brokers of a cluster differ from Apache Kafka, after validation. */
export interface Quirks {
  /** API key → the highest version that is served and advertised; null: the API is missing. */
  readonly versions: ReadonlyMap<number, number | null>
  /** API key → the highest version that does not reset the connection. */
  readonly resetsAbove: ReadonlyMap<number, number>
  readonly hintEndpoints: 'none' | 'inner' | undefined
  readonly innerAddresses: boolean
  /** Infinity: never. */
  readonly forgetsIdleMs: number
}

/** The behaviour of Apache Kafka. */
export const noQuirks: Quirks = Object.freeze({
  versions: new Map(),
  resetsAbove: new Map(),
  hintEndpoints: undefined,
  innerAddresses: false,
  forgetsIdleMs: Number.POSITIVE_INFINITY,
})

/** What decides which versions brokers serve. */
export interface Served {
  readonly release?: Release | undefined
  readonly quirks: Quirks
}

/** The versions that the release offers and the quirks leave; undefined when the API is missing. */
export function versionsLeft<V extends { readonly minVersion: number; readonly maxVersion: number }>(
  { release, quirks }: Served,
  apiKey: number,
  range: V,
): V | undefined {
  const highest = quirks.versions.get(apiKey)
  if (highest === null) return undefined
  const released = versionsIn(release, apiKey, range)
  if (released === undefined || highest === undefined) return released
  return { ...released, maxVersion: Math.min(released.maxVersion, highest) }
}

/** The host that a broker advertises with inner addresses: no name server has it. */
export function innerHostOf(brokerId: number): string {
  return `broker-${brokerId}.inner`
}
