import type { ServerTransport, TransportSink } from '@ottla/codec/runtime'
import { asksForSasl, type ResolvedListener } from '../listeners.ts'
import type { MemoryNetwork } from './memory.ts'
import { listenTcp } from './tcp.ts'

/** Where a connection came in, and who is there as far as the transport itself can tell. */
export interface Door {
  /** The listener's name. */
  readonly listener: string
  readonly asksForSasl: boolean
  /** `User:CN=alice` of a client's certificate; undefined where there is none. */
  readonly principal: string | undefined
}

export type AcceptAt = (transport: ServerTransport, door: Door) => TransportSink

export interface ListenerAddress {
  /** The listener's name. */
  readonly name: string
  readonly host: string
  readonly port: number
}

/** What one broker listens on, the first address that of the first listener. */
export interface OpenListeners {
  readonly addresses: readonly [ListenerAddress, ...ListenerAddress[]]
  /** Connections are accepted no more. */
  close(): Promise<void>
}

/** The doors of all brokers, in memory and on TCP. A broker that comes back has its ports again. */
export class Listeners {
  readonly #network: MemoryNetwork
  readonly #configs: readonly ResolvedListener[]
  readonly #addresses = new Map<number, readonly [ListenerAddress, ...ListenerAddress[]]>()

  constructor(network: MemoryNetwork, configs: readonly ResolvedListener[]) {
    this.#network = network
    this.#configs = configs
  }

  /** Where a broker listens or did before it went down. */
  addressOf(brokerId: number): ListenerAddress | undefined {
    return this.#addresses.get(brokerId)?.[0]
  }

  /** `host:port` of each broker. Throws RangeError for a listener that is not there. */
  bootstrapOf(listener: string): string[] {
    const names = this.#configs.map(({ name }) => name)
    if (!names.includes(listener)) throw new RangeError(`there is no listener ${listener}, only ${names.join(', ')}`)
    const inOrder = [...this.#addresses].sort(([a], [b]) => a - b)
    return inOrder.flatMap(([, addresses]) =>
      addresses.filter(({ name }) => name === listener).map(({ host, port }) => `${host}:${port}`),
    )
  }

  async open(brokerId: number, accept: AcceptAt): Promise<OpenListeners> {
    const opened = await Promise.allSettled(this.#configs.map((config, at) => this.#open(brokerId, config, at, accept)))
    const open = opened.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    const close = async () => void (await Promise.all(open.map((each) => each.close())))
    const failed = opened.find((result) => result.status === 'rejected')
    const [first, ...others] = open.map(({ address }) => address)
    if (failed !== undefined || first === undefined) {
      await close()
      throw failed?.reason ?? new Error('there is no listener')
    }
    const addresses = [first, ...others] as const
    this.#addresses.set(brokerId, [...addresses])
    return { addresses: [...addresses], close }
  }

  async #open(brokerId: number, { name, protocol, tcp }: ResolvedListener, at: number, accept: AcceptAt) {
    const door = { listener: name, asksForSasl: asksForSasl(protocol), principal: undefined }
    const acceptHere = (transport: ServerTransport) => accept(transport, door)
    if (tcp === undefined) {
      const address = { name, host: `broker-${brokerId}`, port: 9092 + at }
      const stop = this.#network.listen(address.host, address.port, acceptHere)
      return { address, close: async () => stop() }
    }
    const known = this.#addresses.get(brokerId)?.[at]?.port
    const wanted = known ?? (tcp.port === undefined ? 0 : tcp.port + brokerId - 1)
    const socket = await listenTcp(tcp.host, wanted, acceptHere)
    const address = { name, host: tcp.host, port: socket.port }
    const stop = this.#network.listen(address.host, address.port, acceptHere)
    const close = () => {
      stop()
      return socket.close()
    }
    return { address, close }
  }
}
