import type { Runtime } from '@ottla/runtime'
import type { BrokerAddress } from '../errors.ts'
import { resultOf } from './user-function.ts'

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

/** Where to connect to. */
export async function mappedAddress(
  { runtime, mapBroker, connectTimeoutMs: timeoutMs }: Options,
  broker: BrokerAddress,
  signal: AbortSignal,
): Promise<Address> {
  if (mapBroker === undefined) return broker
  const call = { option: 'mapBroker', broker, runtime, timeoutMs } as const
  return resultOf(call, signal, async () => checked(await mapBroker(broker.host, broker.port)))
}

/** The application may be JavaScript. */
function checked(mapped: unknown): Address {
  const { host, port } = (mapped ?? {}) as { readonly host?: unknown; readonly port?: unknown }
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535
  if (typeof host !== 'string' || host === '' || !isPort) throw new TypeError('it returned no { host, port }')
  return { host, port }
}
