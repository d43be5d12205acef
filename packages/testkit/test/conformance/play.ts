import { type Api, ApiVersions, apiOf, errorOf, InitProducerId } from '@ottla/codec'
import { Wire } from '../support/wire.ts'
import { type Case, type PartName, partNames } from './case.ts'
import { Stage, type Step, type Target } from './stage.ts'

export interface Versions {
  readonly min: number
  readonly max: number
}

/** The responses of one cluster in one part of one API and version. */
export interface Played {
  readonly api: string
  readonly version: number
  readonly part: PartName
  readonly steps: readonly Step[]
  /** Fields that this part does not compare. */
  readonly dropped?: readonly string[]
}

export interface PlayOptions {
  /** The versions that a broker of Kafka 4.3.1 advertises, by API key. */
  readonly advertised: ReadonlyMap<number, Versions>
  /** Called after each part. */
  readonly onPart?: (played: Played, done: number, all: number) => void
  /** How many parts run concurrently; they mostly wait. Default 6. */
  readonly concurrency?: number
  /** Only these APIs. */
  readonly only?: ReadonlySet<string>
}

interface Plan {
  readonly api: Api
  readonly version: number
  readonly part: PartName
  readonly cases: readonly Case[]
}

/** The versions that the broker advertises. */
export async function advertisedBy(target: Target): Promise<Map<number, Versions>> {
  const wire = await Wire.open(target.plaintext[0] as string, 'conformance')
  try {
    const body = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }
    const { errorCode, apiKeys } = await wire.request(ApiVersions, 4, body)
    if (errorCode !== 0) throw new Error(`ApiVersions: ${errorOf(errorCode).name}`)
    return new Map(apiKeys.map(({ apiKey, minVersion: min, maxVersion: max }) => [apiKey, { min, max }]))
  } finally {
    wire.close()
  }
}

/** Runs all parts of all versions; a part without a case is not in the result. */
export async function play(target: Target, cases: readonly Case[], options: PlayOptions): Promise<Played[]> {
  const plans = plansOf(cases, options)
  await warmUp(target)
  const [shared, alone] = [plans.filter((plan) => !isAlone(plan)), plans.filter(isAlone)]
  const run = process.pid.toString(36).padStart(5, '0').slice(-5)
  const played: Played[] = []
  const next = async (plan: Plan) => {
    const prefix = `c${run}${plans.indexOf(plan).toString(36).padStart(3, '0')}-`
    const done = await playPart(target, plan, prefix)
    played.push(done)
    options.onPart?.(done, played.length, plans.length)
  }
  const queue = shared.values()
  const work = async () => {
    for (const plan of queue) await next(plan)
  }
  await Promise.all(Array.from({ length: options.concurrency ?? 6 }, work))
  for (const plan of alone) await next(plan)
  return played.sort(inOrder)
}

/** Completes one-time work of a cluster: coordinators are loaded, and producer id 0, which means none, is used up. */
async function warmUp(target: Target): Promise<void> {
  const stage = await Stage.open(InitProducerId, 4, target, 'warm-up-')
  try {
    for (const kind of ['group', 'transaction'] as const) {
      for (let key = 0; key < 24; key++) await stage.coordinatorId(`warm-up-${key}`, kind)
    }
    await stage.until('producer ids', async () => {
      const body = { transactionalId: null, transactionTimeoutMs: 1000 }
      const { errorCode, producerId } = await stage.do(InitProducerId, 4, body)
      return errorCode === 0 && producerId > 0n
    })
  } finally {
    stage.close()
  }
}

const isAlone = ({ cases }: Plan) => cases.some(({ alone }) => alone === true)

function plansOf(cases: readonly Case[], { advertised, only }: PlayOptions): Plan[] {
  const plans: Plan[] = []
  for (const [key, { min, max }] of advertised) {
    const api = apiOf(key)
    if (api === undefined || (only !== undefined && !only.has(api.name))) continue
    for (let version = Math.max(min, api.versions.min); version <= max; version++) {
      for (const part of partNames) {
        const those = cases.filter((each) => each.api.key === key && each[part] !== undefined)
        if (those.length > 0) plans.push({ api, version, part, cases: those })
      }
    }
  }
  return plans
}

async function playPart(target: Target, { api, version, part, cases }: Plan, prefix: string): Promise<Played> {
  const stage = await Stage.open(api, version, target, prefix)
  try {
    for (const each of cases) await each[part]?.(stage, version)
  } catch (error) {
    // A cluster on which the script fails differs from one on which it succeeds.
    stage.saw('<broke off>', error instanceof Error ? error.message : String(error))
  } finally {
    stage.close()
  }
  const dropped = stage.dropped.size === 0 ? {} : { dropped: [...stage.dropped] }
  return { api: api.name, version, part, steps: stage.steps, ...dropped }
}

function inOrder(a: Played, b: Played): number {
  if (a.api !== b.api) return a.api < b.api ? -1 : 1
  return a.version - b.version || partNames.indexOf(a.part) - partNames.indexOf(b.part)
}
