import type { Runtime, ServerTransport, TransportReader } from '@ottla/runtime'
import { Connection, type ConnectionHost, type Dispatch } from '../connection/connection.ts'
import type { Controller } from '../controllers/controller.ts'
import type { Links } from '../network/links.ts'
import type { AcceptAt, ConnectionOrigin, OpenListeners } from '../network/listeners.ts'
import { type ProcessRuntime, processRuntime } from '../runtime/process-runtime.ts'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { FetchSessions } from '../state/fetch-sessions.ts'
import { type MetadataDelta, MetadataView, onListener } from '../state/metadata-view.ts'
import { innerHostOf, type Quirks } from '../state/quirks.ts'
import type { LogStorage } from '../state/replicas/log-storage.ts'
import type { Replica } from '../state/replicas/replica.ts'
import { ReplicaSet } from '../state/replicas/replica-set.ts'
import type { SaslOptions } from '../state/rights/sasl-options.ts'
import { type BrokerService, type BrokerServices, createServices, type ServiceHost } from './services.ts'

export interface Endpoint {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** Opens the listeners of a broker; `accept` is called for each connection and returns the reader of its bytes. */
export type Listen = (brokerId: number, accept: AcceptAt) => Promise<OpenListeners>

/** What a broker needs of its cluster. */
export interface BrokerHost {
  readonly runtime: Runtime
  /** Static broker configs. */
  readonly config: BrokerConfig
  readonly controller: Controller
  readonly links: Links
  readonly sasl: SaslOptions | undefined
  /** How the brokers differ from Apache Kafka. */
  readonly quirks: Quirks
  /** The disk of a broker; undefined: its logs are in memory only. */
  readonly storageOf?: (brokerId: number) => LogStorage | undefined
  broker(id: number): Broker | undefined
  /** Reports a client's mistake to the test. */
  diagnose(message: string): void
}

export interface BrokerOptions {
  readonly id: number
  readonly rack: string | null
  readonly listen: Listen
  /** Makes the function that handles the broker's requests. Called once. */
  readonly dispatch: (broker: Broker) => Dispatch
}

/** One node: its connections, its replicas, the coordinators on top of them, and its view of the cluster's metadata. */
export class Broker implements ConnectionHost, ServiceHost {
  readonly id: number
  readonly rack: string | null
  /** Stands still while the broker is paused. */
  readonly runtime: Runtime
  readonly config: BrokerConfig
  readonly controller: Controller
  readonly sasl: SaslOptions | undefined
  readonly replicas: ReplicaSet
  readonly fetchSessions: FetchSessions
  /** How long each request waits before it is handled. */
  requestDelayMs = 0
  readonly #host: BrokerHost
  readonly #process: ProcessRuntime
  readonly #listen: Listen
  readonly #dispatch: Dispatch
  readonly #connections = new Set<Connection>()
  readonly #view = new MetadataView()
  #staleView: MetadataView | undefined
  #services: BrokerServices | undefined
  #listeners: OpenListeners | undefined
  /** Decisions of the controller that are not applied yet, and the state before them after a start. */
  #pendingDeltas: MetadataDelta[] = []
  #snapshot: MetadataDelta | undefined
  #isApplyScheduled = false
  #afterApply: (() => void) | undefined
  #onCaughtUp: (() => void) | undefined
  #starting: Promise<void> | undefined
  #isUp = false
  #nextConnectionId = 0

  constructor(host: BrokerHost, { id, rack, listen, dispatch }: BrokerOptions) {
    const { config, controller, links } = host
    this.id = id
    this.rack = rack
    this.#host = host
    this.#process = processRuntime(host.runtime)
    const runtime = this.#process
    this.runtime = runtime
    this.config = config
    this.controller = controller
    this.sasl = host.sasl
    this.#listen = listen
    this.fetchSessions = new FetchSessions(config.number('max.incremental.fetch.session.cache.slots'), runtime)
    this.replicas = new ReplicaSet({
      brokerId: id,
      runtime,
      config,
      controller,
      storage: host.storageOf?.(id),
      view: this.#view,
      peer: (peerId) => {
        const peer = host.broker(peerId)
        return peer?.isUp && !peer.isPaused && links.isOpen(id, peerId) ? peer.replicas : undefined
      },
      hears: (nodeId) => links.isOpen(nodeId, id),
      reachesController: () => links.isOpen(id, 'controller'),
      onLeadershipGained: (replica) => this.#eachService((service) => service.onLeadershipGained?.(replica)),
      onLeadershipLost: ({ topic, partition }) =>
        this.#eachService((service) => service.onLeadershipLost?.(topic, partition)),
    })
    this.#dispatch = dispatch(this)
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** The process hangs. */
  get isPaused(): boolean {
    return this.#process.isFrozen
  }

  /** Requests of clients arrive and are handled. */
  get canReceive(): boolean {
    return !this.isPaused && this.#host.links.isOpen('clients', this.id)
  }

  /** Responses arrive at clients. */
  get canSend(): boolean {
    return this.#host.links.isOpen(this.id, 'clients')
  }

  get forgetsIdleMs(): number {
    return this.#host.quirks.forgetsIdleMs
  }

  /** Created at start, closed when the broker stops. */
  get services(): BrokerServices {
    if (this.#services === undefined) throw new Error(`Broker ${this.id} is down`)
    return this.#services
  }

  /** The broker's metadata; it lags behind the controller's. */
  get view(): MetadataView {
    return this.#staleView ?? this.#view
  }

  /** Runs `act`, which is synchronous, with another view than the broker's own. */
  withView<T>(view: MetadataView | undefined, act: () => T): T {
    const before = this.#staleView
    this.#staleView = view
    try {
      return act()
    } finally {
      this.#staleView = before
    }
  }

  /** The number of open connections. */
  get connectionCount(): number {
    return this.#connections.size
  }

  connections(): Iterable<Connection> {
    return this.#connections
  }

  diagnose(message: string): void {
    this.#host.diagnose(message)
  }

  // ---- start and stop ------------------------------------------------------------------------------------------------

  /** Listens, registers with the controller, and resolves when the broker has all metadata and serves. */
  async start(): Promise<void> {
    if (this.#isUp) throw new Error(`Broker ${this.id} is already up`)
    // A second call before the broker listens waits for the first.
    const starting = this.#starting ?? this.#start()
    this.#starting = starting
    try {
      await starting
    } finally {
      if (this.#starting === starting) this.#starting = undefined
    }
  }

  async #start(): Promise<void> {
    const open = await this.#openListeners()
    const { innerAddresses } = this.#host.quirks
    const listeners = open.addresses.map((at) => (innerAddresses ? { ...at, host: innerHostOf(this.id) } : at))
    const { host, port } = listeners[0] ?? open.addresses[0]
    const registration = { id: this.id, host, port, listeners, rack: this.rack }
    const snapshot = this.controller.register(registration)
    this.#isUp = true
    this.#services = createServices(this)
    this.replicas.start()
    this.#snapshot = snapshot
    this.#scheduleApply()
    await new Promise<void>((resolve) => {
      this.#onCaughtUp = resolve
    })
  }

  /** The process hangs: connections stay open, but nothing is handled and no timer fires. */
  pause(): void {
    this.#process.freeze()
  }

  /** Timers that are overdue fire now. Until it has applied the missed metadata, the broker still believes its old roles. */
  resume(): void {
    if (!this.isPaused) return
    this.#process.thaw()
    this.reconnect()
  }

  /** After a pause or a healed partition: contacts the controller, leaders and clients again. */
  reconnect(): void {
    if (!this.#isUp || this.isPaused) return
    if (this.#reachesController) this.controller.brokerHeard(this.id)
    for (const connection of [...this.#connections]) connection.wake()
    this.replicas.wakeAll()
    this.#scheduleApply(() => {
      this.replicas.retryProposals()
      this.controller.unfence(this.id)
    })
  }

  /** The process dies: connections are reset without responses, the logs remain. */
  async kill(): Promise<void> {
    if (!this.#isUp) return
    this.halt(new Error(`Broker ${this.id} was killed`))
    await this.#stopListening()
  }

  /** Stops serving immediately, but keeps its listeners open for `startWith`. */
  halt(reason: Error): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#starting = undefined
    for (const connection of [...this.#connections]) connection.destroy(reason)
    this.#eachService((service) => service.close())
    this.#services = undefined
    this.fetchSessions.clear()
    this.replicas.halt()
    this.#pendingDeltas = []
    this.#afterApply = undefined
    this.#snapshot = undefined
    this.#view.clear()
    // Overdue callbacks run here and find the broker down.
    this.#process.thaw()
    this.#onCaughtUp?.()
  }

  /** Opens or closes the listeners, without serving. */
  async setListening(isListening: boolean): Promise<void> {
    if (isListening) await this.#openListeners()
    else await this.#stopListening()
  }

  /** Serves with the logs it has and with `metadata`, in which it is registered, as if it had never been down. */
  startWith(metadata: MetadataDelta): void {
    this.#isUp = true
    this.#services = createServices(this)
    this.replicas.start()
    this.#snapshot = metadata
    this.#applyPending()
  }

  /** Receives a decision of the controller, and applies it one turn later. */
  receive(delta: MetadataDelta): void {
    if (!this.#isUp) return
    this.#pendingDeltas.push(delta)
    this.#scheduleApply()
  }

  // ---- metadata ------------------------------------------------------------------------------------------------------

  /** The address of a live broker on a listener, by this broker's metadata. */
  endpointOf(brokerId: number, listener: string): Endpoint | undefined {
    const broker = this.view.broker(brokerId)
    return broker === undefined || broker.isFenced ? undefined : onListener(broker, listener)
  }

  /** The partition's leader by this broker's metadata; -1: no leader; undefined: unknown partition. */
  leaderOf(topic: string, partition: number): number | undefined {
    return this.view.topic(topic)?.partitions[partition]?.leader
  }

  /** The number of partitions of a topic by this broker's metadata; 0 for an unknown topic. */
  partitionCount(topic: string): number {
    return this.view.topic(topic)?.partitions.length ?? 0
  }

  /** This broker's replica. */
  replica(topic: string, partition: number): Replica | undefined {
    return this.replicas.replica(topic, partition)
  }

  /** Another broker of the cluster, or this one, whatever its state. */
  broker(id: number): Broker | undefined {
    return this.#host.broker(id)
  }

  /** Requests of this broker to another one arrive, and so do the responses. */
  isConnectedTo(brokerId: number): boolean {
    const { links } = this.#host
    return brokerId === this.id || (links.isOpen(this.id, brokerId) && links.isOpen(brokerId, this.id))
  }

  // ---- internals -----------------------------------------------------------------------------------------------------

  /** Brokers fetch metadata: both directions are needed. */
  get #canFetchMetadata(): boolean {
    return this.#host.links.isOpen('controller', this.id) && this.#reachesController
  }

  get #reachesController(): boolean {
    return this.#host.links.isOpen(this.id, 'controller')
  }

  #scheduleApply(andThen?: () => void): void {
    if (andThen !== undefined) this.#afterApply = andThen
    if (this.#isApplyScheduled) return
    this.#isApplyScheduled = true
    this.runtime.defer(() => {
      this.#isApplyScheduled = false
      if (!this.#isUp || !this.#canFetchMetadata) return
      this.#applyPending()
      const after = this.#afterApply
      this.#afterApply = undefined
      after?.()
    })
  }

  /** Applies the decisions since the last call, in order; after a start the snapshot comes first. */
  #applyPending(): void {
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    if (snapshot !== undefined) {
      this.#apply(snapshot)
      this.replicas.dropUnknown(this.#view)
    }
    const deltas = this.#pendingDeltas
    this.#pendingDeltas = []
    for (const delta of deltas) this.#apply(delta)
    if (snapshot === undefined) return
    this.controller.unfence(this.id)
    this.#onCaughtUp?.()
    this.#onCaughtUp = undefined
  }

  #apply(delta: MetadataDelta): void {
    this.#view.apply(delta)
    this.replicas.apply(delta)
    for (const { name, id } of delta.deletedTopics ?? []) {
      this.#eachService((service) => service.onTopicDeleted?.(name, id))
    }
    this.#eachService((service) => service.onMetadata?.(delta))
  }

  async #openListeners(): Promise<OpenListeners> {
    this.#listeners ??= await this.#listen(this.id, (transport, origin) => this.#accept(transport, origin))
    return this.#listeners
  }

  async #stopListening(): Promise<void> {
    const listeners = this.#listeners
    this.#listeners = undefined
    await listeners?.close()
  }

  #accept(transport: ServerTransport, origin: ConnectionOrigin): TransportReader {
    const id = this.#nextConnectionId++
    const onClosed = () => {
      this.#connections.delete(connection)
      this.#eachService((service) => service.onConnectionClosed?.(id))
    }
    const connection = new Connection(this, { id, transport, origin, dispatch: this.#dispatch, onClosed })
    this.#connections.add(connection)
    const turnedAwayMs = this.#services?.throttles.connectionFrom(connection.remoteAddress) ?? 0
    if (turnedAwayMs > 0) connection.turnAway(turnedAwayMs)
    if (!this.#isUp) connection.destroy(new Error(`Broker ${this.id} does not serve yet`))
    return connection.reader
  }

  #eachService(visit: (service: BrokerService) => void): void {
    for (const service of Object.values<BrokerService>(this.#services ?? {})) visit(service)
  }
}
