import type { Runtime } from '@ottla/runtime'
import type { IsrChange } from './leader-state.ts'
import type { LogStorage } from './log-storage.ts'

/** What a replica needs of its broker. */
export interface ReplicaHost<Replica> {
  readonly brokerId: number
  readonly runtime: Runtime
  /** replica.lag.time.max.ms */
  readonly lagTimeMaxMs: number
  readonly producerExpirationMs: number
  /** Where logs are kept; absent: in memory alone. */
  readonly storage: LogStorage | undefined
  /** Nothing can be appended. */
  readonly isDiskFull: boolean
  /** Registered and not fenced, as far as this broker knows. */
  isAlive(brokerId: number): boolean
  /** There are records, a high watermark or a log start that followers do not know. */
  wakeFollowers(replica: Replica): void
  /** Asks the controller; the answer comes through `acceptIsr` or `refuseIsr`. */
  proposeIsr(replica: Replica, change: IsrChange): void
  /** Somebody of the ISR is behind: see to it that `shrinkIsr` is called in time. */
  watchIsr(): void
}
