import type { Runtime } from '@ottla/runtime'
import { type ClusterOptions, createCluster, type QuirkOptions } from '@ottla/testkit'
import type { KafkaOptions, ProducerOptions } from '../../src/index.ts'
import { sharedKafka, skipsKafka, startBroker, stopBroker } from './real-kafka.ts'
import { shortTimes } from './short-times.ts'

/** The cluster of a target. */
export interface Ground {
  readonly bootstrap: readonly string[]
  /** Default: the bootstrap addresses. */
  readonly advertised?: readonly string[]
  /** Default true. */
  readonly hasTopicIds?: boolean
  /** Default: Node's. */
  readonly runtime: Runtime | undefined
  /** Options that each client of this cluster has. */
  readonly kafka?: Partial<KafkaOptions>
  /** Options that each producer has. */
  readonly producer?: ProducerOptions
  kill(id: number): Promise<unknown>
  restart(id: number): Promise<unknown>
  close(): Promise<void>
}

type Facts = Pick<Ground, 'kafka' | 'producer' | 'advertised' | 'hasTopicIds'>

/** A cluster that scenarios can run on. */
export interface GroundKind {
  readonly name: string
  readonly skipped: boolean
  open(): Promise<Ground>
}

async function openTestkit(options: ClusterOptions = {}, facts: Facts = {}): Promise<Ground> {
  const cluster = await createCluster({ brokers: 3, config: shortTimes, ...options })
  return {
    ...facts,
    bootstrap: cluster.bootstrap,
    runtime: cluster.runtime,
    kill: async (id) => cluster.broker(id).kill(),
    restart: async (id) => cluster.broker(id).restart(),
    close: () => cluster.close(),
  }
}

/** Shared by all files; it ends with the run. */
export async function openRealKafka(): Promise<Ground> {
  const { bootstrap } = await sharedKafka()
  return { bootstrap, runtime: undefined, kill: stopBroker, restart: startBroker, close: async () => {} }
}

function quirky(name: string, quirks: QuirkOptions, facts: Facts = {}): GroundKind {
  const options = { quirks, onDiagnostic: () => {} }
  return { name: `testkit, ${name}`, skipped: false, open: () => openTestkit(options, facts) }
}

/** The testkit with brokers, proxies and networks that differ from Apache Kafka. */
const quirkyGrounds: readonly GroundKind[] = [
  quirky('resets on ApiVersions', { versions: { ApiVersions: 3 }, resetsAbove: { ApiVersions: 3 } }),
  quirky('Metadata up to 5', { versions: { Metadata: 5 } }, { hasTopicIds: false }),
  quirky('no InitProducerId', { versions: { InitProducerId: null } }, { producer: { idempotent: false } }),
  quirky('hints without endpoints', { hintEndpoints: 'none' }),
  quirky(
    'inner addresses',
    { innerAddresses: true, hintEndpoints: 'inner' },
    {
      advertised: [1, 2, 3].map((id) => `broker-${id}.inner:9092`),
      kafka: { mapBroker: (host, port) => ({ host: host.replace('.inner', ''), port }) },
    },
  ),
  quirky('forgets idle connections', { forgetsIdleMs: 2_500 }, { kafka: { connectionsMaxIdleMs: 1_000 } }),
]

const usualGrounds: readonly GroundKind[] = [
  { name: 'testkit', skipped: false, open: () => openTestkit() },
  { name: 'kafka', skipped: skipsKafka, open: openRealKafka },
]

/** `npm run scenarios` selects the grounds of all scenarios by their names. */
const selected = process.env.OTTLA_GROUNDS

/** The clusters that a scenario runs on. `quirks`: those that differ from Apache Kafka, too. */
export function groundsFor({ quirks }: { readonly quirks: boolean }): readonly GroundKind[] {
  const all = [...usualGrounds, ...quirkyGrounds]
  if (selected === 'quirks') return quirkyGrounds
  if (selected !== undefined) return all.filter(({ name }) => name === selected)
  return quirks ? all : usualGrounds
}
