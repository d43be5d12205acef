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
  'long retries',
  'absent reader',
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

/** Where records go whose attempts have all failed; none: the run rejects. */
export type LettersPlan = 'none' | 'dead' | 'retry'
export type GroupProtocol = 'classic' | 'consumer'

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
  /** Handlers of messages work by key, not by partition. */
  readonly byKey: boolean
  readonly letters: LettersPlan
  readonly offsetReset: 'earliest' | 'latest' | 'none'
  readonly assignors: readonly AssignorChoice[]
  /** 'mixed': each member draws its own. */
  readonly protocol: GroupProtocol | 'mixed'
  /** How long faults strike. */
  readonly chaosMs: number
}

/** What a test fixes of a run, instead of drawing it. */
export interface ChaosOptions {
  readonly seed: number
  readonly features?: readonly ChaosFeature[] | undefined
  readonly reader?: ReaderKind | undefined
  readonly commit?: CommitChoice | undefined
  readonly offsetReset?: ChaosPlan['offsetReset'] | undefined
  /** Fixes the classic protocol, too. */
  readonly assignors?: readonly AssignorChoice[] | undefined
  readonly protocol?: ChaosPlan['protocol'] | undefined
  readonly byKey?: boolean | undefined
  readonly letters?: LettersPlan | undefined
  readonly replicationFactor?: 1 | 3 | undefined
  readonly members?: number | undefined
  /** Prints each event of the run. */
  readonly verbose?: boolean | undefined
}

const rare: ReadonlySet<ChaosFeature> = new Set(['unclean election', 'recreated topic', 'deleted topic', 'compaction'])

function protocolOf(seed: number, features: ReadonlySet<ChaosFeature>): ChaosPlan['protocol'] {
  const drawn = new ChaosRandom(seed, 'protocol').pick(['classic', 'consumer', 'mixed'] as const)
  // A classic member has partitions by the name of the topic: in a group that assigns by id it may read a recreated one of another member.
  return drawn === 'mixed' && features.has('recreated topic') ? 'consumer' : drawn
}

export function planOf(given: ChaosOptions): ChaosPlan {
  const { seed, features } = given
  const random = new ChaosRandom(seed, 'plan')
  const share = random.pick([0.15, 0.3, 0.5])
  const drawn = chaosFeatures.filter((one) => random.withProbability(rare.has(one) ? share / 2 : share))
  const all = new Set(features ?? drawn)
  const brokers = given.replicationFactor === undefined ? random.pick([1, 2, 3, 3, 3]) : 3
  const topics = Array.from({ length: random.whole(1, 3) }, (_, at) => ({
    name: `t${at}`,
    partitions: random.whole(1, 3),
    replicationFactor: given.replicationFactor ?? (random.withProbability(0.35) ? 1 : brokers),
    isCompacted: all.has('compaction') && random.withProbability(0.5),
  }))
  return {
    seed,
    features: all,
    brokers,
    topics,
    members: given.members ?? random.whole(1, 3),
    committedOnly: random.withProbability(0.7),
    offsetReset: given.offsetReset ?? random.pick(['earliest', 'earliest', 'earliest', 'latest', 'none']),
    assignors:
      given.assignors ??
      random.pick<AssignorChoice[]>([
        ['range', 'cooperative-sticky'],
        ['range'],
        ['roundrobin'],
        ['cooperative-sticky'],
        ['cooperative-sticky'],
      ]),
    // Of its own, so that a seed has the same other dimensions whatever the protocol.
    protocol: given.protocol ?? (given.assignors === undefined ? protocolOf(seed, all) : 'classic'),
    byKey: given.byKey ?? new ChaosRandom(seed, 'by key').withProbability(0.3),
    letters: given.letters ?? new ChaosRandom(seed, 'letters').pick(['none', 'none', 'dead', 'retry'] as const),
    chaosMs: random.whole(10_000, 45_000),
  }
}
