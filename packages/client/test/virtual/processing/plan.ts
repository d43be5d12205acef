import type { ReleaseName } from '@ottla/testkit'
import type { ConsumerOptions } from '../../../src/index.ts'
import { ChaosRandom } from '../chaos-random.ts'

/** What processors do, and which faults strike; each run has a part of them. */
export const processorFeatures = [
  // What processors do.
  'handler error',
  'slow handler',
  'batches',
  'enqueue',
  'concurrency',
  'small buffer',
  'aborted inputs',
  // What happens to them.
  'crash',
  'restart',
  'zombie',
  'partitions added',
  // Which faults strike.
  'leaders move',
  'restarts',
  'rolling restart',
  'paused broker',
  'cut link',
  'error codes',
  'lost responses',
  'delays',
] as const

export type ProcessorFeature = (typeof processorFeatures)[number]

/** One run, as drawn from its seed. */
export interface ProcessorPlan {
  readonly seed: number
  readonly features: ReadonlySet<ProcessorFeature>
  readonly release: ReleaseName
  /** Topic 'in' has this many partitions at first; 'out' has three. */
  readonly partitions: number
  /** Processors that run at the same time, each with a transactionalId of its own. */
  readonly processors: number
  readonly protocol: NonNullable<ConsumerOptions['protocol']>
  readonly assignors: ConsumerOptions['assignors']
  readonly chaosMs: number
}

/** What a test fixes of a run, instead of drawing it. */
export interface ProcessorChaosOptions {
  readonly seed: number
  readonly features?: readonly ProcessorFeature[] | undefined
  readonly release?: ReleaseName | undefined
  /** Prints each event of the run. */
  readonly verbose?: boolean | undefined
}

export function planOf({ seed, features, release }: ProcessorChaosOptions): ProcessorPlan {
  const random = new ChaosRandom(seed, 'plan')
  const share = random.pick([0.2, 0.35, 0.5])
  const drawn = processorFeatures.filter(() => random.withProbability(share))
  const drawnRelease = random.pick<ReleaseName>(['3.9', '4.1', '4.3', '4.3'])
  const as = release ?? drawnRelease
  const isOld = as === '3.9'
  const protocol = random.pick(['classic', 'classic', 'consumer'] as const)
  const assignors = random.pick<NonNullable<ConsumerOptions['assignors']>>([['range'], ['cooperative-sticky']])
  return {
    seed,
    features: new Set(features ?? drawn),
    release: as,
    partitions: random.whole(1, 5),
    processors: random.whole(1, 3),
    protocol: isOld ? 'classic' : protocol,
    assignors: isOld || protocol === 'classic' ? assignors : undefined,
    chaosMs: random.whole(10_000, 30_000),
  }
}
