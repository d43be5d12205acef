import { ApiVersions, type ApiVersionsResponse, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { capitalized, describeBroker, KafkaError, kafkaErrorOf } from '../errors.ts'
import { clientVersion } from '../version.ts'
import { ApiRanges } from './api-ranges.ts'
import type { Connection } from './connection.ts'
import type { SaslMechanism } from './sasl/mechanism.ts'

/** The oldest supported Kafka (KIP-896). */
const oldestRelease = '2.1'

/** Since Kafka 0.11. In a lower version, a list of all topics cannot be requested without creating any. */
const leastMetadataVersion = 4

const metadataKey = 3
const softwareName = 'ottla'

export interface HandshakeOptions {
  readonly runtime: Runtime
  readonly sasl: SaslMechanism | undefined
  readonly timeoutMs: number
  /** Find out whether the listener requires SASL, though none is configured: the broker closed the last connection immediately. */
  readonly probeSasl: boolean
}

export interface Handshake {
  readonly ranges: ApiRanges
  /** When to authenticate again, from now; 0: never. */
  readonly reauthenticateAfterMs: number
}

/** The handshake of a new connection: version negotiation, then SASL. */
export async function shakeHands(connection: Connection, options: HandshakeOptions): Promise<Handshake> {
  const ranges = await negotiate(connection, options.timeoutMs)
  const metadata = ranges.rangeOf(metadataKey)
  if (metadata !== undefined && metadata.max < leastMetadataVersion) {
    const who = capitalized(describeBroker(connection.broker))
    const message = `${who} offers Metadata versions up to ${metadata.max}, the client requires ${leastMetadataVersion}`
    throw new KafkaError('UNSUPPORTED_BROKER', message, {
      broker: connection.broker,
      hint: `Upgrade the broker to Apache Kafka ${oldestRelease} or newer.`,
      outcome: 'not-written',
    })
  }
  if (options.sasl === undefined) {
    if (options.probeSasl && ranges.rangeOf(SaslHandshake.key) !== undefined)
      await refuseIfSaslListener(connection, options.timeoutMs)
    return { ranges, reauthenticateAfterMs: 0 }
  }
  return { ranges, reauthenticateAfterMs: await authenticate(connection, ranges, options.sasl, options) }
}

async function negotiate(connection: Connection, timeoutMs: number): Promise<ApiRanges> {
  const highest = Math.min(ApiVersions.versions.max, connection.versions.highestOf(ApiVersions.key))
  const first = await askVersions(connection, highest, timeoutMs)
  if (!meaningOf(first.errorCode).unsupportedVersion) return rangesOf(connection, first)
  // An older broker responds in version 0, with the versions that it has (KIP-511), or without them before Kafka 2.4.
  const range = first.apiKeys.find(({ apiKey }) => apiKey === ApiVersions.key)
  const version = Math.min(range?.maxVersion ?? 0, highest)
  return rangesOf(connection, await askVersions(connection, version, timeoutMs))
}

async function askVersions(connection: Connection, version: number, timeoutMs: number): Promise<ApiVersionsResponse> {
  const body = version < 3 ? {} : { clientSoftwareName: softwareName, clientSoftwareVersion: clientVersion }
  return connection.exchange(ApiVersions, version, body, timeoutMs)
}

function rangesOf(connection: Connection, response: ApiVersionsResponse): ApiRanges {
  if (response.errorCode !== 0) throw kafkaErrorOf(response.errorCode, 'ApiVersions', { broker: connection.broker })
  connection.versions.offered(response.apiKeys)
  return new ApiRanges(response.apiKeys, response.finalizedFeatures, connection.versions)
}

/** A listener requires SASL if its broker responds to an unknown mechanism with the list of those that it enables. */
async function refuseIfSaslListener(connection: Connection, timeoutMs: number): Promise<void> {
  const { errorCode, mechanisms } = await connection.exchange(SaslHandshake, 1, { mechanism: '' }, timeoutMs)
  if (errorCode === 0 || meaningOf(errorCode).sasl === 'not-offered') return
  throw new KafkaError(
    'SASL_REQUIRED',
    `${capitalized(describeBroker(connection.broker))} requires SASL on this port`,
    {
      broker: connection.broker,
      outcome: 'not-written',
      hint: `Set the option \`sasl\`; enabled mechanisms: ${mechanisms.join(', ')}.`,
    },
  )
}

/** Authenticates a new connection, or one in use again. Returns the time until the next authentication, in ms; 0: never. */
export async function authenticate(
  connection: Connection,
  ranges: ApiRanges,
  sasl: SaslMechanism,
  { runtime, timeoutMs }: Pick<HandshakeOptions, 'runtime' | 'timeoutMs'>,
): Promise<number> {
  const { broker } = connection
  const version = ranges.negotiate(SaslAuthenticate, {})
  if (version < 0) throw noSaslError(connection)
  const response = await connection.exchange(SaslHandshake, 1, { mechanism: sasl.name }, timeoutMs)
  if (meaningOf(response.errorCode).sasl === 'not-offered') throw noSaslError(connection)
  if (response.errorCode !== 0) {
    const hint = `Use a mechanism that the broker enables: ${response.mechanisms.join(', ') || 'it has none'}.`
    throw kafkaErrorOf(response.errorCode, `SASL ${sasl.name}`, { broker, hint })
  }
  const startedMs = runtime.monoNow()
  let lifetimeMs = 0
  const send = async (message: Uint8Array): Promise<Uint8Array> => {
    const reply = await connection.exchange(SaslAuthenticate, version, { authBytes: message }, timeoutMs)
    if (reply.errorCode !== 0) {
      const refused = meaningOf(reply.errorCode).sasl === 'refused'
      const reason = refused ? { message: reply.errorMessage, fatal: true } : {}
      throw kafkaErrorOf(reply.errorCode, `SASL ${sasl.name} authentication`, { broker, ...reason })
    }
    lifetimeMs = Number(reply.sessionLifetimeMs)
    return reply.authBytes
  }
  try {
    await sasl.authenticate({ runtime, broker, send })
  } catch (cause) {
    throw KafkaError.is(cause) ? cause : exchangeFailed(connection, sasl, cause)
  }
  if (lifetimeMs <= 0) return 0
  // Between 80 and 90 % of the session (KIP-368), so that connections do not all authenticate at the same time.
  const atMs = lifetimeMs * (0.8 + 0.1 * runtime.random())
  return Math.max(1, atMs - (runtime.monoNow() - startedMs))
}

/** The mechanism or its credentials function, which the application may have written, failed: the next attempt may succeed. */
function exchangeFailed({ broker }: Connection, { name }: SaslMechanism, cause: unknown): KafkaError {
  const message = `SASL ${name} authentication with ${describeBroker(broker)} could not be completed: ${textOf(cause)}`
  return new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written', broker, cause })
}

function noSaslError({ broker }: Connection): KafkaError {
  return new KafkaError(
    'ILLEGAL_SASL_STATE',
    `${capitalized(describeBroker(broker))} does not offer SASL on this port`,
    {
      broker,
      outcome: 'not-written',
      hint: 'Leave out the option `sasl`, or use the port of a SASL_SSL or SASL_PLAINTEXT listener.',
    },
  )
}
