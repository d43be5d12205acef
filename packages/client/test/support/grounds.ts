import type { Runtime } from '@ottla/runtime'
import { createCluster } from '@ottla/testkit'
import { sharedKafka, startBroker, stopBroker } from './real-kafka.ts'

/** The cluster of a target. */
export interface Ground {
  readonly name: 'testkit' | 'kafka'
  readonly bootstrap: readonly string[]
  /** Default: Node's. */
  readonly runtime: Runtime | undefined
  kill(id: number): Promise<unknown>
  restart(id: number): Promise<unknown>
  close(): Promise<void>
}

export async function openTestkit(): Promise<Ground> {
  const cluster = await createCluster({ brokers: 3 })
  return {
    name: 'testkit',
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
  return {
    name: 'kafka',
    bootstrap,
    runtime: undefined,
    kill: stopBroker,
    restart: startBroker,
    close: async () => {},
  }
}
