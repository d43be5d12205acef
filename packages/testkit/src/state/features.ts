/** Feature levels by name. */
export type Features = ReadonlyMap<string, number>

export interface FeatureRange {
  readonly name: string
  readonly min: number
  readonly max: number
}

/** The supported features: those of Kafka 4.3, in the order of its responses. */
export const supportedFeatures: readonly FeatureRange[] = [
  { name: 'group.version', min: 0, max: 1 },
  { name: 'kraft.version', min: 0, max: 1 },
  { name: 'metadata.version', min: 7, max: 30 },
  { name: 'share.version', min: 0, max: 1 },
  { name: 'streams.version', min: 0, max: 1 },
  { name: 'transaction.version', min: 0, max: 2 },
  { name: 'eligible.leader.replicas.version', min: 0, max: 1 },
]

export const ELR_FEATURE = 'eligible.leader.replicas.version'

/** The levels of a cluster formatted with 4.3. Features at level 0 (off) are not listed. */
export const newFeatures: Features = new Map([
  ['group.version', 1],
  ['streams.version', 1],
  ['transaction.version', 2],
  [ELR_FEATURE, 1],
  ['share.version', 1],
  ['metadata.version', 30],
])

export function supportedFeature(name: string): FeatureRange | undefined {
  return supportedFeatures.find((feature) => feature.name === name)
}
