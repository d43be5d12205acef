import { type CodecSet, type CustomCodecs, codecSet, compressionNames } from '@ottla/codec/records'
import type { Runtime, TlsOptions } from '@ottla/runtime'
import { type BrokerAddress, optionError } from './errors.ts'
import { consoleLogger, guardedLogger, isPino, type Logger } from './logger.ts'
import type { MapBroker } from './net/mapped-address.ts'
import type { SaslMechanism } from './net/sasl/mechanism.ts'
import {
  flag,
  integer,
  milliseconds,
  type OptionRule,
  optionalFunction,
  optionalValue,
  requiredValue,
  resolveOptions,
  text,
} from './option-table.ts'
import { showOnly } from './redact.ts'
import { nodeRuntime } from './runtime/node-runtime.ts'
import { resolveTls, type TlsProvider, type TlsSource } from './tls-options.ts'

/** 'host:port' addresses, or a function that returns them: called at the start, and whenever no known broker responds. */
export type BrokerList = readonly string[] | string | (() => readonly string[] | Promise<readonly string[]>)

/** Options of `new Kafka(…)`. All times are in milliseconds, all sizes in bytes. */
export interface KafkaOptions {
  /** Bootstrap addresses, `host:port` (default port 9092). Two or three brokers of the cluster are enough. */
  readonly brokers: BrokerList
  /** Identifies the client in the broker's logs, metrics and quotas. Default 'ottla'. */
  readonly clientId?: string | undefined
  /** `true`, `node:tls` options, or a function that returns them for each new connection. Default: plaintext. */
  readonly tls?: boolean | TlsOptions | TlsProvider | undefined
  /** The SASL mechanism with its credentials: `plain(…)`, `scramSha256(…)` or `scramSha512(…)`. Default: no authentication. */
  readonly sasl?: SaslMechanism | undefined
  /** Allows SASL/PLAIN to send a password over a connection without TLS. Default false. */
  readonly allowPlaintextCredentials?: boolean | undefined
  /** Receives log messages. Default: writes warnings and errors to stderr. */
  readonly logger?: Logger | undefined
  /** Clock, randomness and network. Default: Node's. */
  readonly runtime?: Runtime | undefined
  /** Maps the address that a broker advertises to the one to connect to, for tunnels and NAT. Default: no mapping. */
  readonly mapBroker?: MapBroker | undefined
  /** Compression codecs that replace the built-in ones, by name: ottla codecs or KafkaJS-compatible ones. */
  readonly codecs?: CustomCodecs | undefined
  /** Timeout for opening a socket, TLS handshake included. Default 10 000. */
  readonly connectTimeoutMs?: number | undefined
  /** Timeout for version negotiation and authentication on a new connection. Default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined
  /** Timeout for one attempt of a request. Default 30 000. */
  readonly requestTimeoutMs?: number | undefined
  /** Timeout for a whole call, retries included. Default 60 000. */
  readonly apiTimeoutMs?: number | undefined
  /** How long a call waits for a topic that no broker has before it fails. Default 5 000. */
  readonly topicTimeoutMs?: number | undefined
  /** Initial backoff before a retry; grows exponentially, with jitter. Default 100. */
  readonly retryBackoffMs?: number | undefined
  /** Longest backoff before a retry. Default 1 000. */
  readonly retryBackoffMaxMs?: number | undefined
  /** Initial backoff before reconnecting to a broker; grows exponentially, with jitter. Default 50. */
  readonly reconnectBackoffMs?: number | undefined
  /** Longest backoff before reconnecting. Default 1 000. */
  readonly reconnectBackoffMaxMs?: number | undefined
  /** Closes a connection without requests after this time; keep it below the broker's limit (10 min). Default 540 000. */
  readonly connectionsMaxIdleMs?: number | undefined
  /** Refreshes metadata that is older than this. Default 300 000. */
  readonly metadataMaxAgeMs?: number | undefined
  /** Uses the bootstrap addresses again after this time without a response from any known broker. Default 300 000. */
  readonly metadataRecoveryRebootstrapTriggerMs?: number | undefined
  /** Maximum size of a response; a larger one closes the connection. Default 100 MiB. */
  readonly maxResponseBytes?: number | undefined
  /** Maximum number of requests in flight on one connection; further ones wait. Default 100. */
  readonly maxInFlightRequests?: number | undefined
  /** Longest throttle time of a broker that is honoured (KIP-219). Default 60 000. */
  readonly maxThrottleMs?: number | undefined
}

const owner = 'new Kafka()'

const unverifiedWarning =
  "TLS certificates are not verified ('insecureSkipVerify'): anyone on the network can impersonate a broker"

const isObject = (value: unknown) => typeof value === 'object' && value !== null

const isBrokerList = (value: unknown) =>
  typeof value === 'function' ||
  (typeof value === 'string' && value !== '') ||
  (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && item !== ''))

const isLogger = (value: unknown) =>
  isObject(value) &&
  ['debug', 'info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown>)[level] === 'function')

const isSasl = (value: unknown) =>
  isObject(value) &&
  typeof (value as SaslMechanism).name === 'string' &&
  typeof (value as SaslMechanism).authenticate === 'function'

const isCodecs = (value: unknown) => {
  if (!isObject(value)) return false
  const names: readonly string[] = compressionNames.slice(1)
  try {
    codecSet(value as CustomCodecs)
  } catch {
    return false
  }
  return Object.keys(value as object).every((name) => names.includes(name))
}

/** Every option of the client with its default. */
export const kafkaOptions = Object.freeze({
  brokers: requiredValue<BrokerList>(
    isBrokerList,
    "must be a list of 'host:port' addresses, or a function that returns one",
  ),
  clientId: text('ottla'),
  tls: {
    default: false as boolean | TlsOptions | TlsProvider,
    check: (value) => {
      const isValid = typeof value === 'boolean' || typeof value === 'function' || isObject(value)
      return isValid ? undefined : 'must be a boolean, TLS options, or a function that returns them'
    },
  } satisfies OptionRule<boolean | TlsOptions | TlsProvider>,
  sasl: optionalValue<SaslMechanism>(isSasl, 'must come from plain(), scramSha256() or scramSha512()'),
  allowPlaintextCredentials: flag(false),
  logger: optionalValue<Logger>(isLogger, 'must have the methods debug, info, warn and error'),
  runtime: optionalValue<Runtime>(isObject, 'must be a Runtime'),
  mapBroker: optionalFunction<MapBroker>(),
  codecs: optionalValue<CustomCodecs>(isCodecs, "must be codecs for some of 'gzip', 'snappy', 'lz4', 'zstd'"),
  connectTimeoutMs: milliseconds(10_000, 1),
  handshakeTimeoutMs: milliseconds(10_000, 1),
  requestTimeoutMs: milliseconds(30_000, 1),
  apiTimeoutMs: milliseconds(60_000, 1),
  topicTimeoutMs: milliseconds(5_000, 1),
  retryBackoffMs: milliseconds(100, 1),
  retryBackoffMaxMs: milliseconds(1_000, 1),
  reconnectBackoffMs: milliseconds(50, 1),
  reconnectBackoffMaxMs: milliseconds(1_000, 1),
  connectionsMaxIdleMs: milliseconds(540_000, 100),
  metadataMaxAgeMs: milliseconds(300_000, 1),
  metadataRecoveryRebootstrapTriggerMs: milliseconds(300_000, 0),
  maxResponseBytes: integer(100 << 20, 1 << 16, 0x7fffffff),
  maxInFlightRequests: integer(100, 1, 10_000),
  maxThrottleMs: milliseconds(60_000),
})

/** The options of one client after validation. Frozen; inspection shows no secret. */
export interface ResolvedOptions {
  readonly brokers: () => Promise<readonly BrokerAddress[]>
  readonly clientId: string
  readonly tls: TlsSource | undefined
  readonly sasl: SaslMechanism | undefined
  readonly allowPlaintextCredentials: boolean
  readonly logger: Logger
  readonly runtime: Runtime
  readonly mapBroker: MapBroker | undefined
  readonly codecs: CodecSet
  readonly connectTimeoutMs: number
  readonly handshakeTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly apiTimeoutMs: number
  readonly topicTimeoutMs: number
  readonly retryBackoffMs: number
  readonly retryBackoffMaxMs: number
  readonly reconnectBackoffMs: number
  readonly reconnectBackoffMaxMs: number
  readonly connectionsMaxIdleMs: number
  readonly metadataMaxAgeMs: number
  readonly metadataRecoveryRebootstrapTriggerMs: number
  readonly maxResponseBytes: number
  readonly maxInFlightRequests: number
  readonly maxThrottleMs: number
}

/** Validates the options of `new Kafka(…)`; throws INVALID_OPTION. */
export function resolveKafkaOptions(given: KafkaOptions): ResolvedOptions {
  const values = resolveOptions(owner, kafkaOptions, given)
  const { brokers, tls, logger, runtime, sasl, codecs, ...rest } = values
  if (sasl?.cleartext === true && tls === false && !values.allowPlaintextCredentials) {
    throw optionError(
      'sasl',
      owner,
      `must not be SASL/${sasl.name} without TLS: that sends the password in cleartext`,
      'Set `tls`, use scramSha512(), or set `allowPlaintextCredentials: true` if the network is trusted.',
    )
  }
  if (logger !== undefined && isPino(logger)) {
    const problem = 'must not be a pino logger: its methods take the fields first, so each field would be lost'
    throw optionError('logger', owner, problem, 'Wrap it: `logger: pinoLogger(logger)`.')
  }
  const log = guardedLogger(logger ?? consoleLogger('warn'))
  const resolved: ResolvedOptions = {
    ...rest,
    sasl,
    brokers: brokerSource(brokers),
    codecs: codecSet(codecs),
    tls: resolveTls(owner, tls, () => log.warn(unverifiedWarning)),
    logger: log,
    runtime: runtime ?? nodeRuntime,
  }
  return Object.freeze(showOnly(resolved, () => shown(resolved)))
}

/** The options that inspection may show: numbers, switches and names. */
function shown(options: ResolvedOptions): Record<string, unknown> {
  const seen: Record<string, unknown> = { tls: options.tls !== undefined, sasl: options.sasl?.name }
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' || typeof value === 'boolean') seen[name] = value
  }
  seen.clientId = options.clientId
  return seen
}

function brokerSource(brokers: BrokerList): ResolvedOptions['brokers'] {
  if (typeof brokers === 'function') {
    return async () => {
      const list: unknown = await brokers()
      if (typeof list === 'function' || !isBrokerList(list)) {
        throw optionError('brokers', owner, "must return a list of 'host:port' addresses")
      }
      return parseBrokers(list as readonly string[] | string)
    }
  }
  const parsed = parseBrokers(brokers)
  return async () => parsed
}

/** 'host:port,host:port' or a list of such texts. An IPv6 address is written in brackets. */
export function parseBrokers(list: readonly string[] | string): readonly BrokerAddress[] {
  const items = (typeof list === 'string' ? [list] : list).flatMap((item) => item.split(','))
  return items
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseBroker)
}

const brokerPattern = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/

function parseBroker(item: string, index: number): BrokerAddress {
  const match = brokerPattern.exec(item)
  const port = Number(match?.[3] ?? 9092)
  if (match === null || port < 1 || port > 65_535) {
    const hint = item.includes('://')
      ? 'Leave out the scheme, and configure TLS and SASL by the options `tls` and `sasl`.'
      : undefined
    // It may contain a password.
    throw optionError('brokers', owner, `contains an entry (number ${index + 1}) which is not 'host:port'`, hint)
  }
  return { id: -1 - index, host: match[1] ?? match[2]!, port }
}
