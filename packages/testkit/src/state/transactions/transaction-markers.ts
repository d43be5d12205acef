import { endTxnMarkerBatch } from '@ottla/codec/records'
import type { Broker } from '../../broker.ts'
import { offsetsTopic } from '../internal-topics.ts'
import type { Marker } from './transaction-shard.ts'

const timeoutMs = 5_000

/** Writes a marker at the partition's leader, in a turn of its own; `done` says if it is replicated there. */
export function writeMarker(from: Broker, marker: Marker, done: (isWritten: boolean) => void): void {
  const { runtime } = from.cluster
  runtime.defer(() => {
    const { topic, partition, producerId, committed } = marker
    const leader = from.leaderOf(topic, partition)
    // The topic is gone: nobody will read what was written there.
    if (leader === undefined) {
      done(true)
      return
    }
    const broker = from.cluster.broker(leader)
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
