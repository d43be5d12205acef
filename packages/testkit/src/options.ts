import type { Runtime } from '@ottla/runtime'
import { type AclOptions, authorizerConfig } from './authorization/options.ts'
import { type ListenerOptions, type ListenOptions, resolveListeners } from './listeners.ts'
import type { ResolvedListener } from './network/listeners.ts'
import type { TlsOptions } from './network/tls-material.ts'
import { latestRelease, type Release, type ReleaseName, releaseOf } from './releases.ts'
import { BrokerConfig } from './state/configs/broker-config.ts'
import { type Authorizer, authorizerOf } from './state/rights/authorizer.ts'
import type { SaslOptions } from './state/rights/sasl-options.ts'
import type { Fsync } from './storage/data-directory.ts'
import type { TrafficOptions } from './traffic/traffic.ts'

export interface TopicOptions {
  readonly name: string
  /** Default: num.partitions. */
  readonly partitions?: number
  /** Default: default.replication.factor, but no more than there are brokers. */
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number | boolean>>
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
  /**
   * TLS over TCP: `true` makes a throw-away authority and certificates, or those that are given. Without `listeners` the one
   * listener is SSL, with `sasl` SASL_SSL.
   */
  readonly tls?: boolean | TlsOptions
  /** Broker configs by Kafka's names. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /**
   * A directory that keeps topics, records, offsets and all else, for the next cluster that is started there. It is made when it
   * is missing; one cluster has it at a time. Default: all is in memory.
   */
  readonly dataDir?: string
  /** With `dataDir`: `os` (default) survives the death of the process, `always` a crash of the machine too. */
  readonly fsync?: Fsync
  /** The release of Kafka whose API versions and features brokers offer. Default: the latest that is known. */
  readonly as?: ReleaseName
  /** Clock and chance of the brokers. Default: the machine's. */
  readonly runtime?: Runtime
  /**
   * `virtual`: time moves only in `cluster.run` and `cluster.clock.advance`, as fast as all that happens in it can be done,
   * and everything left to chance follows from `seed`. Default: `real`.
   */
  readonly time?: 'real' | 'virtual'
  /** Of virtual time: the same seed gives the same run. Default: 1. */
  readonly seed?: number
  /** In virtual time, checks after each event that replicas keep what Kafka promises; `cluster.run` rejects if not. */
  readonly checkReplicas?: boolean
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
  readonly tls: true | TlsOptions | undefined
  readonly config: BrokerConfig
  readonly authorizer: Authorizer | undefined
  /** Where the cluster is kept; undefined: in memory alone. */
  readonly data: { readonly path: string; readonly fsync: Fsync } | undefined
  readonly release: Release | undefined
  readonly runtime: Runtime | undefined
  readonly time: 'real' | 'virtual'
  readonly seed: number
  readonly checkReplicas: boolean
  readonly traffic: TrafficOptions | undefined
  readonly leakCheck: boolean
  readonly onDiagnostic: (message: string) => void
}

const maxBrokers = 100

/** Checks what was given and adds the defaults. Throws TypeError. */
export function resolveOptions(options: ClusterOptions): ResolvedOptions {
  const { brokers = 3, racks = [], topics = [], sasl, tls, runtime } = options
  if (!Number.isInteger(brokers) || brokers < 1 || brokers > maxBrokers) {
    throw new TypeError(`brokers: ${brokers} is not an integer from 1 to ${maxBrokers}`)
  }
  const timeOptions = resolveTime(options)
  if (racks.length > brokers) throw new TypeError(`racks: ${racks.length} racks for ${brokers} brokers`)
  const config = new BrokerConfig({ ...authorizerConfig(options.acls), ...options.config })
  return {
    brokers,
    racks,
    listeners: resolveListeners({ listen: options.listen, listeners: options.listeners, sasl, tls, brokers }),
    topics,
    sasl,
    config,
    authorizer: authorizerOf(config),
    data: resolveData(options),
    release: releaseOf(options.as ?? latestRelease),
    tls: tls || undefined,
    runtime,
    ...timeOptions,
    traffic: options.traffic === true ? {} : options.traffic || undefined,
    leakCheck: options.leakCheck ?? false,
    onDiagnostic: options.onDiagnostic ?? ((message) => process.emitWarning(message, 'OttlaTestkitWarning')),
  }
}

function resolveData({ dataDir, fsync = 'os' }: ClusterOptions): ResolvedOptions['data'] {
  if (fsync !== 'os' && fsync !== 'always') throw new TypeError(`fsync: ${fsync} is neither os nor always`)
  if (dataDir === '') throw new TypeError('dataDir: the path is empty')
  return dataDir === undefined ? undefined : { path: dataDir, fsync }
}

function resolveTime({ time = 'real', seed = 1, checkReplicas = false, listen, listeners, runtime }: ClusterOptions) {
  if (time !== 'real' && time !== 'virtual') throw new TypeError(`time: ${time} is neither 'real' nor 'virtual'`)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new TypeError(`seed: ${seed} is not an integer of 0 or more`)
  if (time === 'real' && checkReplicas) throw new TypeError(`checkReplicas: needs time: 'virtual'`)
  if (time === 'virtual' && (listen || listeners))
    throw new TypeError('listen: sockets live in real time, not in virtual time')
  if (time === 'virtual' && runtime) throw new TypeError('runtime: virtual time is a runtime of its own')
  return { time, seed, checkReplicas }
}
