import { ApiVersions, encodeRequest } from '@ottla/codec'
import type { Runtime, TlsOptions, Transport, TransportReader } from '@ottla/runtime'
import { type BrokerAddress, KafkaError } from '../errors.ts'
import { deferred } from '../runtime/deferred.ts'
import { staggered } from '../runtime/staggered.ts'
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
import { type MapBroker, mappedAddress } from './mapped-address.ts'

/** Of a host with more addresses only the first ones are tried. */
const mostAddresses = 10

/** The next address is tried beside one that has been silent for this long, as in RFC 8305. */
const nextAddressAfterMs = 250

const probeTimeoutMs = 2_000

export interface DialOptions {
  readonly runtime: Runtime
  readonly tls: TlsOptions | undefined
  readonly mapBroker: MapBroker | undefined
  readonly connectTimeoutMs: number
  /** The address of the host that was connected to last: it is tried first. */
  readonly lastAddress: { value: string | undefined }
}

/** The address of a broker. Its certificate is checked against the host name that the broker advertises. */
interface Place {
  readonly broker: BrokerAddress
  readonly address: string
  readonly port: number
}

/** Connects to the broker, trying the addresses of the host, which is looked up each time. Rejects with one KafkaError that lists all. */
export async function dialBroker(connection: Connection, options: DialOptions, signal: AbortSignal): Promise<void> {
  const { broker } = connection
  const { runtime, lastAddress } = options
  const { host, port } = await mappedAddress(options, broker, signal)
  const addresses = lastFirst((await lookUp(options, broker, host, signal)).slice(0, mostAddresses), lastAddress.value)
  const failures: DialFailure[] = []
  const over = new AbortController()
  let fatal: unknown
  const attempt = async (address: string) => {
    const reader = new CandidateReader(connection, () => over.signal.aborted)
    try {
      const transport = await dialOnce(options, { broker, address, port }, reader, [signal, over.signal])
      if (over.signal.aborted) transport.destroy()
      else {
        reader.chosen = true
        connection.attach(transport)
        lastAddress.value = address
        over.abort()
      }
      return true
    } catch (error) {
      if (signal.aborted) fatal ??= signal.reason
      else if (KafkaError.is(error)) fatal ??= error
      else failures.push({ address, error })
      throw error
    }
  }
  const ends = () => fatal !== undefined
  const connected = await staggered(addresses, attempt, { runtime, afterMs: nextAddressAfterMs, ends })
  if (connected === true) return
  over.abort()
  throw fatal ?? dialError({ id: broker.id, host, port }, failures)
}

function lastFirst(addresses: readonly string[], last: string | undefined): readonly string[] {
  if (last === undefined || !addresses.includes(last)) return addresses
  return [last, ...addresses.filter((address) => address !== last)]
}

/** Passes on what arrives, unless another address was faster. */
class CandidateReader implements TransportReader {
  readonly #reader: TransportReader
  readonly #over: () => boolean
  chosen = false

  constructor(reader: TransportReader, over: () => boolean) {
    this.#reader = reader
    this.#over = over
  }

  space(): Uint8Array {
    return this.#reader.space()
  }

  filled(size: number): void {
    if (this.chosen || !this.#over()) this.#reader.filled(size)
  }

  closed(error: Error | undefined): void {
    if (this.chosen || !this.#over()) this.#reader.closed(error)
  }
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
  reader: TransportReader,
  signals: readonly AbortSignal[],
): Promise<Transport> {
  const { runtime, tls, connectTimeoutMs } = options
  const target = { address: place.address, port: place.port, serverName: place.broker.host, tls }
  const late = new Error(`no connection within ${connectTimeoutMs} ms`)
  const limits = { operation: 'Connecting', timeoutMs: connectTimeoutMs, signals, timedOut: () => late }
  try {
    return await within(runtime, limits, (bounded) => runtime.dial(target, reader, bounded))
  } catch (error) {
    if (tls === undefined || error === late || signals.some(({ aborted }) => aborted)) throw error
    const known = tlsError(place.broker, error)
    if (known !== undefined) throw known
    // At a TLS handshake on a plaintext port a broker closes the connection without a response: probe it in plaintext.
    if (!isRefused(error) && (await speaksPlaintext(runtime, place, signals)))
      throw plaintextPortError(place.broker, error)
    throw error
  }
}

function isRefused(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ECONNREFUSED'
}

/** Whether a Kafka broker responds on that port without TLS. Nothing secret is sent. */
async function speaksPlaintext(runtime: Runtime, place: Place, signals: readonly AbortSignal[]): Promise<boolean> {
  const request = encodeRequest(ApiVersions, 0, { correlationId: 1, clientId: null }, {})
  const first = await firstBytes(runtime, place, { request, signals, timeoutMs: probeTimeoutMs })
  // A length below 1 MiB, then the correlation id of the request.
  return first !== undefined && first.length >= 8 && first[0] === 0 && first.readInt32BE(4) === 1
}

/** The error for a broker that closed a plaintext connection at its first request, if the port speaks TLS; else undefined. */
export async function tlsPortErrorOf(
  options: DialOptions,
  broker: BrokerAddress,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<KafkaError | undefined> {
  const { runtime } = options
  const mapped = await mappedAddress(options, broker, signal).catch(() => undefined)
  if (mapped === undefined) return undefined
  const { host, port } = mapped
  const addresses = await lookUp(options, broker, host, signal).catch(() => [])
  const address = addresses[0]
  if (address === undefined) return undefined
  const probe = { request: [clientHello], signals: [signal], timeoutMs }
  const first = await firstBytes(runtime, { broker, address, port }, probe)
  return first !== undefined && looksLikeTls(first) ? tlsPortError(broker) : undefined
}

/** The beginning of a TLS 1.2 handshake that no server accepts: it responds with an alert. */
const clientHello = Buffer.from(`160301002f0100002b0303${'00'.repeat(32)}000002000001000000`, 'hex')

interface Probe {
  readonly request: readonly Uint8Array[]
  readonly signals: readonly AbortSignal[]
  readonly timeoutMs: number
}

/** The first bytes that a peer responds with; undefined if it closes the connection or does not respond. */
async function firstBytes(
  runtime: Runtime,
  { broker, address, port }: Place,
  { request, signals, timeoutMs }: Probe,
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
  const limits = { operation: 'Probing the port', timeoutMs, signals }
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
