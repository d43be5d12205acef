import type { ConnectionPurpose } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Cursor } from './cursor.ts'

export interface SourceOptions {
  readonly purpose: ConnectionPurpose
  /** For partitions that become ready while a long poll without them is in flight. */
  readonly latePurpose: ConnectionPurpose
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly maxBufferedBytes: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly rack: string | undefined
  readonly onOutOfRange: (cursor: Cursor) => void
  /** The leader epoch increased: the log may have been truncated below the position. */
  readonly onNewEpoch: (cursor: Cursor) => void
  /** The topic was deleted and recreated with the same name. */
  readonly onRecreated: (cursor: Cursor) => void
  /** Fetching failed permanently. */
  readonly onFatal: (error: unknown) => void
}

export type SourceCluster = Pick<
  Cluster,
  | 'runtime'
  | 'options'
  | 'logger'
  | 'topic'
  | 'partition'
  | 'broker'
  | 'leaderOf'
  | 'refreshMetadata'
  | 'updateLeader'
  | 'addBrokers'
>
