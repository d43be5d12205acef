import type { Runtime } from '@ottla/runtime'
import { textOf } from '../error-data.ts'
import { type BrokerAddress, describeBroker, KafkaError } from '../errors.ts'
import { within, withSignal } from '../runtime/wait.ts'

interface Address {
  readonly host: string
  readonly port: number
}

/** Maps the address that a broker advertises to the one to connect to. Called for each connection. */
export type MapBroker = (
  host: string,
  port: number,
) => { readonly host: string; readonly port: number } | Promise<{ readonly host: string; readonly port: number }>

interface Options {
  readonly runtime: Runtime
  readonly mapBroker: MapBroker | undefined
  readonly connectTimeoutMs: number
}

/** Where to connect to. The function of the application may throw, hang, or return something else. */
export async function mappedAddress(
  { runtime, mapBroker, connectTimeoutMs: timeoutMs }: Options,
  broker: BrokerAddress,
  signal: AbortSignal,
): Promise<Address> {
  if (mapBroker === undefined) return broker
  const timedOut = () => new Error(`it did not return within ${timeoutMs} ms`)
  const limits = { operation: 'The function of option `mapBroker`', timeoutMs, signals: [signal], timedOut }
  try {
    const map = async (): Promise<unknown> => mapBroker(broker.host, broker.port)
    return checked(await within(runtime, limits, (bounded) => withSignal(map(), bounded)))
  } catch (cause) {
    if (signal.aborted) throw cause
    const message = `No connection to ${describeBroker(broker)}: the function of option \`mapBroker\` failed: ${textOf(cause)}`
    throw new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written', broker, cause })
  }
}

function checked(mapped: unknown): Address {
  const { host, port } = (mapped ?? {}) as { readonly host?: unknown; readonly port?: unknown }
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535
  if (typeof host !== 'string' || host === '' || !isPort) throw new TypeError('it returned no { host, port }')
  return { host, port }
}
