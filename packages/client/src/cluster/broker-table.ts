import { textOf } from '../error-data.ts'
import { type BrokerAddress, KafkaError } from '../errors.ts'
import { within, withSignal } from '../runtime/wait.ts'
import type { BrokerConnectionServices } from './broker-connection.ts'
import { BrokerNode } from './broker-node.ts'

/** More brokers than any cluster has: a limit against hostile responses. */
const mostBrokers = 10_000

export interface BrokerListing {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack?: string | null | undefined
}

/** The brokers by id, and the nodes of the bootstrap addresses. */
export class BrokerTable {
  readonly #services: BrokerConnectionServices
  readonly #nodes = new Map<number, BrokerNode>()
  /** Ids of the last metadata. */
  #listed = new Set<number>()
  #seeds: BrokerNode[] = []
  #closeError: KafkaError | undefined

  constructor(services: BrokerConnectionServices) {
    this.#services = services
  }

  get(id: number): BrokerNode | undefined {
    return this.#nodes.get(id)
  }

  /** The brokers of the last metadata. */
  listed(): BrokerNode[] {
    const nodes: BrokerNode[] = []
    for (const id of this.#listed) nodes.push(this.#nodes.get(id)!)
    return nodes
  }

  /** Every node that may have sockets, including the bootstrap addresses. */
  all(): BrokerNode[] {
    return [...this.#seeds, ...this.#nodes.values()]
  }

  /** Applies the brokers of a metadata response. Brokers that it no longer lists keep only connections with requests. */
  replace(brokers: readonly BrokerListing[]): void {
    const valid = brokers.filter(isValid).slice(0, mostBrokers)
    if (valid.length === 0) return
    for (const broker of valid) this.#put(broker)
    this.#listed = new Set(valid.map(({ id }) => id))
    for (const [id, node] of this.#nodes) {
      if (!this.#listed.has(id) && node.retire()) this.#nodes.delete(id)
    }
    for (const seed of this.#seeds) seed.retire()
  }

  /** Adds brokers from another response (KIP-951, FindCoordinator). */
  add(brokers: readonly BrokerListing[]): void {
    for (const broker of brokers) {
      if (!isValid(broker) || this.#nodes.size >= mostBrokers) continue
      const known = this.#nodes.get(broker.id)
      this.#put({ ...broker, rack: broker.rack ?? known?.rack })
      this.#listed.add(broker.id)
    }
  }

  /** Brokers in the order of preference: connected, then not failing, then by the time of their next connection attempt. */
  candidates(): BrokerNode[] {
    const { runtime } = this.#services
    const ranked = this.listed().map((node) => ({ node, rank: rankOf(node) + runtime.random() / 2 }))
    return ranked.sort((a, b) => a.rank - b.rank).map(({ node }) => node)
  }

  /** Reads the bootstrap list again; resolves with its nodes, best first, in random order where they are equal. */
  async seeds(): Promise<BrokerNode[]> {
    const { runtime } = this.#services
    const addresses = await this.#bootstrapList()
    const old = this.#seeds
    this.#seeds = addresses.map((address) => old.find((node) => isAt(node, address)) ?? this.#newNode(address))
    for (const node of old) if (!this.#seeds.includes(node)) node.close()
    const ranked = this.#seeds.map((node) => ({ node, rank: rankOf(node) + runtime.random() / 2 }))
    return ranked.sort((a, b) => a.rank - b.rank).map(({ node }) => node)
  }

  close(error: KafkaError): void {
    this.#closeError = error
    for (const node of this.all()) node.close(error)
  }

  /** The `brokers` function of the application may fail or hang. */
  async #bootstrapList(): Promise<readonly BrokerAddress[]> {
    const { options, runtime } = this.#services
    const timeoutMs = options.requestTimeoutMs
    const timedOut = () => new Error(`it did not return within ${timeoutMs} ms`)
    try {
      const limits = { operation: 'The `brokers` function', timeoutMs, timedOut }
      return await within(runtime, limits, (signal) => withSignal(options.brokers(), signal))
    } catch (cause) {
      if (KafkaError.is(cause)) throw cause
      const message = `The \`brokers\` function returned no addresses: ${textOf(cause)}`
      throw new KafkaError('NO_BROKER_REACHABLE', message, { retriable: true, outcome: 'not-written', cause })
    }
  }

  #put(broker: BrokerListing): void {
    const known = this.#nodes.get(broker.id)
    if (known === undefined) this.#nodes.set(broker.id, this.#newNode(broker))
    else known.update(broker)
  }

  #newNode(broker: BrokerListing): BrokerNode {
    const node = new BrokerNode(broker, this.#services)
    if (this.#closeError !== undefined) node.close(this.#closeError)
    return node
  }
}

function isValid({ id, host, port }: BrokerListing): boolean {
  return id >= 0 && host !== '' && port > 0 && port <= 65_535
}

function isAt(node: BrokerNode, { host, port }: BrokerAddress): boolean {
  return node.host === host && node.port === port
}

/** Lower is better. Connected: the number of requests in flight; not connected: 100; failing: by the time of the next attempt. */
function rankOf(node: BrokerNode): number {
  if (node.backoff.failures > 0) return 1_000_000 + node.backoff.nextAtMs
  return node.connected ? Math.min(node.inFlight, 1_000) : 100
}
