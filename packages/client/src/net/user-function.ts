import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { type BrokerAddress, describeBroker, KafkaError } from '../errors.ts'
import { within, withSignal } from '../runtime/wait.ts'

/** The call of a function of the application that a new connection needs. */
export interface UserFunctionCall {
  readonly option: 'mapBroker' | 'tls'
  readonly broker: BrokerAddress
  readonly runtime: Runtime
  readonly timeoutMs: number
}

/** Its result. It may throw or hang: the connection fails with CONNECTION_FAILED, and the next one calls it again. */
export async function resultOf<T>(
  { option, broker, runtime, timeoutMs }: UserFunctionCall,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  const operation = `The function of option \`${option}\``
  const timedOut = () => new Error(`it did not return within ${timeoutMs} ms`)
  try {
    const limits = { operation, timeoutMs, signals: [signal], timedOut }
    return await within(runtime, limits, (bounded) => withSignal(call(), bounded))
  } catch (cause) {
    if (signal.aborted) throw cause
    const reason = `the function of option \`${option}\` failed: ${textOf(cause)}`
    const message = `No connection to ${describeBroker(broker)}: ${reason}`
    throw new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written', broker, cause })
  }
}
