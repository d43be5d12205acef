import { meaningOf } from '../error-meaning.ts'
import { capitalized, describeBroker, KafkaError } from '../errors.ts'
import { onAbort, within, withSignal } from '../runtime/wait.ts'
import type { ApiRanges } from './api-ranges.ts'
import type { Connection } from './connection.ts'
import { type DialOptions, dialBroker, tlsPortErrorOf } from './dial.ts'
import { authenticate, shakeHands } from './handshake.ts'
import type { OpenSockets } from './open-sockets.ts'
import type { SaslMechanism } from './sasl/mechanism.ts'

export interface OpenOptions extends DialOptions {
  readonly sasl: SaslMechanism | undefined
  /** For version negotiation and authentication together. */
  readonly handshakeTimeoutMs: number
  readonly sockets: OpenSockets
  /** The broker closed the last connection at its first request: find out whether it requires SASL. */
  readonly probeSasl: boolean
  /** How long the client may now find out whether the port requires TLS; 0: not now. */
  readonly tlsProbeMs: () => number
}

/** Dials, negotiates and authenticates. Rejects with a KafkaError, or the signal's reason; then the connection is closed. */
export async function openConnection(
  connection: Connection,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<ApiRanges> {
  const release = onAbort(signal, () => connection.close(KafkaError.is(signal.reason) ? signal.reason : undefined))
  try {
    await dialCounted(connection, options, signal)
    return await greet(connection, options, signal)
  } catch (error) {
    connection.close(KafkaError.is(error) ? error : undefined)
    if (options.tls !== undefined || connection.responses > 0) throw error
    if (!KafkaError.is(error) || meaningOf(error.code).connection !== 'lost') throw error
    // The broker closed the connection at the first request: perhaps because it expects TLS.
    const timeoutMs = options.tlsProbeMs()
    if (timeoutMs === 0) throw error
    throw (await tlsPortErrorOf(options, connection.broker, { signal, timeoutMs })) ?? error
  } finally {
    release()
  }
}

async function dialCounted(connection: Connection, options: OpenOptions, signal: AbortSignal): Promise<void> {
  options.sockets.opening()
  try {
    await dialBroker(connection, options, signal)
  } catch (error) {
    options.sockets.gone()
    throw error
  }
}

async function greet(connection: Connection, options: OpenOptions, signal: AbortSignal): Promise<ApiRanges> {
  const { runtime, sasl, probeSasl, handshakeTimeoutMs: timeoutMs } = options
  const bounded = <T>(step: Promise<T>) => inTime(connection, options, signal, step)
  const steps = { runtime, sasl, timeoutMs, probeSasl }
  const { ranges, reauthenticateAfterMs } = await bounded(shakeHands(connection, steps))
  connection.ready(ranges)
  if (sasl !== undefined) {
    const again = () => bounded(authenticate(connection, ranges, sasl, steps))
    connection.reauthenticateAfter(reauthenticateAfterMs, again)
  }
  return ranges
}

/** Limits a step of the handshake: a mechanism or a credentials function of the application may hang, too. */
async function inTime<T>(
  { broker }: Connection,
  { runtime, handshakeTimeoutMs }: OpenOptions,
  signal: AbortSignal,
  step: Promise<T>,
): Promise<T> {
  const timedOut = () => {
    const message = `${capitalized(describeBroker(broker))} accepted the connection, but the handshake took over ${handshakeTimeoutMs} ms`
    return new KafkaError('CONNECTION_FAILED', message, {
      retriable: true,
      outcome: 'not-written',
      broker,
      hint: 'Check that it is a Kafka broker, and that it is not overloaded.',
    })
  }
  const limits = { operation: 'The handshake', timeoutMs: handshakeTimeoutMs, signals: [signal], timedOut }
  return within(runtime, limits, (bounded) => withSignal(step, bounded))
}
