import type { Runtime } from '@ottla/runtime'
import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { Controller } from '../controllers/controller.ts'
import { type ReassignmentRequest, reassign } from '../controllers/reassignment.ts'
import type { NetworkNode } from '../network/links.ts'
import { topicConfigProblem } from '../state/configs/topic-config.ts'
import { noAreas } from '../state/metadata-areas.ts'
import { levelsOf } from '../state/releases.ts'
import type { ScramUsers } from '../state/rights/scram-users.ts'
import { type TransactionStatus, transactionStatus } from '../state/transactions/transaction-status.ts'
import { DataDirectory } from '../storage/data-directory.ts'
import type { ResolvedOptions, TopicOptions } from './options.ts'
import type { TestBroker } from './test-broker.ts'

/** The data directory of the options; undefined when the cluster is in memory only. Throws as `DataDirectory.open` does. */
export function openDataDirectory(
  { data, brokers, onDiagnostic, release }: ResolvedOptions,
  runtime: Runtime,
  newClusterId: string,
): DataDirectory | undefined {
  const features = release && levelsOf(release)
  const shared = { brokers, runtime, newClusterId, features, onProblem: onDiagnostic }
  return data && DataDirectory.open({ ...data, ...shared })
}

/** Throws TypeError for a topic that cannot be created. */
export function addTopic(
  { controller, config }: ClusterContext,
  { name, partitions, replicationFactor, configs = {} }: TopicOptions,
): void {
  const alive = controller.placeableBrokers().length
  const factor = replicationFactor ?? Math.min(config.number('default.replication.factor'), alive)
  if (controller.state.topic(name) !== undefined) throw new TypeError(`Topic '${name}' already exists`)
  if (factor < 1 || factor > alive) {
    throw new TypeError(`Topic '${name}': replication factor ${factor} with ${alive} live brokers`)
  }
  const values = new Map(Object.entries(configs).map(([key, value]) => [key, String(value)]))
  for (const [key, value] of values) {
    const problem = topicConfigProblem(key, value)
    if (problem !== undefined) throw new TypeError(`Topic '${name}': ${problem}`)
  }
  const count = partitions ?? config.number('num.partitions')
  controller.createTopic({ name, assignment: controller.assign(count, factor), configs: values })
}

/** Throws RangeError for an unknown partition, TypeError for an invalid assignment. */
export function beginReassignment({ controller, config }: ClusterContext, request: ReassignmentRequest): void {
  const refused = reassign(controller, config, request)
  if (refused === undefined) return
  const { topic, partition } = request
  const message = refused.message ?? `Topic '${topic}', partition ${partition} is not being reassigned`
  throw refused.error === 'UNKNOWN_TOPIC_OR_PARTITION' ? new RangeError(message) : new TypeError(message)
}

/** From the coordinators on live brokers. */
export function transactionsOf(brokers: readonly Broker[]): TransactionStatus[] {
  const live = brokers.filter(({ isUp, isPaused }) => isUp && !isPaused)
  return live.flatMap(({ services }) => {
    const shards = services.transactions.loaded()
    return shards.flatMap(({ transactions }) => Array.from(transactions.values(), transactionStatus))
  })
}

/** Resets configs, quotas, ACLs, features and voters to their state at the start, and sets the users of the options. */
export function resetAreas(controller: Controller, scramUsers: ScramUsers): void {
  const { metadataOffset: _, ...areas } = noAreas
  controller.quorum.reset()
  controller.decide({ ...areas, scramUsers })
}

export interface DisconnectOptions {
  /** Cuts only the direction from the first node to the second. */
  readonly oneWay?: boolean
}

/** Partitions the network between two nodes. Returns a function that heals the partition. */
export function cutLink(
  { links, controller, broker }: ClusterContext,
  from: NetworkNode,
  to: NetworkNode,
  { oneWay = false }: DisconnectOptions,
): () => void {
  const heals = [links.cut(from, to)]
  if (!oneWay) heals.push(links.cut(to, from))
  for (const id of [from, to]) {
    const isUnheard = typeof id === 'number' && !links.isOpen(id, 'controller')
    if (isUnheard && broker(id)?.isUp) controller.brokerLost(id)
  }
  return () => {
    for (const heal of heals) heal()
  }
}

/** Ends all that operators did to the brokers: each is up, not slow, with space on its disk and replicating. */
export async function restartAll(brokers: readonly TestBroker[]): Promise<void> {
  for (const broker of brokers) {
    broker.resume()
    if (!broker.isUp) await broker.restart()
    broker.slow(0)
    broker.freeDisk()
    broker.resumeReplication()
  }
}

/** Kills brokers that were unregistered while they ran: their next start registers them again. */
export async function killUnregistered({ controller, brokers }: ClusterContext): Promise<void> {
  for (const broker of brokers()) {
    if (broker.isUp && controller.state.broker(broker.id) === undefined) await broker.kill()
  }
}
