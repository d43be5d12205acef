import type { CallOptions } from '../call-options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { closedError, describePartition, KafkaError, noSuchPartition, optionError } from '../errors.ts'
import type { TopicPartition } from '../group/membership.ts'
import { handled } from '../runtime/deferred.ts'
import { within, withSignal } from '../runtime/wait.ts'
import type { Assignment } from './assignment.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Positions } from './offsets/positions.ts'
import type { AssignedPartition as AssignedPlace } from './options.ts'
import { PartitionMap } from './partition/partition-map.ts'

export interface ManualHost {
  readonly cluster: Cluster
  readonly lifecycle: Lifecycle
  readonly assignment: Assignment
  readonly positions: Positions
  /** Time for running handlers. */
  readonly graceMs: number
}

/** The partitions that the application assigns itself, to a consumer that is no member of a group. */
export class ManualAssignment {
  readonly #host: ManualHost
  /** The start or the last change: one follows the other. */
  #last: Promise<void> = Promise.resolve()
  /** Partitions may be assigned later: a consumer without any waits for them. */
  #mayChange = false

  constructor(host: ManualHost, places: readonly AssignedPlace[]) {
    this.#host = host
    for (const place of checkTwice(places, 'kafka.consumer()')) host.assignment.create(place, place.offset)
  }

  /** Without partitions nothing can be read, and nothing will be. */
  get isPointless(): boolean {
    return !this.#mayChange && this.#host.assignment.partitions.size === 0
  }

  allowChanges(): void {
    this.#mayChange = true
  }

  /** Starts the given partitions. Rejects when one of them does not exist. */
  start(): Promise<void> {
    return this.#next(async () => {
      const { assignment, positions, lifecycle } = this.#host
      const all = [...assignment.partitions.all]
      await this.#checkExist(all, lifecycle.closing, true)
      if (all.length > 0) await assignment.begin(all)
      await positions.positioned(all, lifecycle.closing)
      lifecycle.assigned()
    })
  }

  /**
   * These partitions replace those before: the ones that are no longer listed are given up as in a revocation, the others keep their
   * positions. Resolves when each has a position, or a known reason why not. A topic that does not exist leaves all as it was.
   */
  change(places: readonly AssignedPlace[], { timeoutMs, signal }: CallOptions): Promise<void> {
    const { cluster, lifecycle } = this.#host
    const wanted = checkTwice(places, 'engine.assign()')
    const limits = {
      operation: 'Changing the assigned partitions',
      timeoutMs: timeoutMs ?? cluster.options.apiTimeoutMs,
      signals: [signal, lifecycle.ended],
    }
    return within(cluster.runtime, limits, (bounded) =>
      withSignal(
        this.#next(() => this.#change(wanted, bounded)),
        bounded,
      ),
    )
  }

  async #change(wanted: readonly AssignedPlace[], signal: AbortSignal): Promise<void> {
    const { assignment, positions, graceMs } = this.#host
    await this.#checkExist(wanted, signal, false)
    // The last moment at which nothing has changed.
    if (signal.aborted) throw signal.reason
    const listed = new PartitionMap<AssignedPlace>()
    for (const place of wanted) listed.set(place)
    const removed = [...assignment.partitions.all].filter((partition) => listed.get(partition) === undefined)
    if (removed.length > 0) await assignment.revoke(removed, graceMs)
    this.#checkOpen()
    await assignment.add(wanted)
    this.#checkOpen()
    const found = wanted.map((place) => assignment.partitions.get(place)).filter((one) => one !== undefined)
    await positions.positioned(found, signal)
  }

  /** After the one before, whose failure is its own. */
  #next(work: () => Promise<void>): Promise<void> {
    const next = this.#last.catch(() => {}).then(work)
    handled(next)
    this.#last = next
    return next
  }

  async #checkExist(places: readonly TopicPartition[], signal: AbortSignal, fatal: boolean): Promise<void> {
    const { cluster } = this.#host
    const topics = [...new Set(places.map(({ topic }) => topic))]
    const found = await Promise.all(topics.map((topic) => cluster.awaitTopic(topic, { signal })))
    const counts = new Map(found.map(({ name, partitions }) => [name, partitions.length]))
    for (const place of places) checkExists(place, counts.get(place.topic) ?? 0, fatal)
  }

  #checkOpen(): void {
    const { isRunning, ended } = this.#host.lifecycle
    if (ended.aborted) throw ended.reason
    if (!isRunning) throw closedError('consumer')
  }
}

function checkTwice(places: readonly AssignedPlace[], caller: string): readonly AssignedPlace[] {
  const seen = new PartitionMap<AssignedPlace>()
  for (const place of places) {
    const { topic, partition } = place
    if (seen.get(place) !== undefined)
      throw optionError('assign', caller, `contains ${describePartition({ topic, partition })} twice`)
    seen.set(place)
  }
  return places
}

function checkExists({ topic, partition }: TopicPartition, count: number, fatal: boolean): void {
  if (partition < count) return
  throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', noSuchPartition({ topic, partition }, count), {
    topic,
    partition,
    fatal,
  })
}

/** Why a consumer cannot start: it has no partitions and cannot get any. */
export function nothingToRead(): KafkaError {
  return new KafkaError('INVALID_STATE', 'The consumer has no partitions to read', {
    hint: 'List some in the option `assign`, or assign them later with engineOf(consumer).assign(…).',
  })
}
