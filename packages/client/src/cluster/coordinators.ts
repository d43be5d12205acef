import { errorCode, FindCoordinator, type FindCoordinatorResponse } from '@ottla/codec'
import { type BrokerAddress, kafkaErrorOf } from '../errors.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'
import type { Broker } from './broker.ts'
import type { BrokerListing } from './broker-table.ts'

export type CoordinatorKind = 'group' | 'transaction'

const keyTypes: Readonly<Record<CoordinatorKind, number>> = { group: 0, transaction: 1 }

/** The error for a response without a coordinator. */
const unavailable = errorCode('COORDINATOR_NOT_AVAILABLE')

/** From this version on a request has several keys (KIP-699). */
const batchVersion = 4

/** The maximum number of cached coordinators. */
const mostKnown = 10_000

/** What a look-up needs from the cluster. */
export interface CoordinatorServices {
  /** See `Cluster.firstResult`. */
  firstResult<T>(attempt: (broker: Broker) => Promise<T>): Promise<T>
  addBrokers(brokers: readonly BrokerListing[]): void
  broker(id: number): Broker | undefined
}

/** The look-ups of one kind that are not sent yet: those of one turn of the event loop share a request. */
type Batch = Map<string, Deferred<Broker>>

/** The coordinators of groups and transactional ids, cached until `forget`. */
export class Coordinators {
  readonly #services: CoordinatorServices
  readonly #known = { group: new Map<string, number>(), transaction: new Map<string, number>() }
  readonly #running = { group: new Map<string, Promise<Broker>>(), transaction: new Map<string, Promise<Broker>>() }
  readonly #next: { group: Batch | undefined; transaction: Batch | undefined } = {
    group: undefined,
    transaction: undefined,
  }

  constructor(services: CoordinatorServices) {
    this.#services = services
  }

  /** From the cache. */
  known(kind: CoordinatorKind, key: string): Broker | undefined {
    const id = this.#known[kind].get(key)
    return id === undefined ? undefined : this.#services.broker(id)
  }

  forget(kind: CoordinatorKind, key: string): void {
    this.#known[kind].delete(key)
  }

  /** One attempt to look up a coordinator; calls for the same key at the same time share it. */
  find(kind: CoordinatorKind, key: string): Promise<Broker> {
    const running = this.#running[kind].get(key)
    if (running !== undefined) return running
    let batch = this.#next[kind]
    if (batch === undefined) {
      const begun: Batch = new Map()
      batch = begun
      this.#next[kind] = begun
      queueMicrotask(() => {
        this.#next[kind] = undefined
        void this.#send(kind, begun)
      })
    }
    const found = deferred<Broker>()
    handled(found.promise)
    batch.set(key, found)
    this.#running[kind].set(key, found.promise)
    return found.promise
  }

  async #send(kind: CoordinatorKind, batch: Batch): Promise<void> {
    try {
      await this.#services.firstResult(async (broker) => {
        const version = await broker.versionOf(FindCoordinator)
        if (version >= batchVersion) await this.#findMany(broker, kind, batch)
        else for (const [key, found] of batch) await this.#findOne(broker, kind, key, found)
      })
    } catch (error) {
      for (const found of batch.values()) found.reject(error)
    } finally {
      for (const key of batch.keys()) this.#running[kind].delete(key)
    }
  }

  async #findMany(broker: Broker, kind: CoordinatorKind, batch: Batch): Promise<void> {
    const body = { keyType: keyTypes[kind], coordinatorKeys: [...batch.keys()] }
    const { coordinators } = await broker.request(FindCoordinator, body, { minVersion: batchVersion })
    for (const response of coordinators) {
      const found = batch.get(response.key)
      if (found !== undefined) this.#settle(broker, kind, { ...response, found })
    }
    for (const [key, found] of batch)
      found.reject(this.#error(broker, kind, unavailable, 'the response contains no coordinator for this key', key))
  }

  async #findOne(broker: Broker, kind: CoordinatorKind, key: string, found: Deferred<Broker>): Promise<void> {
    const body = { key, keyType: keyTypes[kind] }
    const response = await broker.request(FindCoordinator, body, { maxVersion: batchVersion - 1 })
    this.#settle(broker, kind, { ...response, key, found })
  }

  #settle(broker: Broker, kind: CoordinatorKind, response: Response): void {
    const { key, nodeId, host, port, errorCode, errorMessage, found } = response
    if (errorCode !== 0) {
      found.reject(this.#error(broker, kind, errorCode, errorMessage, key))
      return
    }
    this.#services.addBrokers([{ id: nodeId, host, port }])
    const coordinator = this.#services.broker(nodeId)
    if (coordinator === undefined) {
      found.reject(this.#error(broker, kind, unavailable, 'the response contains no coordinator', key))
      return
    }
    this.#remember(kind, key, nodeId)
    found.resolve(coordinator)
  }

  #remember(kind: CoordinatorKind, key: string, nodeId: number): void {
    const known = this.#known[kind]
    if (known.size >= mostKnown && !known.has(key)) known.delete(known.keys().next().value!)
    known.set(key, nodeId)
  }

  #error(broker: BrokerAddress, kind: CoordinatorKind, code: number, message: string | null, key?: string) {
    const group = kind === 'group' ? key : undefined
    return kafkaErrorOf(code, `Looking up the ${kind} coordinator`, { broker, group, message })
  }
}

type Response = Pick<FindCoordinatorResponse, 'nodeId' | 'host' | 'port' | 'errorCode' | 'errorMessage'> & {
  readonly key: string
  readonly found: Deferred<Broker>
}
