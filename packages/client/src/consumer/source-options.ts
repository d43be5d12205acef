import type { Connection } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Cursor } from './cursor.ts'

export interface SourceOptions {
  readonly purpose: Connection
  /** For partitions that become ready while a fetch without them waits. */
  readonly lateConnection: Connection
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly maxBufferedBytes: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly rack: string | undefined
  readonly onOutOfRange: (cursor: Cursor) => void
  /** The leader's epoch grew: the log may have been cut below the position. */
  readonly onNewEpoch: (cursor: Cursor) => void
  /** The topic was deleted, and there is another one of its name. */
  readonly onRecreated: (cursor: Cursor) => void
  /** Fetching failed for a reason that will not pass. */
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
  | 'learnLeader'
  | 'learnBrokers'
>
