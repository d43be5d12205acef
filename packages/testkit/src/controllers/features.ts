import { type Features, supportedFeature } from '../state/features.ts'
import type { Controller } from './controller.ts'

/** Kafka's numbers of upgrade types. */
const upgrade = 1
const safeDowngrade = 2
const unsafeDowngrade = 3

export interface FeatureUpdate {
  readonly name: string
  /** 0: off. */
  readonly level: number
  /** 1: upgrade, 2: safe downgrade (without loss of metadata), 3: unsafe downgrade. */
  readonly upgradeType: number
}

/** Sets feature levels, all or none. Returns why it failed; undefined when they are set (or, with `validateOnly`, valid). */
export function updateFeatures(
  controller: Controller,
  updates: readonly FeatureUpdate[],
  validateOnly: boolean,
): string | undefined {
  const levels = new Map(controller.state.areas.features)
  for (const update of updates) {
    const problem = problemWith(controller, update)
    if (problem !== undefined) return problem
    if (update.level === 0) levels.delete(update.name)
    else levels.set(update.name, update.level)
  }
  if (!validateOnly && !isSame(levels, controller.state.areas.features)) controller.decide({ features: levels })
  return undefined
}

function problemWith({ state, quorum }: Controller, { name, level, upgradeType }: FeatureUpdate): string | undefined {
  const invalid = (why: string) => `Invalid update version ${level} for feature ${name}. ${why}`
  if (upgradeType < upgrade || upgradeType > unsafeDowngrade) {
    return invalid('The controller does not support the given upgrade type.')
  }
  if (level < 0) return invalid('A feature version cannot be less than 0.')
  const supported = supportedFeature(name)
  const local = `Local controller ${quorum.leaderId}`
  if (supported === undefined) return invalid(`${local} does not support this feature.`)
  const { min, max } = supported
  if (level < min || level > max) return invalid(`${local} only supports versions ${min}-${max}`)
  const current = state.areas.features.get(name) ?? 0
  if (level < current && upgradeType === upgrade) {
    return invalid(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    )
  }
  if (level > current && upgradeType !== upgrade) return invalid("Can't downgrade to a newer version.")
  if (name !== 'metadata.version' || level >= current) return undefined
  const why =
    upgradeType === safeDowngrade
      ? 'Refusing to perform the requested downgrade because it might delete metadata information.'
      : 'Unsafe metadata downgrade is not supported in this version.'
  return `Unsupported metadata.version downgrade from ${current} to ${level}. ${why}`
}

function isSame(a: Features, b: Features): boolean {
  return a.size === b.size && [...a].every(([name, level]) => b.get(name) === level)
}
