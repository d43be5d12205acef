import { Fetch, type FetchRequest, type FetchResponse } from '@ottla/codec'
import type { Broker, RequestOptions } from '../../cluster/broker.ts'
import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Turns } from '../turns.ts'
import type { PartitionListener } from './fetch-response.ts'
import type { SessionRequest } from './fetch-session.ts'
import type { LoopKey } from './partitions-by-broker.ts'
import type { FetchBudget, SourceCluster, SourceOptions } from './source-host.ts'

/** What the loops of all brokers share. */
export interface LoopHost {
  readonly cluster: SourceCluster
  readonly turns: Turns
  readonly options: SourceOptions
  readonly budget: FetchBudget
  readonly listener: PartitionListener
  readonly loopCount: number
  /** Of the consumer. */
  readonly partitionCount: number
  /** The partitions of one loop. */
  partitionsOf(key: LoopKey): ReadonlySet<AssignedPartition>
  /** The metadata lists no such broker. */
  brokerMissing(key: LoopKey): Promise<void>
  /** A request failed. Returns the number of failures of the broker in sequence, in this loop and in earlier ones. */
  brokerFailed(key: LoopKey, error: KafkaError, hadWorked: boolean): number
  brokerResponded(key: LoopKey): void
  /** The preference for a follower expired. */
  preferenceExpired(partition: AssignedPartition): void
  /** The fetch failed permanently. */
  fatal(error: unknown): void
}

const longestMaxVersion = 18
const versionWithoutIds = 12

export interface FetchLimits {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /** The rack of the client, for which the leader chooses a replica; '': the leader itself is read. */
  readonly rack: string
}

export function fetchRequest(session: SessionRequest, isolation: SourceOptions['isolation'], limits: FetchLimits) {
  const { rack: rackId, ...others } = limits
  return { ...session, ...others, rackId, isolationLevel: isolation === 'read_committed' ? 1 : 0 } as const
}

export function sendFetch(
  broker: Broker,
  request: FetchRequest,
  withIds: boolean,
  options: RequestOptions,
): Promise<FetchResponse> {
  return broker.request(Fetch, request, { ...options, maxVersion: withIds ? longestMaxVersion : versionWithoutIds })
}
