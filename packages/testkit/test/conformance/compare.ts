import { apiOf } from '@ottla/codec'
import { type PartName, partNames } from './case.ts'
import type { Plain } from './plain.ts'
import type { Played, Versions } from './play.ts'

/** The comparison of one part of one API and version. */
export interface PartVerdict {
  readonly part: PartName
  readonly steps: number
  /** Empty: all responses are equal. */
  readonly differences: readonly string[]
}

/** An API in one version; equal when each part has at least one step and all are equal. */
export interface PairVerdict {
  readonly key: number
  readonly api: string
  readonly version: number
  readonly parts: readonly PartVerdict[]
  readonly isEqual: boolean
}

/** The differences of two responses, with the path of the field: `topics[0].errorCode: NONE, not UNKNOWN_TOPIC_ID`. */
function differences(real: Plain | undefined, ours: Plain | undefined, path = ''): string[] {
  if (isStruct(real) && isStruct(ours)) {
    const names = new Set([...Object.keys(real), ...Object.keys(ours)])
    return [...names].flatMap((name) => differences(real[name], ours[name], path === '' ? name : `${path}.${name}`))
  }
  if (Array.isArray(real) && Array.isArray(ours)) {
    const longer = real.length > ours.length ? real : ours
    return longer.flatMap((_: Plain, index: number) => differences(real[index], ours[index], `${path}[${index}]`))
  }
  const [a, b] = [JSON.stringify(real), JSON.stringify(ours)]
  return a === b ? [] : [`${path}: ${b ?? 'nothing'}, not ${a ?? 'nothing'}`]
}

/** Every API and version that the real broker advertises, with or without steps. */
export function verdicts(
  advertised: ReadonlyMap<number, Versions>,
  real: readonly Played[],
  ours: readonly Played[],
): PairVerdict[] {
  const keyOf = ({ api, version, part }: Omit<Played, 'steps'>) => `${api} ${version} ${part}`
  const byKey = (played: readonly Played[]) => new Map(played.map((each) => [keyOf(each), each.steps]))
  const [theirSteps, ourSteps] = [byKey(real), byKey(ours)]
  const found: PairVerdict[] = []
  for (const [key, { min, max }] of [...advertised].sort(([a], [b]) => a - b)) {
    const api = apiOf(key)?.name ?? `API ${key}`
    // Produce is advertised from version 0, but served from version 3 (KAFKA-18659).
    for (let version = Math.max(min, apiOf(key)?.versions.min ?? min); version <= max; version++) {
      const parts = partNames.map((part) => {
        const steps = theirSteps.get(keyOf({ api, version, part })) ?? []
        const responses = ourSteps.get(keyOf({ api, version, part })) ?? []
        return { part, steps: steps.length, differences: stepDifferences(steps, responses) }
      })
      const isEqual = parts.every(({ steps, differences }) => steps > 0 && differences.length === 0)
      found.push({ key, api, version, parts, isEqual })
    }
  }
  return found
}

function stepDifferences(real: Played['steps'], ours: Played['steps']): string[] {
  const count = Math.max(real.length, ours.length)
  return Array.from({ length: count }, (_, index) => [real[index], ours[index]] as const).flatMap(([theirs, own]) => {
    if (theirs?.label !== own?.label) return [`step ${own?.label ?? 'missing'}, not ${theirs?.label ?? 'missing'}`]
    if (theirs?.label === '<broke off>') return [`the script broke off: ${JSON.stringify(theirs.response)}`]
    return differences(theirs?.response, own?.response).map((each) => `${theirs?.label}: ${each}`)
  })
}

function isStruct(value: Plain | undefined): value is { readonly [field: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
