import type { Peer } from '../reader.ts'
import { kafkaCrab } from './kafka-crab-js.ts'
import { kafkaTs } from './kafka-ts.ts'
import { kafkajs } from './kafkajs.ts'
import { ottla } from './ottla.ts'

/** By the name of the package, in the order of the report. The modules of a peer are loaded when it is measured. */
export const peers: Readonly<Record<string, () => Promise<Peer>>> = {
  ottla: async () => ottla,
  kafkajs: async () => kafkajs,
  // Importing it fails on Node.js 20.
  platformatic: async () => (await import('./platformatic.ts')).platformatic,
  'kafka-ts': async () => kafkaTs,
  'kafka-crab-js': async () => kafkaCrab,
}
