import type { ReleaseName } from '@ottla/testkit'
import type { ProducerOptions } from '../../../src/index.ts'
import { ChaosRandom } from '../chaos-random.ts'
import { type ChaosQuirk, chaosQuirks } from './quirks.ts'

/** What applications do, what producers are set to, and which faults strike; each run has a part of them. */
export const producerFeatures = [
  // What applications do.
  'arrays',
  'enqueue',
  'keys',
  'named partitions',
  'aborts',
  'flush',
  'close midway',
  'objects used again',
  'bursts',
  'large records',
  'idle topics',
  'transactions',
  'fencing',
  // What producers are set to.
  'acks 1',
  'acks 0',
  'not idempotent',
  'compression',
  'linger',
  'small buffer',
  'short deadlines',
  'several producers',
  // What the cluster is like.
  'quirks',
  // Which faults strike.
  'leaders move',
  'restarts',
  'rolling restart',
  'missing brokers',
  'isr of one',
  'paused broker',
  'cut link',
  'error codes',
  'lost responses',
  'broken responses',
  'delays',
  'throttling',
  'metadata faults',
  'producer id faults',
  'few replicas',
  'full disk',
  'too large',
  'false codes',
  'recreated topic',
  'deleted topic',
  'partitions added',
  'unclean election',
] as const

export type ProducerFeature = (typeof producerFeatures)[number]

export interface ProducerTopic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
}

/** One run, as drawn from its seed. */
export interface ProducerPlan {
  readonly seed: number
  readonly features: ReadonlySet<ProducerFeature>
  readonly release: ReleaseName
  /** How the cluster differs from Apache Kafka; undefined: not at all. */
  readonly quirk: ChaosQuirk | undefined
  readonly brokers: number
  readonly topics: readonly ProducerTopic[]
  /** How many run at the same time. */
  readonly producers: number
  /** They share this many clients. */
  readonly clients: number
  /** How long faults strike. */
  readonly chaosMs: number
  /** How many transactional producers run at the same time. */
  readonly transactionals: number
  /** The mean pause of an application between two calls. */
  readonly paceMs: number
}

/** What a test fixes of a run, instead of drawing it. */
export interface ProducerChaosOptions {
  readonly seed: number
  readonly features?: readonly ProducerFeature[] | undefined
  readonly release?: ReleaseName | undefined
  readonly replicationFactor?: 1 | 3 | undefined
  /** The name of one. */
  readonly quirk?: string | undefined
  /** Prints each event of the run. */
  readonly verbose?: boolean | undefined
}

const releases: readonly ReleaseName[] = ['3.9', '4.0', '4.1', '4.2', '4.3']

const rare: ReadonlySet<ProducerFeature> = new Set([
  'acks 0',
  'acks 1',
  'not idempotent',
  'unclean election',
  'recreated topic',
  'deleted topic',
  'idle topics',
])

export function planOf(given: ProducerChaosOptions): ProducerPlan {
  const { seed, features } = given
  const random = new ChaosRandom(seed, 'plan')
  const share = random.pick([0.15, 0.25, 0.4])
  const drawn = producerFeatures.filter((one) => random.withProbability(rare.has(one) ? share / 2 : share))
  const all = new Set(features ?? drawn)
  const brokers = given.replicationFactor === undefined ? random.pick([1, 2, 3, 3, 3]) : 3
  const topics = Array.from({ length: random.whole(1, 2) }, (_, at) => ({
    name: `t${at}`,
    partitions: random.whole(1, 4),
    replicationFactor: given.replicationFactor ?? (random.withProbability(0.3) ? 1 : brokers),
  }))
  const drawnQuirk = random.pick(chaosQuirks)
  const quirk = all.has('quirks') ? (chaosQuirks.find(({ name }) => name === given.quirk) ?? drawnQuirk) : undefined
  const withTransactions = all.has('transactions') && quirk?.hasProducerIds !== false
  const producers = all.has('several producers') ? random.whole(2, 3) : 1
  return {
    seed,
    features: all,
    release: given.release ?? random.pick(releases),
    quirk,
    brokers,
    topics,
    producers,
    clients: random.whole(1, producers),
    transactionals: withTransactions ? random.whole(1, 2) : 0,
    chaosMs: random.whole(8_000, 25_000),
    paceMs: random.pick([40, 120, 300]),
  }
}

/** The options of one producer of the run. */
export function producerOptionsOf({ features, quirk }: ProducerPlan, random: ChaosRandom): ProducerOptions {
  const may = (feature: ProducerFeature) => features.has(feature) && random.withProbability(0.7)
  const acks = may('acks 0') ? 0 : may('acks 1') ? 1 : 'all'
  const idempotent = acks === 'all' && !may('not idempotent') && quirk?.hasProducerIds !== false
  return {
    acks,
    idempotent,
    maxInFlight: random.pick([1, 2, 5]),
    maxBatchBytes: random.pick([1_024, 4_096, 65_536]),
    lingerMs: may('linger') ? random.pick([5, 50, 700]) : 0,
    maxBufferedBytes: may('small buffer') ? random.pick([2_000, 8_000, 30_000]) : 32 << 20,
    deliveryTimeoutMs: may('short deadlines') ? random.pick([1_500, 4_000, 8_000]) : random.pick([30_000, 120_000]),
    requestTimeoutMs: random.pick([2_000, 5_000, 10_000]),
    compression: may('compression') ? 'gzip' : 'none',
  }
}
