import type { ServerTransport, TransportSink } from '@ottla/runtime'
import type { ClusterContext } from './cluster-context.ts'
import { Connection } from './connection.ts'
import type { AcceptAt, Listener, OpenListeners } from './network/listeners.ts'
import { type ProcessRuntime, processRuntime } from './runtime/process-runtime.ts'
import { type BrokerService, type BrokerServices, createServices } from './services.ts'
import { FetchSessions } from './state/fetch-sessions.ts'
import { type MetadataDelta, MetadataView, onListener } from './state/metadata-view.ts'
import type { Replica } from './state/replicas/replica.ts'
import { ReplicaSet } from './state/replicas/replica-set.ts'

export interface Endpoint {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** Opens what a broker listens on; `accept` is called for each connection and says where its bytes go. */
export type Listen = (brokerId: number, accept: AcceptAt) => Promise<OpenListeners>

/** One node: its connections, its replicas, the coordinators above them, and what it knows of the cluster. */
export class Broker {
  readonly id: number
  readonly rack: string | null
  readonly cluster: ClusterContext
  readonly replicas: ReplicaSet
  readonly fetchSessions: FetchSessions
  readonly #process: ProcessRuntime
  readonly #listen: Listen
  readonly #connections = new Set<Connection>()
  readonly #view = new MetadataView()
  #staleView: MetadataView | undefined
  #services: BrokerServices | undefined
  #listeners: OpenListeners | undefined
  #news: MetadataDelta[] = []
  #snapshot: MetadataDelta | undefined
  #isNewsScheduled = false
  #afterNews: (() => void) | undefined
  #onCaughtUp: (() => void) | undefined
  #starting: Promise<void> | undefined
  #isUp = false
  #delayMs = 0
  #nextConnectionId = 0

  constructor(
    cluster: ClusterContext,
    { id, rack }: { readonly id: number; readonly rack: string | null },
    listen: Listen,
  ) {
    this.id = id
    this.rack = rack
    this.#process = processRuntime(cluster.runtime)
    const runtime = this.#process
    this.cluster = { ...cluster, runtime }
    this.#listen = listen
    const { config, controller, links } = cluster
    this.fetchSessions = new FetchSessions(config.number('max.incremental.fetch.session.cache.slots'), runtime)
    this.replicas = new ReplicaSet({
      brokerId: id,
      runtime,
      config,
      controller,
      storage: cluster.storageOf?.(id),
      view: this.#view,
      peer: (peerId) => {
        const peer = cluster.broker(peerId)
        return peer?.isUp && !peer.isPaused && links.isOpen(id, peerId) ? peer.replicas : undefined
      },
      hears: (nodeId) => links.isOpen(nodeId, id),
      reachesController: () => links.isOpen(id, 'controller'),
      onLeadershipGained: (replica) => this.#eachService((service) => service.onLeadershipGained?.(replica)),
      onLeadershipLost: ({ topic, partition }) =>
        this.#eachService((service) => service.onLeadershipLost?.(topic, partition)),
    })
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** The process hangs. */
  get isPaused(): boolean {
    return this.#process.isFrozen
  }

  /** Requests of clients arrive, and are looked at. */
  get hearsClients(): boolean {
    return !this.isPaused && this.cluster.links.isOpen('clients', this.id)
  }

  /** Clients get what is written. */
  get reachesClients(): boolean {
    return this.cluster.links.isOpen(this.id, 'clients')
  }

  /** How long each request waits before it is looked at. */
  get delayMs(): number {
    return this.#delayMs
  }

  set delayMs(delayMs: number) {
    this.#delayMs = delayMs
  }

  /** Made at start, closed at death. */
  get services(): BrokerServices {
    if (this.#services === undefined) throw new Error(`broker ${this.id} is down`)
    return this.#services
  }

  /** What this broker knows of the cluster; it lags behind the controller. */
  get view(): MetadataView {
    return this.#staleView ?? this.#view
  }

  /** Does what must be done at once with other knowledge of the cluster than the broker's own. */
  asOf<T>(view: MetadataView | undefined, act: () => T): T {
    const before = this.#staleView
    this.#staleView = view
    try {
      return act()
    } finally {
      this.#staleView = before
    }
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#connections.size
  }

  connections(): Iterable<Connection> {
    return this.#connections
  }

  // ---- life ----------------------------------------------------------------------------------------------------------

  /** Listens, registers with the controller, and serves as soon as it knows what the controller knows. */
  async start(): Promise<void> {
    if (this.#isUp) throw new Error(`broker ${this.id} is up already`)
    // Who starts it a second time before it listens waits for the first time.
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
    const [{ host, port }] = open.addresses
    const about = { id: this.id, host, port, listeners: open.addresses, rack: this.rack }
    const snapshot = this.cluster.controller.register(about)
    this.#isUp = true
    this.#services = createServices(this)
    this.replicas.start()
    this.#snapshot = snapshot
    this.#scheduleNews()
    await new Promise<void>((resolve) => {
      this.#onCaughtUp = resolve
    })
  }

  /** The process hangs: connections stay, nothing is answered, nothing is due. */
  pause(): void {
    this.#process.freeze()
  }

  /** It goes on where it was: whatever was due is late, and it takes itself for what it was until it reads the news. */
  resume(): void {
    if (!this.isPaused) return
    this.#process.thaw()
    this.reconnect()
  }

  /** Something that stood between this broker and others is gone. */
  reconnect(): void {
    if (!this.#isUp || this.isPaused) return
    if (this.#heartbeats) this.cluster.controller.brokerHeard(this.id)
    for (const connection of [...this.#connections]) connection.wake()
    this.replicas.wakeAll()
    this.#scheduleNews(() => {
      this.replicas.retryProposals()
      this.cluster.controller.unfence(this.id)
    })
  }

  /** The process dies: connections break, nothing is answered, the logs stay. */
  async kill(): Promise<void> {
    if (!this.#isUp) return
    this.halt(new Error(`broker ${this.id} was killed`))
    await this.#stopListening()
  }

  /** It serves no more, at once; but it still listens, and `begin` makes it serve again. */
  halt(why: Error): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#starting = undefined
    for (const connection of [...this.#connections]) connection.destroy(why)
    this.#eachService((service) => service.close())
    this.#services = undefined
    this.fetchSessions.clear()
    this.replicas.halt()
    this.#news = []
    this.#afterNews = undefined
    this.#snapshot = undefined
    this.#view.clear()
    // Nothing that was due does anything any more.
    this.#process.thaw()
    this.#onCaughtUp?.()
  }

  /** Listens or not, without serving. */
  async prepare(isUp: boolean): Promise<void> {
    if (isUp) await this.#openListeners()
    else await this.#stopListening()
  }

  /** Serves as one that has never been away: with the logs it has, and with metadata in which it is registered. */
  begin(metadata: MetadataDelta): void {
    this.#isUp = true
    this.#services = createServices(this)
    this.replicas.start()
    this.#snapshot = metadata
    this.#readNews()
  }

  /** A decision of the controller: it is known here one turn later. */
  learn(delta: MetadataDelta): void {
    if (!this.#isUp) return
    this.#news.push(delta)
    this.#scheduleNews()
  }

  // ---- what it knows -------------------------------------------------------------------------------------------------

  /** The address of a live broker as this one knows it, on the listener that was asked. */
  endpointOf(brokerId: number, listener: string): Endpoint | undefined {
    const broker = this.view.broker(brokerId)
    return broker === undefined || broker.isFenced ? undefined : onListener(broker, listener)
  }

  /** The partition's leader as this broker knows it; -1 when there is none; undefined for an unknown partition. */
  leaderOf(topic: string, partition: number): number | undefined {
    return this.view.topic(topic)?.partitions[partition]?.leader
  }

  /** How many partitions a topic has as this broker knows it; 0 when it does not know the topic. */
  partitionCount(topic: string): number {
    return this.view.topic(topic)?.partitions.length ?? 0
  }

  /** This broker's own replica. */
  replica(topic: string, partition: number): Replica | undefined {
    return this.replicas.replica(topic, partition)
  }

  // ---- inside --------------------------------------------------------------------------------------------------------

  /** News is asked for and comes: both directions are needed. */
  get #hearsController(): boolean {
    const { links } = this.cluster
    return links.isOpen('controller', this.id) && links.isOpen(this.id, 'controller')
  }

  get #heartbeats(): boolean {
    return this.cluster.links.isOpen(this.id, 'controller')
  }

  #scheduleNews(andThen?: () => void): void {
    if (andThen !== undefined) this.#afterNews = andThen
    if (this.#isNewsScheduled) return
    this.#isNewsScheduled = true
    this.cluster.runtime.defer(() => {
      this.#isNewsScheduled = false
      if (!this.#isUp || !this.#hearsController) return
      this.#readNews()
      const after = this.#afterNews
      this.#afterNews = undefined
      after?.()
    })
  }

  /** What was decided since the last time, in order; after a start that begins with all there is. */
  #readNews(): void {
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    if (snapshot !== undefined) {
      this.#apply(snapshot)
      this.replicas.dropUnknown(this.#view)
    }
    const news = this.#news
    this.#news = []
    for (const delta of news) this.#apply(delta)
    if (snapshot === undefined) return
    this.cluster.controller.unfence(this.id)
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
    this.#listeners ??= await this.#listen(this.id, (transport, door) => this.#accept(transport, door))
    return this.#listeners
  }

  async #stopListening(): Promise<void> {
    const listeners = this.#listeners
    this.#listeners = undefined
    await listeners?.close()
  }

  #accept(transport: ServerTransport, door: Listener): TransportSink {
    const id = this.#nextConnectionId++
    const connection = new Connection(this, { id, transport, door }, () => {
      this.#connections.delete(connection)
      this.#eachService((service) => service.onConnectionClosed?.(id))
    })
    this.#connections.add(connection)
    const turnedAwayMs = this.#services?.throttles.connectionFrom(connection.remoteAddress) ?? 0
    if (turnedAwayMs > 0) connection.turnAway(turnedAwayMs)
    if (!this.#isUp) connection.destroy(new Error(`broker ${this.id} does not serve yet`))
    return connection.sink
  }

  #eachService(visit: (service: BrokerService) => void): void {
    for (const service of Object.values<BrokerService>(this.#services ?? {})) visit(service)
  }
}
