import type { Runtime } from '@ottla/runtime'
import type { IsrChange } from './leader-state.ts'
import type { LogStorage } from './log-storage.ts'

/** What a replica needs from its broker. */
export interface ReplicaHost<Replica> {
  readonly brokerId: number
  readonly runtime: Runtime
  /** replica.lag.time.max.ms */
  readonly lagTimeMaxMs: number
  readonly producerExpirationMs: number
  /** Where logs are stored; undefined: in memory only. */
  readonly storage: LogStorage | undefined
  /** True: appends fail. */
  readonly isDiskFull: boolean
  /** Registered and not fenced, according to this broker's metadata. */
  isAlive(brokerId: number): boolean
  /** There are records, a high watermark or a log start offset that followers do not have yet. */
  wakeFollowers(replica: Replica): void
  /** Sends the change to the controller; the response arrives through `acceptIsr` or `refuseIsr`. */
  proposeIsr(replica: Replica, change: IsrChange): void
  /** A replica of the ISR is behind: the host calls `shrinkIsr` in time. */
  watchIsr(): void
}
