import { endTxnMarkerBatch } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import type { GroupCoordinator } from '../state/group-coordinator/group-coordinator.ts'
import { offsetsTopic } from '../state/internal-topics.ts'
import type { Replica } from '../state/replicas/replica.ts'
import type { Marker } from '../state/transactions/transaction-shard.ts'

/** What writing markers needs of the coordinator's broker. */
export interface MarkerHost {
  readonly runtime: Runtime
  leaderOf(topic: string, partition: number): number | undefined
  broker(id: number): MarkerNode | undefined
}

/** A broker that may lead the marker's partition. */
export interface MarkerNode {
  readonly isUp: boolean
  readonly services: { readonly groups: GroupCoordinator }
  replica(topic: string, partition: number): Replica | undefined
}

const timeoutMs = 5_000

/** Writes a marker at the partition's leader, one turn later; `done` receives whether it is replicated. */
export function writeMarker(host: MarkerHost, marker: Marker, done: (isWritten: boolean) => void): void {
  const { runtime } = host
  runtime.defer(() => {
    const { topic, partition, producerId, committed } = marker
    const leader = host.leaderOf(topic, partition)
    // The topic was deleted, and the records of the transaction with it.
    if (leader === undefined) {
      done(true)
      return
    }
    const broker = host.broker(leader)
    const replica = broker?.isUp ? broker.replica(topic, partition) : undefined
    if (broker === undefined || replica === undefined || !replica.isLeader) {
      done(false)
      return
    }
    const bytes = endTxnMarkerBatch({ ...marker, timestampMs: Math.floor(runtime.wallNow()) })
    if (topic === offsetsTopic) {
      broker.services.groups.endTransaction(partition, bytes, { producerId, committed }, done)
      return
    }
    replica.appendAndReplicate(bytes, timeoutMs, ({ errorCode }) => done(errorCode === 0))
  })
}
