import type { Runtime } from '@ottla/codec/runtime'
import { type AclOptions, authorizerConfig } from './authorization/options.ts'
import type { SaslOptions } from './cluster-context.ts'
import { type ListenerOptions, type ResolvedListener, resolveListeners } from './listeners.ts'
import { type Authorizer, authorizerOf } from './state/authorizer.ts'
import { BrokerConfig } from './state/broker-config.ts'
import type { TrafficOptions } from './traffic/traffic.ts'

export interface TopicOptions {
  readonly name: string
  /** Default: num.partitions. */
  readonly partitions?: number
  /** Default: default.replication.factor, but no more than there are brokers. */
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number | boolean>>
}

export interface ListenOptions {
  /** The first broker's port, the others take the next ones. Left out: free ports. */
  readonly port?: number
  /** Default 127.0.0.1. Brokers advertise it too. */
  readonly host?: string
}

export interface ClusterOptions {
  /** How many brokers, with the ids 1 to n. Default 3. */
  readonly brokers?: number
  /** Racks of the brokers in the order of their ids. */
  readonly racks?: readonly (string | null)[]
  /** Real TCP listeners beside the memory network. */
  readonly listen?: boolean | ListenOptions
  /** Several listeners on each broker, on TCP unless `listen` is false. Default: one, PLAINTEXT, with `sasl` SASL_PLAINTEXT. */
  readonly listeners?: readonly ListenerOptions[]
  /** Created before `createCluster` resolves. */
  readonly topics?: readonly TopicOptions[]
  /** Clients must authenticate. */
  readonly sasl?: SaslOptions
  /** Rights are checked, as by Kafka's StandardAuthorizer. */
  readonly acls?: boolean | AclOptions
  /** Broker configs by Kafka's names. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** Clock and chance of the brokers. Default: the machine's. */
  readonly runtime?: Runtime
  /** Keeps the requests that brokers get, for `cluster.saw`. Default: not. */
  readonly traffic?: boolean | TrafficOptions
  /** `close` rejects when clients left connections open or timers on the cluster's clock. Default: it does not. */
  readonly leakCheck?: boolean
  /** Told what a client did that cannot be answered. Default: `process.emitWarning`. */
  readonly onDiagnostic?: (message: string) => void
}

export interface ResolvedOptions {
  readonly brokers: number
  readonly racks: readonly (string | null)[]
  readonly listeners: readonly ResolvedListener[]
  readonly topics: readonly TopicOptions[]
  readonly sasl: SaslOptions | undefined
  readonly config: BrokerConfig
  readonly authorizer: Authorizer | undefined
  readonly runtime: Runtime | undefined
  readonly traffic: TrafficOptions | undefined
  readonly leakCheck: boolean
  readonly onDiagnostic: (message: string) => void
}

const maxBrokers = 100

/** Checks what was given and adds the defaults. Throws TypeError. */
export function resolveOptions(options: ClusterOptions): ResolvedOptions {
  const { brokers = 3, racks = [], topics = [], sasl, runtime } = options
  if (!Number.isInteger(brokers) || brokers < 1 || brokers > maxBrokers) {
    throw new TypeError(`brokers: ${brokers} is not an integer from 1 to ${maxBrokers}`)
  }
  if (racks.length > brokers) throw new TypeError(`racks: ${racks.length} racks for ${brokers} brokers`)
  const config = new BrokerConfig({ ...authorizerConfig(options.acls), ...options.config })
  return {
    brokers,
    racks,
    listeners: resolveListeners({ listen: options.listen, listeners: options.listeners, sasl, brokers }),
    topics,
    sasl,
    config,
    authorizer: authorizerOf(config),
    runtime,
    traffic: options.traffic === true ? {} : options.traffic || undefined,
    leakCheck: options.leakCheck ?? false,
    onDiagnostic: options.onDiagnostic ?? ((message) => process.emitWarning(message, 'OttlaTestkitWarning')),
  }
}
