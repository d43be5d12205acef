import type { Features } from './features.ts'

/** The versions of an API in a release that differ from Kafka 4.3; undefined: the release lacks the API. */
type Difference = { readonly min?: number; readonly max: number } | undefined

export interface FeatureLevels {
  readonly name: string
  readonly min: number
  readonly max: number
  /** The level in a new cluster of the release; 0: off. */
  readonly level: number
}

/** An older Kafka, as clients see it. */
export interface Release {
  readonly name: ReleaseName
  readonly features: readonly FeatureLevels[]
  /** By API key; other APIs are the same as in Kafka 4.3. */
  readonly differences: ReadonlyMap<number, Difference>
  /** Advertised APIs that fail with UNSUPPORTED_VERSION: their feature is off in a new cluster of the release. */
  readonly refused: ReadonlySet<number>
}

/** Values of option `as`. */
export type ReleaseName = '3.9' | '4.0' | '4.1' | '4.2' | '4.3'

const groups = (level: number): FeatureLevels => ({ name: 'group.version', min: 0, max: 1, level })
const kraft: FeatureLevels = { name: 'kraft.version', min: 0, max: 1, level: 0 }
const metadata = (min: number, level: number): FeatureLevels => ({ name: 'metadata.version', min, max: level, level })
const shares = (level: number): FeatureLevels => ({ name: 'share.version', min: 0, max: 1, level })
const streams: FeatureLevels = { name: 'streams.version', min: 0, max: 1, level: 1 }
const transactions: FeatureLevels = { name: 'transaction.version', min: 0, max: 2, level: 2 }
const eligible = (level: number): FeatureLevels => ({ name: 'eligible.leader.replicas.version', min: 0, max: 1, level })

/** Largest versions by API key. */
function upTo(versions: Readonly<Record<number, number>>): [number, Difference][] {
  return Object.entries(versions).map(([key, max]) => [Number(key), { max }])
}

function without(...keys: number[]): [number, Difference][] {
  return keys.map((key) => [key, undefined])
}

const shareApis = [76, 77, 78, 79]
const shareStateApis = [83, 84, 85, 86, 87]
const streamsApis = [88, 89]
const shareOffsetApis = [90, 91, 92]

/**
 * From the classes of each release (ApiKeys for the broker's listener, without unstable versions; MetadataVersion and the
 * features of server-common). Versions that Kafka 4 removed are left out, since the codec does not have them.
 */
const releases: Readonly<Record<Exclude<ReleaseName, '4.3'>, Release>> = {
  '3.9': {
    name: '3.9',
    features: [kraft, metadata(1, 21)],
    differences: new Map([
      ...upTo({ 0: 11, 1: 17, 2: 9, 3: 12, 8: 9, 9: 9, 15: 5, 26: 4, 27: 1, 28: 4, 35: 4, 45: 0, 57: 1, 60: 1, 66: 1 }),
      ...upTo({ 68: 0, 69: 0, 74: 0, 80: 0 }),
      ...without(...shareApis, ...shareStateApis, ...streamsApis, ...shareOffsetApis),
    ]),
    refused: new Set([68, 69]),
  },
  '4.0': {
    name: '4.0',
    features: [groups(1), kraft, metadata(7, 25), transactions, eligible(0)],
    differences: new Map([
      ...upTo({ 0: 12, 1: 17, 2: 10, 8: 9, 9: 9, 27: 1, 35: 4, 45: 0, 66: 1, 74: 0, 80: 0 }),
      [11, { min: 2, max: 9 }],
      ...without(...shareApis, ...shareStateApis, ...streamsApis, ...shareOffsetApis),
    ]),
    refused: new Set(),
  },
  '4.1': {
    name: '4.1',
    features: [groups(1), kraft, metadata(7, 27), shares(0), transactions, eligible(1)],
    differences: new Map([
      ...upTo({ 2: 10, 8: 9, 9: 9, 27: 1, 35: 4, 78: 1, 79: 1, 80: 0, 85: 0, 87: 0, 90: 0 }),
      ...without(...streamsApis),
    ]),
    refused: new Set([...shareApis, ...shareOffsetApis]),
  },
  '4.2': {
    name: '4.2',
    features: [groups(1), kraft, metadata(7, 29), shares(1), streams, transactions, eligible(1)],
    differences: new Map(upTo({ 35: 4 })),
    refused: new Set(),
  },
}

export const latestRelease = '4.3'

/** Undefined for the latest release, which needs no differences. Throws TypeError for an unknown release. */
export function releaseOf(name: string): Release | undefined {
  if (name === latestRelease) return undefined
  const release = Object.hasOwn(releases, name) ? releases[name as keyof typeof releases] : undefined
  if (release !== undefined) return release
  throw new TypeError(
    `Option 'as' must be one of ${[...Object.keys(releases), latestRelease].join(', ')}, not '${name}'`,
  )
}

/** The feature levels in a new cluster of the release, without features that are off. */
export function levelsOf({ features }: Release): Features {
  return new Map(features.filter(({ level }) => level > 0).map(({ name, level }) => [name, level]))
}

/** The served versions that a release offers; undefined when it lacks the API. */
export function versionsIn<V extends { readonly minVersion: number; readonly maxVersion: number }>(
  release: Release | undefined,
  apiKey: number,
  served: V,
): V | undefined {
  if (release === undefined || !release.differences.has(apiKey)) return served
  const difference = release.differences.get(apiKey)
  if (difference === undefined) return undefined
  const minVersion = Math.max(served.minVersion, difference.min ?? 0)
  const maxVersion = Math.min(served.maxVersion, difference.max)
  return minVersion <= maxVersion ? { ...served, minVersion, maxVersion } : undefined
}
