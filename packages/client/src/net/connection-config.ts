import type { Runtime } from '@ottla/runtime'
import type { BrokerAddress, KafkaError } from '../errors.ts'
import type { Observer } from './observer.ts'
import type { VersionFallback } from './version-fallback.ts'

export interface ConnectionLimits {
  readonly maxResponseBytes: number
  readonly maxInFlightRequests: number
  readonly requestTimeoutMs: number
  readonly connectionsMaxIdleMs: number
  readonly maxThrottleMs: number
}

export interface ConnectionConfig {
  readonly runtime: Runtime
  readonly broker: BrokerAddress
  readonly purpose: string
  readonly clientId: string
  readonly limits: ConnectionLimits
  readonly observer: Observer
  /** The versions to which the broker does not respond. */
  readonly versions: VersionFallback
  /** Called once, when no more requests or responses can pass. Without an error the connection was shut down cleanly. */
  readonly onClosed: (error: KafkaError | undefined) => void
  /** Called once, when the socket itself is closed. */
  readonly onGone: () => void
  /** The connection accepts requests (again). */
  readonly onWritable: () => void
  readonly onThrottled: (api: string, throttleMs: number) => void
}
