import type { Runtime } from '@ottla/runtime'
import { type AclOptions, authorizerConfig } from '../authorization/options.ts'
import type { ResolvedListener } from '../network/listeners.ts'
import type { TlsOptions } from '../network/tls-material.ts'
import { BrokerConfig } from '../state/configs/broker-config.ts'
import type { Quirks } from '../state/quirks.ts'
import { latestRelease, type Release, type ReleaseName, releaseOf } from '../state/releases.ts'
import { type ReadReplicaSelector, readReplicaSelectorOf } from '../state/replicas/read-replica.ts'
import { type Authorizer, authorizerOf } from '../state/rights/authorizer.ts'
import type { SaslOptions } from '../state/rights/sasl-options.ts'
import type { Fsync } from '../storage/data-directory.ts'
import type { TrafficOptions } from '../traffic/traffic.ts'
import { type ListenerOptions, type ListenOptions, resolveListeners } from './listener-options.ts'
import { type QuirkOptions, resolveQuirks } from './quirk-options.ts'

export interface TopicOptions {
  readonly name: string
  /** Default: num.partitions. */
  readonly partitions?: number
  /** Default: default.replication.factor, or the number of brokers when there are fewer. */
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number | boolean>>
}

export interface ClusterOptions {
  /** Number of brokers, with the ids 1 to n. Default 3. */
  readonly brokers?: number
  /** Racks of the brokers, in the order of their ids. */
  readonly racks?: readonly (string | null)[]
  /** Also listen on TCP, besides the in-memory network. */
  readonly listen?: boolean | ListenOptions
  /** Several listeners per broker, on TCP unless `listen` is false. Default: one, PLAINTEXT, or SASL_PLAINTEXT with `sasl`. */
  readonly listeners?: readonly ListenerOptions[]
  /** Topics that exist when `createCluster` resolves. */
  readonly topics?: readonly TopicOptions[]
  /** Clients must authenticate. */
  readonly sasl?: SaslOptions
  /** Authorization by ACLs, as with Kafka's StandardAuthorizer. */
  readonly acls?: boolean | AclOptions
  /**
   * TLS on TCP: `true` creates a CA and certificates for this cluster; otherwise the given certificates. Without `listeners` the
   * listener is SSL, or SASL_SSL with `sasl`.
   */
  readonly tls?: boolean | TlsOptions
  /** Broker configs by Kafka's names. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /**
   * A directory that keeps topics, records, offsets and all other state for the next cluster started on it. It is created when
   * missing; only one cluster can use it at a time. Default: everything is in memory.
   */
  readonly dataDir?: string
  /** With `dataDir`: data survives the death of the process (`os`, default) or also of the machine (`always`). */
  readonly fsync?: Fsync
  /** The Kafka release whose API versions and features brokers offer. Default: the latest known. */
  readonly as?: ReleaseName
  /** Differences from Apache Kafka, as other brokers, proxies and networks have them. Default: none. */
  readonly quirks?: QuirkOptions
  /** Clock and randomness of the brokers. Default: the machine's. */
  readonly runtime?: Runtime
  /**
   * `virtual`: time advances only in `cluster.run` and `cluster.clock.advance`, as fast as the events in it are processed, and
   * all randomness follows from `seed`. Default: `real`.
   */
  readonly time?: 'real' | 'virtual'
  /** Seed of virtual time: the same seed produces the same run. Default 1. */
  readonly seed?: number
  /** In virtual time: checks Kafka's replication guarantees after each event; `cluster.run` rejects on a violation. */
  readonly checkReplicas?: boolean
  /** Keep the requests that brokers receive, for `cluster.saw`. Default: false. */
  readonly traffic?: boolean | TrafficOptions
  /**
   * The cluster keeps the process alive until it is closed, as a server does. Default: false, so that a test that forgets it can end;
   * pending calls of clients keep the process alive in either case.
   */
  readonly keepAlive?: boolean
  /** `close` rejects when clients left connections, or timers on the cluster's clock, open. Default: false. */
  readonly leakCheck?: boolean
  /** Called when a request cannot be handled and its connection closes. Default: `process.emitWarning`. */
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
  readonly readReplicas: ReadReplicaSelector | undefined
  /** The data directory; undefined: in memory only. */
  readonly data: { readonly path: string; readonly fsync: Fsync } | undefined
  readonly release: Release | undefined
  readonly quirks: Quirks
  readonly runtime: Runtime | undefined
  readonly time: 'real' | 'virtual'
  readonly seed: number
  readonly checkReplicas: boolean
  readonly traffic: TrafficOptions | undefined
  readonly keepAlive: boolean
  readonly leakCheck: boolean
  readonly onDiagnostic: (message: string) => void
}

const maxBrokers = 100

/** Checks the options and adds defaults. Throws TypeError. */
export function resolveOptions(options: ClusterOptions): ResolvedOptions {
  const { brokers = 3, racks = [], topics = [], sasl, tls, runtime } = options
  if (!Number.isInteger(brokers) || brokers < 1 || brokers > maxBrokers) {
    throw new TypeError(`Option 'brokers' must be an integer from 1 to ${maxBrokers}, not ${brokers}`)
  }
  const timeOptions = resolveTime(options)
  if (racks.length > brokers) throw new TypeError(`Option 'racks' has ${racks.length} entries for ${brokers} brokers`)
  const config = new BrokerConfig({ ...authorizerConfig(options.acls), ...options.config })
  return {
    brokers,
    racks,
    listeners: resolveListeners({ listen: options.listen, listeners: options.listeners, sasl, tls, brokers }),
    topics,
    sasl,
    config,
    authorizer: authorizerOf(config),
    readReplicas: readReplicaSelectorOf(config),
    data: resolveData(options),
    release: releaseOf(options.as ?? latestRelease),
    quirks: resolveQuirks(options.quirks),
    tls: tls || undefined,
    runtime,
    ...timeOptions,
    traffic: options.traffic === true ? {} : options.traffic || undefined,
    keepAlive: options.keepAlive ?? false,
    leakCheck: options.leakCheck ?? false,
    onDiagnostic: options.onDiagnostic ?? ((message) => process.emitWarning(message, 'OttlaTestkitWarning')),
  }
}

function resolveData({ dataDir, fsync = 'os' }: ClusterOptions): ResolvedOptions['data'] {
  if (fsync !== 'os' && fsync !== 'always')
    throw new TypeError(`Option 'fsync' must be 'os' or 'always', not '${fsync}'`)
  if (dataDir === '') throw new TypeError("Option 'dataDir' must not be empty")
  return dataDir === undefined ? undefined : { path: dataDir, fsync }
}

function resolveTime({ time = 'real', seed = 1, checkReplicas = false, listen, listeners, runtime }: ClusterOptions) {
  if (time !== 'real' && time !== 'virtual')
    throw new TypeError(`Option 'time' must be 'real' or 'virtual', not '${time}'`)
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new TypeError(`Option 'seed' must be a non-negative integer, not ${seed}`)
  if (time === 'real' && checkReplicas)
    throw new TypeError("Option 'checkReplicas' requires option 'time' to be 'virtual'")
  if (time === 'virtual' && (listen || listeners))
    throw new TypeError("Options 'listen' and 'listeners' cannot be combined with virtual time")
  if (time === 'virtual' && runtime) throw new TypeError("Option 'runtime' cannot be combined with virtual time")
  return { time, seed, checkReplicas }
}
