import { ApiVersions, encodeRequest } from '@ottla/codec'
import type { Runtime, TlsOptions, Transport } from '@ottla/runtime'
import { type BrokerAddress, KafkaError } from '../errors.ts'
import { deferred } from '../runtime/deferred.ts'
import { within, withSignal } from '../runtime/wait.ts'
import {
  type DialFailure,
  dialError,
  looksLikeTls,
  lookupError,
  plaintextPortError,
  tlsError,
  tlsPortError,
} from './connect-errors.ts'
import type { Connection } from './connection.ts'

/** Of a host with more addresses only the first ones are tried. */
const mostAddresses = 10

const probeTimeoutMs = 2_000

export interface DialOptions {
  readonly runtime: Runtime
  readonly tls: TlsOptions | undefined
  readonly mapBroker: ((host: string, port: number) => { readonly host: string; readonly port: number }) | undefined
  readonly connectTimeoutMs: number
}

/** The address of a broker. Its certificate is checked against the host name that the broker advertises. */
interface Place {
  readonly broker: BrokerAddress
  readonly address: string
  readonly port: number
}

/** Connects to the broker, trying each address of the host, which is looked up each time. Rejects with one KafkaError that lists all. */
export async function dialBroker(connection: Connection, options: DialOptions, signal: AbortSignal): Promise<void> {
  const { broker } = connection
  const { host, port } = options.mapBroker?.(broker.host, broker.port) ?? broker
  const addresses = await lookUp(options, broker, host, signal)
  const failures: DialFailure[] = []
  for (const address of addresses.slice(0, mostAddresses)) {
    try {
      connection.attach(await dialOnce(options, { broker, address, port }, connection, signal))
      return
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (KafkaError.is(error)) throw error
      failures.push({ address, error })
    }
  }
  throw dialError({ id: broker.id, host, port }, failures)
}

async function lookUp(
  { runtime, connectTimeoutMs }: DialOptions,
  broker: BrokerAddress,
  host: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const timedOut = () => new Error(`no response within ${connectTimeoutMs} ms`)
  const limits = { operation: `Looking up ${host}`, timeoutMs: connectTimeoutMs, signals: [signal], timedOut }
  try {
    const addresses = await within(runtime, limits, (bounded) => withSignal(runtime.lookup(host), bounded))
    if (addresses.length === 0) throw new Error('the list of addresses is empty')
    return addresses
  } catch (error) {
    if (signal.aborted) throw error
    throw lookupError({ ...addressOf(broker), host }, error)
  }
}

async function dialOnce(
  options: DialOptions,
  place: Place,
  connection: Connection,
  signal: AbortSignal,
): Promise<Transport> {
  const { runtime, tls, connectTimeoutMs } = options
  const target = { address: place.address, port: place.port, serverName: place.broker.host, tls }
  const late = new Error(`no connection within ${connectTimeoutMs} ms`)
  const limits = { operation: 'Connecting', timeoutMs: connectTimeoutMs, signals: [signal], timedOut: () => late }
  try {
    return await within(runtime, limits, (bounded) => runtime.dial(target, connection, bounded))
  } catch (error) {
    if (tls === undefined || error === late || signal.aborted) throw error
    const known = tlsError(place.broker, error)
    if (known !== undefined) throw known
    // At a TLS handshake on a plaintext port a broker closes the connection without a response: probe it in plaintext.
    if (!isRefused(error) && (await speaksPlaintext(runtime, place, signal)))
      throw plaintextPortError(place.broker, error)
    throw error
  }
}

function isRefused(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ECONNREFUSED'
}

/** Whether a Kafka broker responds on that port without TLS. Nothing secret is sent. */
async function speaksPlaintext(runtime: Runtime, place: Place, signal: AbortSignal): Promise<boolean> {
  const request = encodeRequest(ApiVersions, 0, { correlationId: 1, clientId: null }, {})
  const first = await firstBytes(runtime, place, request, signal)
  // A length below 1 MiB, then the correlation id of the request.
  return first !== undefined && first.length >= 8 && first[0] === 0 && first.readInt32BE(4) === 1
}

/** The error for a broker that closed a plaintext connection at its first request, if the port speaks TLS; else undefined. */
export async function tlsPortErrorOf(
  options: DialOptions,
  broker: BrokerAddress,
  signal: AbortSignal,
): Promise<KafkaError | undefined> {
  const { runtime } = options
  const { host, port } = options.mapBroker?.(broker.host, broker.port) ?? broker
  const addresses = await lookUp(options, broker, host, signal).catch(() => [])
  const address = addresses[0]
  if (address === undefined) return undefined
  const first = await firstBytes(runtime, { broker, address, port }, [clientHello], signal)
  return first !== undefined && looksLikeTls(first) ? tlsPortError(broker) : undefined
}

/** The beginning of a TLS 1.2 handshake that no server accepts: it responds with an alert. */
const clientHello = Buffer.from(`160301002f0100002b0303${'00'.repeat(32)}000002000001000000`, 'hex')

/** The first bytes that a peer responds with; undefined if it closes the connection or does not respond. */
async function firstBytes(
  runtime: Runtime,
  { broker, address, port }: Place,
  request: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const space = Buffer.alloc(64)
  const responded = deferred<Buffer | undefined>()
  const reader = {
    space: () => space,
    // A copy: the next bytes are read into the same memory.
    filled: (size: number) => responded.resolve(Buffer.from(space.subarray(0, size))),
    closed: () => responded.resolve(undefined),
  }
  let transport: Transport | undefined
  const limits = { operation: 'Probing the port', timeoutMs: probeTimeoutMs, signals: [signal] }
  try {
    return await within(runtime, limits, async (bounded) => {
      transport = await runtime.dial({ address, port, serverName: broker.host }, reader, bounded)
      transport.write(request)
      return withSignal(responded.promise, bounded)
    })
  } catch {
    return undefined
  } finally {
    transport?.destroy()
  }
}

function addressOf({ id, host, port }: BrokerAddress): BrokerAddress {
  return { id, host, port }
}
