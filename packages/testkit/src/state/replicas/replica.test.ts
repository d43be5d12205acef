import { expect, test } from 'vitest'
import { batchOf } from '../../../test/support/batches.ts'
import { systemRuntime } from '../../runtime/node-runtime.ts'
import { BrokerConfig } from '../configs/broker-config.ts'
import { topicSettings } from '../configs/topic-config.ts'
import { MetadataView } from '../metadata-view.ts'
import { producedBatchOf } from './produced-batch.ts'
import { Replica } from './replica.ts'
import type { ReplicaHost } from './replica-host.ts'

const host: ReplicaHost<Replica> = {
  brokerId: 1,
  runtime: systemRuntime,
  lagTimeMaxMs: 30_000,
  producerExpirationMs: 60_000,
  storage: undefined,
  isDiskFull: false,
  isAlive: () => true,
  wakeFollowers: () => {},
  proposeIsr: () => {},
  watchIsr: () => {},
}

test('records committed with too few replicas in sync afterwards are NOT_ENOUGH_REPLICAS_AFTER_APPEND', () => {
  const configs = new Map([['min.insync.replicas', '2']])
  const settings = topicSettings({ configs }, { id: 1, view: new MetadataView(), config: new BrokerConfig() })
  const replica = new Replica(host, { topic: 't', topicId: 'x', partition: 0 }, settings)
  replica.become({ partition: 0, leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1, 2], isr: [1, 2] })
  const appended = replica.append(producedBatchOf(batchOf(['a'])), { acksAll: true })
  if (appended.error !== undefined) throw new Error(appended.error)
  const fetch = { followerId: 2, fetchOffset: 1, lastFetchedEpoch: 0, leaderEpoch: 0, logStartOffset: 0, maxBytes: 1 }
  replica.fetchForFollower(fetch)
  expect(replica.highWatermark).toBe(1)
  const outcomes: string[] = []
  const ask = () => replica.awaitReplication(appended.requiredOffset, (error) => outcomes.push(error))
  ask()
  replica.acceptIsr([1], 1)
  ask()
  expect(outcomes).toEqual(['NONE', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'])
})
