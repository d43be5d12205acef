import type { Runtime, TlsOptions } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { type BrokerAddress, describeBroker, KafkaError } from '../errors.ts'
import { Secret } from '../redact.ts'
import { within, withSignal } from '../runtime/wait.ts'
import type { TlsSource } from '../tls-options.ts'

interface Limits {
  readonly runtime: Runtime
  readonly options: { readonly connectTimeoutMs: number }
}

/** The TLS options of a new connection. The function of the application may throw, hang, or return something else. */
export async function tlsMaterial(
  source: TlsSource | undefined,
  broker: BrokerAddress,
  { runtime, options: { connectTimeoutMs: timeoutMs } }: Limits,
  signal: AbortSignal,
): Promise<TlsOptions | undefined> {
  if (source === undefined) return undefined
  const timedOut = () => new Error(`it did not return within ${timeoutMs} ms`)
  const limits = { operation: 'The function of option `tls`', timeoutMs, signals: [signal], timedOut }
  try {
    const material = source.material()
    if (material instanceof Secret) return material.reveal()
    return (await within(runtime, limits, (bounded) => withSignal(material, bounded))).reveal()
  } catch (cause) {
    if (signal.aborted) throw cause
    const message = `No connection to ${describeBroker(broker)}: the function of option \`tls\` failed: ${textOf(cause)}`
    throw new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written', broker, cause })
  }
}

/** A failure of TLS with options of the function: those of the next connection may be right. */
export async function retriable<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    throw KafkaError.is(error) && meaningOf(error.code).tlsFailed ? error.with({ retriable: true }) : error
  }
}
