import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import { Controller } from '../controllers/controller.ts'
import { DelegationTokenManager } from '../controllers/delegation-tokens.ts'
import { MutationQuotas } from '../controllers/mutation-quotas.ts'
import { dispatcher } from '../dispatch/dispatch.ts'
import { Interventions } from '../dispatch/interventions.ts'
import { Faults } from '../faults/faults.ts'
import type { RequestMatch } from '../faults/rule.ts'
import type { WaitOptions } from '../faults/waiters.ts'
import { handlers } from '../handlers/registry.ts'
import { ReplicaChecker } from '../invariants/replica-checker.ts'
import type { ApiName } from '../messages/api-name.ts'
import { addressText } from '../network/address.ts'
import type { Identity } from '../network/certificates.ts'
import { Links, type NetworkNode } from '../network/links.ts'
import { Listeners, tlsSetupOf } from '../network/listeners.ts'
import { MemoryNetwork } from '../network/memory.ts'
import type { Clock } from '../runtime/clock.ts'
import { clientRuntime } from '../runtime/node-runtime.ts'
import type { GroupStatus } from '../state/coordinators/group-kind.ts'
import { levelsOf } from '../state/releases.ts'
import { usersOf } from '../state/rights/users.ts'
import type { TransactionStatus } from '../state/transactions/transaction-status.ts'
import type { DataDirectory } from '../storage/data-directory.ts'
import { type SeenRequest, Traffic } from '../traffic/traffic.ts'
import {
  addTopic,
  beginReassignment,
  cutLink,
  type DisconnectOptions,
  killUnregistered,
  openDataDirectory,
  resetAreas,
  restartAll,
  transactionsOf,
} from './cluster-operations.ts'
import { type ClusterState, type Leaks, openConnections, refuseLeaks, stateOf } from './cluster-state.ts'
import { type ClusterTime, clusterTime } from './cluster-time.ts'
import { settledLeaks } from './leak-check.ts'
import { type ClusterOptions, type ResolvedOptions, resolveOptions, type TopicOptions } from './options.ts'
import { type PartitionStatus, partitionStatus, type ReplicaStatus, replicaStatuses } from './partition-status.ts'
import { type RunOptions, runScenario, type VirtualStatus } from './scenario.ts'
import { ClusterSnapshot } from './snapshot.ts'
import { type TestBroker, testBroker } from './test-broker.ts'

/** A Kafka cluster in this process. Close it, or declare it with `await using`. */
export class TestCluster implements AsyncDisposable {
  readonly clusterId: string
  /** The Runtime for clients in this process: it connects to these brokers, and has the cluster's time and randomness. */
  readonly runtime: Runtime
  /** The time of the brokers, and of clients with `cluster.runtime`. */
  readonly clock: Clock
  /** Rules that make requests fail. */
  readonly faults: Faults
  /** The log of requests that brokers received; it must be started. */
  readonly traffic: Traffic
  readonly #options: ResolvedOptions
  readonly #time: ClusterTime
  readonly #system: Runtime
  readonly #controller: Controller
  readonly #data: DataDirectory | undefined
  readonly #context: ClusterContext
  readonly #tokens: DelegationTokenManager
  readonly #clientTimers = new Set<Timer>()
  readonly #links = new Links(() => {
    for (const broker of this.#brokers.values()) broker.reconnect()
  })
  readonly #brokers = new Map<number, Broker>()
  readonly #handles = new Map<number, TestBroker>()
  readonly #listeners: Listeners
  readonly #checker: ReplicaChecker | undefined
  #closing: Promise<void> | undefined

  /** Use `createCluster`. @internal */
  constructor(options: ResolvedOptions) {
    this.#options = options
    const time = clusterTime(options)
    this.#time = time
    this.clock = time.clock
    this.#system = time.brokers
    const newClusterId = Buffer.from(this.#system.secureRandom(16)).toString('base64url')
    this.#data = openDataDirectory(options, this.#system, newClusterId)
    this.clusterId = this.#data?.clusterId ?? newClusterId
    const network = new MemoryNetwork(this.#system, time.conditions)
    this.#listeners = new Listeners(network, options, tlsSetupOf(options))
    this.runtime = clientRuntime(time.clients, network, this.#clientTimers)
    this.#controller = new Controller({
      runtime: this.#system,
      config: options.config,
      before: this.#data?.before ?? (options.release && { features: levelsOf(options.release) }),
      producerIds: this.#data?.producerIds,
      publish: (delta) => {
        this.#data?.keep(delta)
        for (const broker of this.#brokers.values()) broker.receive(delta)
      },
    })
    const system = { runtime: this.#system, config: options.config, controller: this.#controller }
    this.#tokens = new DelegationTokenManager(system)
    this.#data?.begin(() => this.#controller.state.snapshot())
    const { scramUsers } = this.#controller.state.areas
    this.#controller.decide({ scramUsers: usersOf(options.sasl, this.#system, scramUsers) })
    this.#tokens.watch()
    const scope = { brokers: options.brokers, apis: new Map(handlers.map((entry) => [entry.api.name, entry])) }
    const log = { runtime: this.#system, host: time.host, scope, onChange: () => interventions.review() }
    this.faults = new Faults({ ...log, metadata: () => this.#controller.state })
    this.traffic = new Traffic(log)
    const interventions = new Interventions(this.faults, this.traffic)
    if (options.traffic !== undefined) this.traffic.start(options.traffic)
    this.#context = this.#contextOf(options)
    if (time.virtual !== undefined && options.checkReplicas) {
      const checker = new ReplicaChecker(this.#context)
      this.#checker = checker
      time.virtual.afterEvent = () => checker.check()
    }
    this.#addBrokers(interventions)
  }

  /** `host:port` of each broker, on the first listener; an IPv6 host is in brackets. */
  get bootstrap(): string[] {
    return this.brokers.map(({ host, port }) => addressText(host, port))
  }

  /** The CA certificate for clients, in PEM. Throws without TLS, and when `tls` has certificates but no `ca`. */
  get ca(): string {
    return this.#listeners.ca
  }

  /** Issues a client certificate for `CN=alice,OU=test`, with the CA that `tls: true` creates. Rejects without that CA. */
  clientCertificate(name: string): Promise<Identity> {
    return this.#listeners.issueForClient(name)
  }

  /** `host:port` of each broker on another listener. Throws RangeError for an unknown listener. */
  bootstrapOf(listener: string): string[] {
    return this.#listeners.bootstrapOf(listener)
  }

  get brokers(): TestBroker[] {
    return [...this.#handles.values()]
  }

  /** Throws RangeError for an unknown id. */
  broker(id: number): TestBroker {
    const broker = this.#handles.get(id)
    if (broker === undefined) throw new RangeError(`Broker ${id} does not exist, only 1 to ${this.#handles.size}`)
    return broker
  }

  /** The names of all topics, including those of coordinators. */
  topics(): string[] {
    return Array.from(this.#controller.state.topics(), ({ name }) => name)
  }

  /** Throws RangeError for an unknown partition. */
  partition(topic: string, partition: number): PartitionStatus {
    return partitionStatus(this.#context, topic, partition)
  }

  /** Every replica of a partition in the state of its broker, including brokers that are down. */
  replicas(topic: string, partition: number): ReplicaStatus[] {
    return replicaStatuses(this.#context, topic, partition)
  }

  /** All groups with members or committed offsets, from their coordinators. */
  groups(): GroupStatus[] {
    return this.#live().flatMap(({ services }) => services.groups.statuses())
  }

  /** All transactional ids, from their coordinators. */
  transactions(): TransactionStatus[] {
    return transactionsOf(this.#live())
  }

  /**
   * Reassigns a partition to other brokers, the first preferred; null cancels. Resolves when it has started: `partition` returns
   * the replicas being added and removed. Throws RangeError for an unknown partition, TypeError for an invalid assignment.
   */
  async reassign(topic: string, partition: number, replicas: readonly number[] | null): Promise<void> {
    beginReassignment(this.#context, { topic, partition, replicas })
    await this.#time.turn()
  }

  /** The whole current state, as plain JSON. */
  state(): ClusterState {
    return stateOf(this.#context, this.groups())
  }

  /** What clients left open. Call it after they were closed. */
  leaks(): Leaks {
    return { connections: openConnections(this.#brokers.values()), timers: this.#clientTimers.size }
  }

  /** The leaks that remain when closed connections have reached their brokers. @internal */
  settledLeaks(): Promise<Leaks> {
    return settledLeaks(() => this.leaks(), this.#time.virtual)
  }

  /**
   * Resets the cluster to its state after the start, for the next test: all brokers up at the same ports, only the topics of
   * the options, empty, and no groups, offsets, faults or traffic; the network is healed and the wall clock set back. Connections
   * stay open. Monotonic time, which no one can turn back, continues.
   */
  async reset(): Promise<void> {
    this.faults.clear()
    this.traffic.clear()
    this.clock.jump(-this.clock.wallShiftMs)
    this.#links.healAll()
    await killUnregistered(this.#context)
    await restartAll(this.brokers)
    for (const topic of [...this.#controller.state.topics()]) this.#controller.deleteTopic(topic)
    resetAreas(this.#controller, usersOf(this.#options.sasl, this.#system))
    this.#tokens.clear()
    await this.#time.turn()
    for (const topic of this.#options.topics) await this.createTopic(topic)
  }

  /** The whole current state including the wall clock, for `restore`. Cheap: it shares the records with the cluster. */
  snapshot(): ClusterSnapshot {
    return new ClusterSnapshot(this.#context, this.clock)
  }

  /**
   * Restores the state of the snapshot, and clears faults and traffic. Connections are closed. Create new clients: a client that
   * has seen later leader epochs or offsets ignores older ones.
   */
  async restore(snapshot: ClusterSnapshot): Promise<void> {
    this.faults.clear()
    this.traffic.clear()
    this.#checker?.forget()
    await snapshot.restore(this.#context, this.clock)
    this.#data?.keepAll()
    this.#tokens.watch()
    await this.#time.turn()
  }

  /** The kept requests that match, the oldest first. Throws when traffic is not kept: `createCluster({ traffic: true })`. */
  saw<A extends ApiName>(match: RequestMatch<A> = {}): SeenRequest[] {
    return this.traffic.saw(match)
  }

  /**
   * The next request that matches, from now on, as soon as it arrives; with `responded` as soon as it has a response. Rejects
   * after `timeoutMs` (5000, real time).
   */
  awaitTraffic<A extends ApiName>(
    match: RequestMatch<A>,
    options: WaitOptions & { readonly responded?: boolean } = {},
  ): Promise<SeenRequest> {
    return this.traffic.next(match, options)
  }

  /**
   * In virtual time: runs `scenario`, advances time as far as it needs, and resolves to its result. Rejects when it does not
   * end within `limit` (a day) of virtual time; the message lists what is still waiting.
   */
  run<T>(scenario: () => Promise<T> | T, options: RunOptions = {}): Promise<T> {
    const waiting = () => ({ brokers: this.#brokers.values(), clientTimers: this.#clientTimers.size })
    return runScenario(this.#time.virtual, scenario, options, waiting)
  }

  /** The state of virtual time: its seed, and the count and hash of its events; undefined in real time. */
  get virtual(): VirtualStatus | undefined {
    return this.#time.virtual
  }

  /** Creates a topic without a client. Resolves when all live brokers have its metadata. */
  async createTopic(topic: TopicOptions): Promise<void> {
    addTopic(this.#context, topic)
    await this.#time.turn()
  }

  /** Deletes old segments on all live brokers now, as they do every log.retention.check.interval.ms. */
  applyRetention(): void {
    for (const broker of this.#live()) broker.replicas.applyRetention()
  }

  /**
   * Compacts now the logs of all topics with cleanup.policy=compact on all live brokers, except active segments, regardless of
   * min.cleanable.dirty.ratio.
   */
  async compact(): Promise<void> {
    await Promise.all(this.#live().map((broker) => broker.replicas.compact()))
  }

  /**
   * Partitions the network between two nodes. Bytes are not lost but held back, as with a pulled cable. The controller fences a
   * broker it cannot hear after the session timeout. Call the returned function to heal the partition.
   */
  disconnect(from: NetworkNode, to: NetworkNode, options: DisconnectOptions = {}): () => void {
    return cutLink(this.#context, from, to, options)
  }

  /** Elects a leader, as ElectLeaders does. Resolves to NONE, or to the error. */
  async electLeader(topic: string, partition: number, kind: 'preferred' | 'unclean'): Promise<ErrorName> {
    const outcome = this.#controller.electLeader(topic, partition, kind)
    await this.#time.turn()
    return outcome
  }

  /** Stops all brokers, and leaves no timer, socket or listener behind. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Starts the brokers and creates the topics. `createCluster` calls it. */
  async start(): Promise<void> {
    // Wait for all, also after a failure: otherwise a broker could start after the cluster was closed.
    const started = await Promise.allSettled(Array.from(this.#brokers.values(), (broker) => broker.start()))
    for (const result of started) if (result.status === 'rejected') throw result.reason
    // Brokers receive each other's registrations one turn later.
    await this.#time.turn()
    for (const topic of this.#options.topics) {
      if (this.#controller.state.topic(topic.name) === undefined) await this.createTopic(topic)
    }
  }

  async #close(): Promise<void> {
    try {
      if (this.#options.leakCheck) refuseLeaks(await this.settledLeaks())
    } finally {
      await this.#stop()
    }
  }

  async #stop(): Promise<void> {
    this.faults.clear()
    this.traffic.close()
    this.#tokens.close()
    this.#controller.close()
    await Promise.all(Array.from(this.#brokers.values(), (broker) => broker.kill()))
    this.#controller.close()
    this.#data?.close()
    this.#time.virtual?.close()
  }

  #live(): Broker[] {
    return [...this.#brokers.values()].filter(({ isUp, isPaused }) => isUp && !isPaused)
  }

  #addBrokers(interventions: Interventions): void {
    const surroundings = {
      controller: this.#controller,
      listeners: this.#listeners,
      isClosed: () => this.#closing !== undefined,
      turn: () => this.#time.turn(),
    }
    const { brokers, racks } = this.#options
    for (let id = 1; id <= brokers; id++) {
      const broker = new Broker(this.#context, {
        id,
        rack: racks[id - 1] ?? null,
        listen: (brokerId, accept) => this.#listeners.open(brokerId, accept),
        dispatch: (self) => dispatcher(self, this.#context, interventions),
      })
      this.#brokers.set(id, broker)
      this.#handles.set(id, testBroker(broker, surroundings))
    }
  }

  #contextOf(options: ResolvedOptions): ClusterContext {
    const { config, sasl, authorizer, readReplicas, release, quirks } = options
    return {
      clusterId: this.clusterId,
      runtime: this.#system,
      config,
      ...{ sasl, authorizer, readReplicas, release, quirks },
      controller: this.#controller,
      mutationQuotas: new MutationQuotas(this.#system, config),
      links: this.#links,
      tokens: this.#tokens,
      storageOf: (brokerId) => this.#data?.broker(brokerId),
      broker: (id) => this.#brokers.get(id),
      brokers: () => [...this.#brokers.values()],
      diagnose: options.onDiagnostic,
    }
  }
}

/** Starts a cluster; resolves when it serves. Rejects with a TypeError for invalid options. */
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
