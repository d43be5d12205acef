import type { ServerTransport, TransportReader } from '@ottla/runtime'
import { addressText } from './address.ts'
import type { Identity } from './certificates.ts'
import type { MemoryNetwork } from './memory.ts'
import { type NameMapping, nameMapping } from './principal-rules.ts'
import { isEncrypted, requiresSasl, type SecurityProtocol } from './security-protocol.ts'
import { listenTcp, type TcpListener } from './tcp.ts'
import { type AcceptTls, type ClientAuth, listenTls } from './tls.ts'
import { TlsMaterial, type TlsOptions } from './tls-material.ts'

/** The listener a connection was accepted on, and the client's principal from its certificate. */
export interface ConnectionOrigin {
  /** The listener's name. */
  readonly listener: string
  readonly requiresSasl: boolean
  /** `User:CN=alice` from the client's certificate; undefined without one. */
  readonly principal: string | undefined
}

/** A listener as it will be opened. */
export interface ResolvedListener {
  readonly name: string
  readonly protocol: SecurityProtocol
  /** Undefined: in memory alone. */
  readonly tcp: { readonly host: string; readonly port: number | undefined } | undefined
  readonly clientAuth: ClientAuth | undefined
}

export interface TlsSetup {
  readonly material: TlsMaterial
  /** ssl.client.auth, for listeners that do not set it. */
  readonly clientAuth: ClientAuth
  /** ssl.principal.mapping.rules */
  readonly mapping: NameMapping
}

export interface TlsSetupOptions {
  readonly tls: true | TlsOptions | undefined
  readonly listeners: readonly ResolvedListener[]
  readonly config: { text(name: 'ssl.client.auth' | 'ssl.principal.mapping.rules'): string }
}

/** The TLS settings of the options. Throws TypeError for invalid ones. */
export function tlsSetupOf({ tls, listeners, config }: TlsSetupOptions): TlsSetup | undefined {
  if (tls === undefined) return undefined
  const hosts = listeners.flatMap(({ tcp }) => (tcp === undefined ? [] : [tcp.host]))
  const clientAuth = config.text('ssl.client.auth')
  if (!isClientAuth(clientAuth))
    throw new TypeError(`Config 'ssl.client.auth' must be none, requested or required, not '${clientAuth}'`)
  const mapping = nameMapping(config.text('ssl.principal.mapping.rules'))
  return { material: new TlsMaterial(tls, hosts), clientAuth, mapping }
}

const isClientAuth = (text: string): text is ClientAuth =>
  text === 'none' || text === 'requested' || text === 'required'

export type AcceptAt = (transport: ServerTransport, origin: ConnectionOrigin) => TransportReader

export interface ListenerAddress {
  /** The listener's name. */
  readonly name: string
  readonly host: string
  readonly port: number
}

/** The open listeners of one broker, in the order of the options. */
export interface OpenListeners {
  readonly addresses: readonly [ListenerAddress, ...ListenerAddress[]]
  /** Stops accepting connections. */
  close(): Promise<void>
}

export interface ListenersOptions {
  readonly listeners: readonly ResolvedListener[]
  /** Whether servers and their sockets keep the process alive. */
  readonly keepAlive: boolean
}

/** The listeners of all brokers, in memory and on TCP. A restarted broker keeps its ports. */
export class Listeners {
  readonly #network: MemoryNetwork
  readonly #configs: readonly ResolvedListener[]
  readonly #keepAlive: boolean
  readonly #tls: TlsSetup | undefined
  readonly #addresses = new Map<number, readonly [ListenerAddress, ...ListenerAddress[]]>()

  constructor(network: MemoryNetwork, { listeners, keepAlive }: ListenersOptions, tls?: TlsSetup) {
    this.#network = network
    this.#configs = listeners
    this.#keepAlive = keepAlive
    this.#tls = tls
  }

  /** The address of a broker's first listener, or its last one while the broker is down. */
  addressOf(brokerId: number): ListenerAddress | undefined {
    return this.#addresses.get(brokerId)?.[0]
  }

  /** `host:port` of each broker, an IPv6 host in brackets. Throws RangeError for an unknown listener. */
  bootstrapOf(listener: string): string[] {
    const names = this.#configs.map(({ name }) => name)
    if (!names.includes(listener))
      throw new RangeError(`Unknown listener '${listener}': the cluster has ${names.join(', ')}`)
    const inOrder = [...this.#addresses].sort(([a], [b]) => a - b)
    return inOrder.flatMap(([, addresses]) =>
      addresses.filter(({ name }) => name === listener).map(({ host, port }) => addressText(host, port)),
    )
  }

  get ca(): string {
    const ca = this.#tls?.material.ca
    if (ca === undefined)
      throw new TypeError('The cluster has no certificate authority. Create it with createCluster({ tls: true }).')
    return ca
  }

  async issueForClient(name: string): Promise<Identity> {
    if (this.#tls === undefined)
      throw new TypeError('The cluster has no certificate authority. Create it with createCluster({ tls: true }).')
    return this.#tls.material.issueForClient(name)
  }

  async open(brokerId: number, accept: AcceptAt): Promise<OpenListeners> {
    const opened = await Promise.allSettled(this.#configs.map((config, at) => this.#open(brokerId, config, at, accept)))
    const open = opened.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    const close = async () => void (await Promise.all(open.map((each) => each.close())))
    const failed = opened.find((result) => result.status === 'rejected')
    const [first, ...others] = open.map(({ address }) => address)
    if (failed !== undefined || first === undefined) {
      await close()
      throw failed?.reason ?? new Error('No listener is configured')
    }
    const addresses = [first, ...others] as const
    this.#addresses.set(brokerId, [...addresses])
    return { addresses: [...addresses], close }
  }

  async #open(brokerId: number, config: ResolvedListener, at: number, accept: AcceptAt) {
    const { name, protocol, tcp } = config
    const origin = { listener: name, requiresSasl: requiresSasl(protocol), principal: undefined }
    const acceptHere = (transport: ServerTransport) => accept(transport, origin)
    if (tcp === undefined) {
      const address = { name, host: `broker-${brokerId}`, port: 9092 + at }
      const stop = this.#network.listen(address.host, address.port, acceptHere)
      return { address, close: async () => stop() }
    }
    const known = this.#addresses.get(brokerId)?.[at]?.port
    const port = known ?? (tcp.port === undefined ? 0 : tcp.port + brokerId - 1)
    if (isEncrypted(protocol)) {
      const socket = await this.#openTls(config, port, (transport, principal) =>
        accept(transport, { ...origin, principal }),
      )
      return { address: { name, host: tcp.host, port: socket.port }, close: () => socket.close() }
    }
    const socket = await listenTcp({ host: tcp.host, port, keepAlive: this.#keepAlive }, acceptHere)
    const address = { name, host: tcp.host, port: socket.port }
    const stop = this.#network.listen(address.host, address.port, acceptHere)
    const close = () => {
      stop()
      return socket.close()
    }
    return { address, close }
  }

  async #openTls(
    { tcp, clientAuth, protocol }: ResolvedListener,
    port: number,
    accept: AcceptTls,
  ): Promise<TcpListener> {
    if (this.#tls === undefined || tcp === undefined) throw new Error(`${protocol} requires certificates and TCP`)
    const { material, mapping } = this.#tls
    const identity = await material.identity()
    // With SASL_SSL, Kafka requests client certificates only when the listener's own config says so.
    const usual = requiresSasl(protocol) ? 'none' : this.#tls.clientAuth
    const settings = { ...identity, mapping, clientAuth: clientAuth ?? usual }
    return listenTls({ host: tcp.host, port, keepAlive: this.#keepAlive }, settings, accept)
  }
}
