import type { QuirkOptions } from '@ottla/testkit'
import type { KafkaOptions } from '../../../src/index.ts'

/** A cluster that differs from Apache Kafka, and what clients need for it. */
export interface ChaosQuirk {
  readonly name: string
  readonly quirks: QuirkOptions
  readonly kafka: Partial<KafkaOptions>
  /** Without it there is no idempotence, and there are no transactions. */
  readonly hasProducerIds: boolean
}

const plain = { kafka: {}, hasProducerIds: true }

export const chaosQuirks: readonly ChaosQuirk[] = [
  {
    ...plain,
    name: 'resets on ApiVersions',
    quirks: { versions: { ApiVersions: 3 }, resetsAbove: { ApiVersions: 3 } },
  },
  { ...plain, name: 'Metadata up to 5', quirks: { versions: { Metadata: 5 } } },
  { ...plain, name: 'no InitProducerId', quirks: { versions: { InitProducerId: null } }, hasProducerIds: false },
  { ...plain, name: 'hints without endpoints', quirks: { hintEndpoints: 'none' } },
  {
    ...plain,
    name: 'inner addresses',
    quirks: { innerAddresses: true, hintEndpoints: 'inner' },
    kafka: { mapBroker: (host, port) => ({ host: host.replace('.inner', ''), port }) },
  },
  {
    ...plain,
    name: 'forgets idle connections',
    quirks: { forgetsIdleMs: 2_500 },
    kafka: { connectionsMaxIdleMs: 1_000 },
  },
]
