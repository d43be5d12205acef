import type { Runtime, TlsOptions } from '@ottla/runtime'
import { meaningOf } from '../error-meaning.ts'
import { type BrokerAddress, KafkaError } from '../errors.ts'
import { Secret } from '../redact.ts'
import type { TlsSource } from '../tls-options.ts'
import { resultOf } from './user-function.ts'

interface Limits {
  readonly runtime: Runtime
  readonly options: { readonly connectTimeoutMs: number }
}

/** The TLS options of a new connection. */
export async function tlsMaterial(
  source: TlsSource | undefined,
  broker: BrokerAddress,
  { runtime, options: { connectTimeoutMs: timeoutMs } }: Limits,
  signal: AbortSignal,
): Promise<TlsOptions | undefined> {
  if (source === undefined) return undefined
  const material = source.material()
  if (material instanceof Secret) return material.reveal()
  return (await resultOf({ option: 'tls', broker, runtime, timeoutMs }, signal, () => material)).reveal()
}

/** A failure of TLS with options of the function: those of the next connection may be right. */
export async function retriable<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    throw KafkaError.is(error) && meaningOf(error.code).tlsFailed ? error.with({ retriable: true }) : error
  }
}
