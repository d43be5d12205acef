import { ChaosRandom } from './chaos-random.ts'

/** What may happen in a run; each run has a part of them. */
export const chaosFeatures = [
  'handler error',
  'partial done',
  'break',
  'return during next',
  'seek',
  'pause',
  'hung handler',
  'explicit commit',
  'undo',
  'hooks',
  'members come and go',
  'crash',
  'transactions',
  'compaction',
  'leaders move',
  'restarts',
  'rolling restart',
  'paused broker',
  'cut link',
  'error codes',
  'recreated topic',
  'deleted topic',
  'deleted records',
  'unclean election',
] as const

export type ChaosFeature = (typeof chaosFeatures)[number]
export type ReaderKind = 'messages' | 'batches' | 'poll' | 'each' | 'eachBatch'
export type CommitChoice = 'auto' | 'manual' | 'none' | { readonly intervalMs: number; readonly count: number }
export type AssignorChoice = 'range' | 'roundrobin' | 'cooperative-sticky'

export interface TopicPlan {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly isCompacted: boolean
}

/** One run, as drawn from its seed. */
export interface ChaosPlan {
  readonly seed: number
  readonly features: ReadonlySet<ChaosFeature>
  readonly brokers: number
  readonly topics: readonly TopicPlan[]
  readonly members: number
  readonly committedOnly: boolean
  readonly offsetReset: 'earliest' | 'latest' | 'none'
  readonly assignors: readonly AssignorChoice[]
  /** How long faults strike. */
  readonly chaosMs: number
}

export interface ChaosOptions {
  readonly seed: number
  /** Exactly these features, instead of drawn ones. */
  readonly features?: readonly ChaosFeature[] | undefined
  /** The only way to read, instead of drawn ones. */
  readonly reader?: ReaderKind | undefined
  readonly commit?: CommitChoice | undefined
  readonly offsetReset?: ChaosPlan['offsetReset'] | undefined
  /** Prints each event of the run. */
  readonly verbose?: boolean | undefined
}

const rare: ReadonlySet<ChaosFeature> = new Set(['unclean election', 'recreated topic', 'deleted topic', 'compaction'])

export function planOf({ seed, features, offsetReset }: ChaosOptions): ChaosPlan {
  const random = new ChaosRandom(seed, 'plan')
  const share = random.pick([0.15, 0.3, 0.5])
  const drawn = chaosFeatures.filter((one) => random.chance(rare.has(one) ? share / 2 : share))
  const all = new Set(features ?? drawn)
  const brokers = random.pick([1, 2, 3, 3, 3])
  const topics = Array.from({ length: random.whole(1, 3) }, (_, at) => ({
    name: `t${at}`,
    partitions: random.whole(1, 3),
    replicationFactor: random.chance(0.35) ? 1 : brokers,
    isCompacted: all.has('compaction') && random.chance(0.5),
  }))
  return {
    seed,
    features: all,
    brokers,
    topics,
    members: random.whole(1, 3),
    committedOnly: random.chance(0.7),
    offsetReset: offsetReset ?? random.pick(['earliest', 'earliest', 'earliest', 'latest', 'none']),
    assignors: random.pick<AssignorChoice[]>([
      ['range', 'cooperative-sticky'],
      ['range'],
      ['roundrobin'],
      ['cooperative-sticky'],
      ['cooperative-sticky'],
    ]),
    chaosMs: random.whole(10_000, 45_000),
  }
}
