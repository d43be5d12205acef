import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import { Broker } from './broker.ts'
import type { ClusterContext } from './cluster-context.ts'
import {
  addTopic,
  beginReassignment,
  openDataDirectory,
  registerAgain,
  resetAreas,
  transactionsOf,
} from './cluster-operations.ts'
import { type ClusterState, type Leaks, openConnections, refuseLeaks, stateOf } from './cluster-state.ts'
import { type ClusterTime, clusterTime } from './cluster-time.ts'
import { Controller } from './controller.ts'
import { DelegationTokenManager } from './controllers/delegation-tokens.ts'
import { MutationQuotas } from './controllers/mutation-quotas.ts'
import { Faults } from './faults/faults.ts'
import { Interventions } from './faults/interventions.ts'
import type { ApiName, RequestMatch } from './faults/rule.ts'
import type { WaitOptions } from './faults/waiters.ts'
import { ReplicaChecker } from './invariants/replica-checker.ts'
import type { Identity } from './network/certificates.ts'
import { Links, type NetworkNode } from './network/links.ts'
import { Listeners, tlsSetupOf } from './network/listeners.ts'
import { MemoryNetwork } from './network/memory.ts'
import { type ClusterOptions, type ResolvedOptions, resolveOptions, type TopicOptions } from './options.ts'
import { type PartitionStatus, partitionStatus, type ReplicaStatus, replicaStatuses } from './partition-status.ts'
import { levelsOf } from './releases.ts'
import type { Clock } from './runtime/clock.ts'
import { clientRuntime } from './runtime/node-runtime.ts'
import { type RunOptions, runScenario, type VirtualStatus } from './scenario.ts'
import { ClusterSnapshot } from './snapshot.ts'
import type { GroupStatus } from './state/groups/group-status.ts'
import { usersOf } from './state/rights/users.ts'
import type { TransactionStatus } from './state/transactions/transaction-status.ts'
import type { DataDirectory } from './storage/data-directory.ts'
import { type TestBroker, testBroker } from './test-broker.ts'
import { type SeenRequest, Traffic } from './traffic/traffic.ts'

export interface DisconnectOptions {
  /** Only what the first sends to the second is lost. */
  readonly oneWay?: boolean
}

/** A Kafka cluster in this process. Close it, or declare it with `await using`. */
export class TestCluster implements AsyncDisposable {
  readonly clusterId: string
  /** For clients in this process: their dials reach these brokers, time and chance are the cluster's. */
  readonly runtime: Runtime
  /** The time of the brokers, and of clients with `cluster.runtime`. */
  readonly clock: Clock
  /** Rules that make requests fail. */
  readonly faults: Faults
  /** The requests that brokers got, once it is started. */
  readonly traffic: Traffic
  readonly #options: ResolvedOptions
  readonly #time: ClusterTime
  readonly #system: Runtime
  readonly #controller: Controller
  readonly #data: DataDirectory | undefined
  readonly #contextOfAll: ClusterContext
  readonly #tokens: DelegationTokenManager
  readonly #interventions = new Interventions()
  readonly #clientTimers = new Set<Timer>()
  readonly #network: MemoryNetwork
  readonly #links = new Links(() => {
    for (const broker of this.#brokers.values()) broker.reconnect()
  })
  readonly #brokers = new Map<number, Broker>()
  readonly #handles = new Map<number, TestBroker>()
  readonly #listeners: Listeners
  readonly #checker: ReplicaChecker | undefined
  #closing: Promise<void> | undefined

  /** Use `createCluster`. */
  constructor(options: ResolvedOptions) {
    this.#options = options
    const time = clusterTime(options)
    this.#time = time
    this.clock = time.clock
    this.#system = time.brokers
    const newClusterId = Buffer.from(this.#system.secureRandom(16)).toString('base64url')
    this.#data = openDataDirectory(options, this.#system, newClusterId)
    this.clusterId = this.#data?.clusterId ?? newClusterId
    this.#network = new MemoryNetwork(this.#system, time.conditions)
    this.#listeners = new Listeners(this.#network, options.listeners, tlsSetupOf(options))
    this.runtime = clientRuntime(time.clients, this.#network, this.#clientTimers)
    this.#controller = new Controller({
      runtime: this.#system,
      config: options.config,
      before: this.#data?.before ?? (options.release && { features: levelsOf(options.release) }),
      producerIds: this.#data?.producerIds,
      publish: (delta) => {
        this.#data?.keep(delta)
        for (const broker of this.#brokers.values()) broker.learn(delta)
      },
    })
    this.#tokens = new DelegationTokenManager({
      runtime: this.#system,
      config: options.config,
      controller: this.#controller,
    })
    this.#data?.begin(() => this.#controller.state.snapshot())
    const { scramUsers } = this.#controller.state.areas
    this.#controller.decide({ scramUsers: usersOf(options.sasl, this.#system, scramUsers) })
    this.#tokens.watch()
    const { brokers } = options
    const watching = { runtime: this.#system, host: time.host, brokers, onChange: () => this.#interventions.review() }
    this.faults = new Faults({ ...watching, metadata: () => this.#controller.state })
    this.traffic = new Traffic(watching)
    this.#interventions.attach(this.faults, this.traffic)
    if (options.traffic !== undefined) this.traffic.start(options.traffic)
    const context = this.#context()
    this.#contextOfAll = context
    if (time.virtual !== undefined && options.checkReplicas) {
      const checker = new ReplicaChecker(context)
      this.#checker = checker
      time.virtual.afterEvent = () => checker.check()
    }
    const surroundings = {
      controller: this.#controller,
      listeners: this.#listeners,
      isClosed: () => this.#closing !== undefined,
      turn: () => this.#time.turn(),
    }
    for (let id = 1; id <= options.brokers; id++) {
      const broker = new Broker(context, { id, rack: options.racks[id - 1] ?? null }, (brokerId, accept) =>
        this.#listeners.open(brokerId, accept),
      )
      this.#brokers.set(id, broker)
      this.#handles.set(id, testBroker(broker, surroundings))
    }
  }

  /** `host:port` of each broker, on the first listener. */
  get bootstrap(): string[] {
    return this.brokers.map(({ host, port }) => `${host}:${port}`)
  }

  /** What clients trust, in PEM. Throws when there is no TLS, or the certificates were given without it. */
  get ca(): string {
    return this.#listeners.ca
  }

  /** A certificate for a client, `CN=alice,OU=test`, by the authority that `tls: true` makes. Rejects when there is none. */
  clientCertificate(name: string): Promise<Identity> {
    return this.#listeners.issueForClient(name)
  }

  /** The same on another listener. Throws RangeError when there is none of that name. */
  bootstrapOf(listener: string): string[] {
    return this.#listeners.bootstrapOf(listener)
  }

  get brokers(): TestBroker[] {
    return [...this.#handles.values()]
  }

  /** Throws RangeError for an id that is not there. */
  broker(id: number): TestBroker {
    const broker = this.#handles.get(id)
    if (broker === undefined) throw new RangeError(`there is no broker ${id}, only 1 to ${this.#handles.size}`)
    return broker
  }

  /** Names of all topics, those of coordinators too. */
  topics(): string[] {
    return Array.from(this.#controller.state.topics(), ({ name }) => name)
  }

  /** Throws RangeError when there is no such partition. */
  partition(topic: string, partition: number): PartitionStatus {
    return partitionStatus(this.#contextOfAll, topic, partition)
  }

  /** Every replica of a partition as its broker has it, those of dead brokers too. */
  replicas(topic: string, partition: number): ReplicaStatus[] {
    return replicaStatuses(this.#contextOfAll, topic, partition)
  }

  /** All groups with members or committed offsets, as their coordinators have them. */
  groups(): GroupStatus[] {
    return this.#live().flatMap(({ services }) => services.groups.statuses())
  }

  /** All transactional ids, as their coordinators have them. */
  transactions(): TransactionStatus[] {
    return transactionsOf(this.#live())
  }

  /**
   * Moves a partition to other brokers, the first preferred; null cancels. Resolves when it is on its way: `partition` tells
   * what is still to come and to go. Throws RangeError for what is not there, TypeError for what cannot be.
   */
  async reassign(topic: string, partition: number, replicas: readonly number[] | null): Promise<void> {
    beginReassignment(this.#contextOfAll, { topic, partition, replicas })
    await this.#time.turn()
  }

  /** All of it at this moment, as plain JSON. */
  state(): ClusterState {
    return stateOf(this.#contextOfAll, this.groups())
  }

  /** What clients left open: look at it after they were closed. */
  leaks(): Leaks {
    return { connections: openConnections(this.#brokers.values()), timers: this.#clientTimers.size }
  }

  /**
   * As after the start, for the next test: all brokers up at the same ports, only the topics of the options and these empty, no
   * groups, no offsets, no faults, no traffic. Connections stay, and the clock stays where it is.
   */
  async reset(): Promise<void> {
    this.faults.clear()
    this.traffic.clear()
    this.#links.healAll()
    await registerAgain(this.#contextOfAll)
    for (const broker of this.brokers) {
      broker.resume()
      if (!broker.isUp) await broker.restart()
      broker.slow(0)
      broker.freeDisk()
      broker.resumeReplication()
    }
    for (const topic of [...this.#controller.state.topics()]) this.#controller.deleteTopic(topic)
    resetAreas(this.#controller, usersOf(this.#options.sasl, this.#system))
    this.#tokens.clear()
    await this.#time.turn()
    for (const topic of this.#options.topics) await this.createTopic(topic)
  }

  /** All of it at this moment, the wall clock too, to go back to with `restore`. Costs next to nothing: records are shared. */
  snapshot(): ClusterSnapshot {
    return new ClusterSnapshot(this.#contextOfAll, this.clock)
  }

  /**
   * As it was when the snapshot was taken, without faults and traffic. Connections are closed. Make clients anew: one that
   * has seen later leader epochs or offsets does not believe in their return.
   */
  async restore(snapshot: ClusterSnapshot): Promise<void> {
    this.faults.clear()
    this.traffic.clear()
    this.#checker?.forget()
    await snapshot.restore(this.#contextOfAll, this.clock)
    this.#data?.keepAll()
    this.#tokens.watch()
    await this.#time.turn()
  }

  /** Requests that were kept, the oldest first. Throws when the traffic is not kept: `createCluster({ traffic: true })`. */
  saw<A extends ApiName>(match: RequestMatch<A> = {}): SeenRequest[] {
    return this.traffic.saw(match)
  }

  /**
   * The next request from now on that fits, when it arrives; with `answered` when it is answered. Rejects after `timeoutMs`
   * (5000, real time).
   */
  awaitTraffic<A extends ApiName>(
    match: RequestMatch<A>,
    options: WaitOptions & { readonly responded?: boolean } = {},
  ): Promise<SeenRequest> {
    return this.traffic.next(match, options)
  }

  /**
   * In virtual time: calls `scenario`, lets time pass as far as it needs, and gives what it gives. Rejects when it does not
   * end within `limit` (a day) of virtual time, and says what is waited for.
   */
  run<T>(scenario: () => Promise<T> | T, options: RunOptions = {}): Promise<T> {
    const waiting = () => ({ brokers: this.#brokers.values(), clientTimers: this.#clientTimers.size })
    return runScenario(this.#time.virtual, scenario, options, waiting)
  }

  /** Of virtual time: seed, how much has happened, and a hash of it; undefined in real time. */
  get virtual(): VirtualStatus | undefined {
    return this.#time.virtual
  }

  /** Creates a topic without a client. Resolves when all live brokers know it. */
  async createTopic(topic: TopicOptions): Promise<void> {
    addTopic(this.#contextOfAll, topic)
    await this.#time.turn()
  }

  /** Deletes old segments on all live brokers now, as they do every log.retention.check.interval.ms. */
  applyRetention(): void {
    for (const broker of this.#live()) broker.replicas.applyRetention()
  }

  /**
   * Compacts the logs of all topics with cleanup.policy=compact on all live brokers, all but their active segments and however
   * little there is to gain (min.cleanable.dirty.ratio is not asked). Only this compacts: nothing does it by itself.
   */
  async compact(): Promise<void> {
    await Promise.all(this.#live().map((broker) => broker.replicas.compact()))
  }

  /**
   * Cuts the network between two places: what is sent is not lost but stuck, as with a cable pulled. A broker that the
   * controller does not hear is fenced after its session timeout. Call what is returned to mend it.
   */
  disconnect(from: NetworkNode, to: NetworkNode, { oneWay = false }: DisconnectOptions = {}): () => void {
    const heals = [this.#links.cut(from, to)]
    if (!oneWay) heals.push(this.#links.cut(to, from))
    for (const id of [from, to]) {
      const isUnheard = typeof id === 'number' && !this.#links.isOpen(id, 'controller')
      if (isUnheard && this.#brokers.get(id)?.isUp) this.#controller.brokerLost(id)
    }
    return () => {
      for (const heal of heals) heal()
    }
  }

  /** What ElectLeaders does: NONE, or why nobody was elected. */
  async electLeader(topic: string, partition: number, kind: 'preferred' | 'unclean'): Promise<ErrorName> {
    const outcome = this.#controller.electLeader(topic, partition, kind)
    await this.#time.turn()
    return outcome
  }

  /** Stops all brokers; nothing is left behind: no timer, no socket, no listener. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Starts the brokers and creates the topics; `createCluster` does. */
  async start(): Promise<void> {
    // All have to be there or not before anything else happens: else one could start after the others were closed.
    const started = await Promise.allSettled(Array.from(this.#brokers.values(), (broker) => broker.start()))
    for (const result of started) if (result.status === 'rejected') throw result.reason
    // The brokers learn of each other one turn later.
    await this.#time.turn()
    for (const topic of this.#options.topics) {
      if (this.#controller.state.topic(topic.name) === undefined) await this.createTopic(topic)
    }
  }

  async #close(): Promise<void> {
    const { connections } = this.leaks()
    this.faults.clear()
    this.traffic.close()
    this.#tokens.close()
    this.#controller.close()
    await Promise.all(Array.from(this.#brokers.values(), (broker) => broker.kill()))
    this.#controller.close()
    this.#data?.close()
    this.#time.virtual?.close()
    if (this.#options.leakCheck) refuseLeaks({ connections, timers: this.#clientTimers.size })
  }

  #live(): Broker[] {
    return [...this.#brokers.values()].filter(({ isUp, isPaused }) => isUp && !isPaused)
  }

  #context(): ClusterContext {
    const { config, sasl, authorizer, release, onDiagnostic } = this.#options
    return {
      clusterId: this.clusterId,
      runtime: this.#system,
      config,
      release,
      controller: this.#controller,
      mutationQuotas: new MutationQuotas(this.#system, config),
      links: this.#links,
      sasl,
      authorizer,
      tokens: this.#tokens,
      interventions: this.#interventions,
      storageOf: (brokerId) => this.#data?.broker(brokerId),
      broker: (id) => this.#brokers.get(id),
      brokers: () => [...this.#brokers.values()],
      diagnose: onDiagnostic,
    }
  }
}

/** Starts a cluster; resolves when it serves. Rejects with a TypeError for options that make no sense. */
export async function createCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const cluster = new TestCluster(resolveOptions(options))
  try {
    await cluster.start()
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}
