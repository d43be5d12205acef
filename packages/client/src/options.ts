import { type CodecSet, type CustomCodecs, codecSet, compressionNames } from '@ottla/codec/records'
import type { Runtime, TlsOptions } from '@ottla/runtime'
import { type BrokerAddress, optionError } from './errors.ts'
import { consoleLogger, isPino, type Logger } from './logger.ts'
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
import { Secret, showOnly } from './redact.ts'
import { nodeRuntime } from './runtime/node-runtime.ts'

/** 'host:port' addresses, or a function that returns them: called at the start, and whenever no known broker responds. */
export type BrokerList = readonly string[] | string | (() => readonly string[] | Promise<readonly string[]>)

/** Maps the address that a broker advertises to the one to connect to. */
export type MapBroker = (host: string, port: number) => { readonly host: string; readonly port: number }

/** Options of `new Kafka(…)`. All times are in milliseconds, all sizes in bytes. */
export interface KafkaOptions {
  /** Bootstrap addresses, `host:port` (default port 9092). Two or three brokers of the cluster are enough. */
  readonly brokers: BrokerList
  /** Identifies the client in the broker's logs, metrics and quotas. Default 'ottla'. */
  readonly clientId?: string | undefined
  /** `true`, or `node:tls` options. Default: plaintext. */
  readonly tls?: boolean | TlsOptions | undefined
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

/** Node accepts a text that is not PEM, such as a path, without an error. */
const isPem = (value: unknown) =>
  (typeof value === 'string' && value.includes('-----BEGIN')) || value instanceof Uint8Array

const material = optionalValue<string | Uint8Array>(isPem, 'must be a PEM text (not a path) or its bytes')

const tlsTable = Object.freeze({
  ca: optionalValue<TlsOptions['ca']>(
    (value) => isPem(value) || (Array.isArray(value) && value.every(isPem)),
    'must be a PEM text (not a path), its bytes, or a list of them',
  ),
  cert: material,
  key: material,
  pfx: optionalValue<Uint8Array>((value) => value instanceof Uint8Array, 'must be the bytes of a PKCS #12 file'),
  passphrase: text(undefined),
  servername: text(undefined),
  minVersion: optionalValue<'TLSv1.2' | 'TLSv1.3'>(
    (value) => value === 'TLSv1.2' || value === 'TLSv1.3',
    "must be 'TLSv1.2' or 'TLSv1.3'",
  ),
  ciphers: text(undefined),
  insecureSkipVerify: flag(false),
})

/** Validates the TLS options and copies them, so that a later change by the caller has no effect. */
function resolveTls(tls: boolean | TlsOptions): Secret<TlsOptions> | undefined {
  if (tls === false) return undefined
  if (tls === true) return new Secret({})
  if (Object.hasOwn(tls, 'rejectUnauthorized')) {
    throw optionError(
      'tls.rejectUnauthorized',
      owner,
      'does not exist',
      'Set `tls.ca` to the CA, or, for experiments only, `tls.insecureSkipVerify` to true.',
    )
  }
  const given = Object.entries(resolveOptions(owner, tlsTable, tls, 'tls.'))
  return new Secret(Object.fromEntries(given.filter(([, value]) => value !== undefined)) as TlsOptions)
}

/** Every option of the client with its default. */
export const kafkaOptions = Object.freeze({
  brokers: requiredValue<BrokerList>(
    isBrokerList,
    "must be a list of 'host:port' addresses, or a function that returns one",
  ),
  clientId: text('ottla'),
  tls: {
    default: false as boolean | TlsOptions,
    check: (value) => (typeof value === 'boolean' || isObject(value) ? undefined : 'must be a boolean or TLS options'),
  } satisfies OptionRule<boolean | TlsOptions>,
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
  readonly tls: Secret<TlsOptions> | undefined
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
  const resolved: ResolvedOptions = {
    ...rest,
    sasl,
    brokers: brokerSource(brokers),
    codecs: codecSet(codecs),
    tls: resolveTls(tls),
    logger: logger ?? consoleLogger('warn'),
    runtime: runtime ?? nodeRuntime,
  }
  if (resolved.tls?.reveal().insecureSkipVerify === true) {
    resolved.logger.warn(
      "TLS certificates are not verified ('insecureSkipVerify'): anyone on the network can impersonate a broker",
    )
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
