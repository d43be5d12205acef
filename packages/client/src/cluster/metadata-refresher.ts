import { Metadata, type MetadataResponse } from '@ottla/codec'
import { meaningOf } from '../error-meaning.ts'
import { KafkaError, kafkaErrorOf } from '../errors.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { type Deferred, deferred, handled } from '../runtime/deferred.ts'
import { staggered } from '../runtime/staggered.ts'
import { sleep } from '../runtime/wait.ts'
import type { BrokerConnectionServices } from './broker-connection.ts'
import type { BrokerNode } from './broker-node.ts'
import type { BrokerTable } from './broker-table.ts'
import { noTopicId } from './topology.ts'

/** The next broker is sent the request too when the first one has been silent for this long. */
const silentAfterMs = 1_000

const longestResponseMs = 10_000

const warnEveryMs = 30_000

/** The lowest Metadata version in which null means all topics. Every supported broker has it. */
const leastVersion = 4

/** The lowest version in which topics can be requested by id: in 10 and 11 brokers do not support it. */
const idVersion = 12

const noOperations = { includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false }

interface TopicsRequest {
  /** By name; by id where the name is null. */
  readonly topics: readonly { readonly topicId: string; readonly name: string | null }[] | null
  readonly allowAutoTopicCreation: boolean
  readonly includeClusterAuthorizedOperations: boolean
  readonly includeTopicAuthorizedOperations: boolean
}

/** A refresh that has not started: all calls until then share it. */
interface Batch {
  readonly done: Deferred<void>
  readonly topics: Set<string>
  /** Topics that the broker is allowed to create. */
  readonly creatable: Set<string>
}

export interface RefresherHooks {
  /** Applies a response; `complete`: it contains all topics. */
  applied(response: MetadataResponse, complete: boolean): void
  rebootstrapped(): void
}

/**
 * Keeps metadata fresh: one refresh at a time, with a pause in between; calls made meanwhile share the next one. It tries one broker
 * after another, the next one beside one that is silent, and the bootstrap list when none responds (KIP-899, KIP-1102).
 */
export class MetadataRefresher {
  readonly #services: BrokerConnectionServices
  readonly #table: BrokerTable
  readonly #hooks: RefresherHooks
  readonly #closing: AbortSignal
  /** The brokers with a request in flight: besides that of the refresh, those that were silent in an earlier one. */
  readonly #requested = new Set<BrokerNode>()
  readonly #watched = new Map<string, number>()
  /** For the next refresh by age. */
  readonly #timer: DeadlineTimer
  #watchesAll = 0
  #next: Batch | undefined
  #running = false
  #startedMs = Number.NEGATIVE_INFINITY
  #respondedMs: number | undefined
  #failures = 0
  #warnedMs = Number.NEGATIVE_INFINITY

  constructor(services: BrokerConnectionServices, table: BrokerTable, closing: AbortSignal, hooks: RefresherHooks) {
    this.#services = services
    this.#table = table
    this.#closing = closing
    this.#hooks = hooks
    this.#timer = new DeadlineTimer(services.runtime, () => {
      handled(this.refresh())
      return Number.POSITIVE_INFINITY
    })
  }

  /** Time of the last response, on `monoNow`; undefined: none yet. */
  get respondedMs(): number | undefined {
    return this.#respondedMs
  }

  isWatched(name: string): boolean {
    return this.#watchesAll > 0 || this.#watched.has(name)
  }

  /** Includes topics in each refresh; returns the release. */
  watch(names: readonly string[] | 'all'): () => void {
    const kept = names === 'all' ? names : [...names]
    this.#count(kept, 1)
    let released = false
    return () => {
      if (!released) this.#count(kept, -1)
      released = true
    }
  }

  /** Resolves after a refresh that started after the call; rejects when no broker responded. */
  refresh(topics: readonly string[] = [], creatable: readonly string[] = []): Promise<void> {
    if (this.#next === undefined) {
      this.#next = { done: deferred(), topics: new Set(), creatable: new Set() }
      handled(this.#next.done.promise)
    }
    const batch = this.#next
    for (const topic of topics) batch.topics.add(topic)
    for (const topic of creatable) batch.creatable.add(topic)
    if (!this.#running) void this.#run()
    return batch.done.promise
  }

  /** Requests the metadata of topics by id. Those that no broker has are missing afterwards. */
  async lookUp(topicIds: readonly string[]): Promise<void> {
    const topics = topicIds.map((topicId) => ({ topicId, name: null }))
    const response = await this.#anyResponse({ topics, allowAutoTopicCreation: false, ...noOperations })
    if (!this.#closing.aborted) this.#hooks.applied(response, false)
  }

  close(error: KafkaError): void {
    this.#timer.stop()
    this.#next?.done.reject(error)
    this.#next = undefined
  }

  async #run(): Promise<void> {
    this.#running = true
    this.#timer.clear()
    const { runtime, options } = this.#services
    while (this.#next !== undefined && !this.#closing.aborted) {
      const pauseMs = this.#startedMs + options.retryBackoffMs - runtime.monoNow()
      if (pauseMs > 0) await sleep(runtime, pauseMs, this.#closing).catch(() => {})
      const batch = this.#next
      if (batch === undefined || this.#closing.aborted) break
      this.#next = undefined
      this.#startedMs = runtime.monoNow()
      try {
        await this.#round(batch)
        this.#failures = 0
        batch.done.resolve()
      } catch (error) {
        this.#failures++
        this.#warn(error)
        batch.done.reject(error)
      }
    }
    this.#running = false
    this.#arm()
  }

  /** Warns that no broker can be reached, long before the deadline of a call reports it. */
  #warn(error: unknown): void {
    const { runtime, logger } = this.#services
    const nowMs = runtime.monoNow()
    if (this.#closing.aborted || !KafkaError.is(error) || !error.retriable) return
    // A broker that requires SASL closes the first connection: the second attempt reports the reason.
    if (this.#failures < 2 || nowMs - this.#warnedMs < warnEveryMs) return
    this.#warnedMs = nowMs
    logger.warn('refreshing metadata failed, still trying', { error: error.message, hint: error.hint })
  }

  async #round({ topics, creatable }: Batch): Promise<void> {
    if (creatable.size > 0) await this.#request([...creatable], true)
    const wanted = this.#watchesAll > 0 ? null : [...new Set([...this.#watched.keys(), ...topics])]
    const response = await this.#request(wanted, false)
    if (wanted !== null || topics.size === 0) return
    // A list of all topics leaves out those that the client may not see: only a request by name returns the reason.
    const present = new Set(response.topics.map(({ name }) => name))
    const absent = [...topics].filter((name) => !present.has(name))
    if (absent.length > 0) await this.#request(absent, false)
  }

  async #request(topics: readonly string[] | null, allowAutoTopicCreation: boolean): Promise<MetadataResponse> {
    const listed = topics === null ? null : topics.map((name) => ({ topicId: noTopicId, name }))
    const request = { topics: listed, allowAutoTopicCreation, ...noOperations }
    const response = await this.#anyResponse(request)
    this.#respondedMs = this.#services.runtime.monoNow()
    if (!this.#closing.aborted) this.#hooks.applied(response, topics === null)
    return response
  }

  async #anyResponse(request: TopicsRequest): Promise<MetadataResponse> {
    const { runtime, options } = this.#services
    const failures: KafkaError[] = []
    const silentMs = this.#respondedMs === undefined ? 0 : runtime.monoNow() - this.#respondedMs
    const known = this.#table.candidates()
    const lost = known.length > 0 && silentMs >= options.metadataRecoveryRebootstrapTriggerMs + options.metadataMaxAgeMs
    const response = lost ? undefined : await this.#firstResponse(known, request, failures)
    if (response !== undefined) return response
    const bootstrapped = await this.#firstResponse(await this.#table.seeds(), request, failures)
    if (bootstrapped === undefined) throw unreachable(failures)
    if (known.length > 0) this.#hooks.rebootstrapped()
    return bootstrapped
  }

  /** Of the first broker that responds: a silent one does not delay the refresh, and is sent no second request meanwhile. */
  async #firstResponse(
    nodes: readonly BrokerNode[],
    request: TopicsRequest,
    failures: KafkaError[],
  ): Promise<MetadataResponse | undefined> {
    const { runtime, options } = this.#services
    const timeoutMs = Math.min(options.requestTimeoutMs, longestResponseMs)
    const free = nodes.filter((node) => !this.#requested.has(node))
    let fatal: unknown
    const attempt = async (node: BrokerNode) => {
      this.#requested.add(node)
      try {
        return await requestFrom(node, request, timeoutMs)
      } catch (error) {
        if (!KafkaError.is(error) || this.#closing.aborted) fatal = error
        else failures.push(error)
        throw error
      } finally {
        this.#requested.delete(node)
      }
    }
    // The cached brokers may belong to another cluster.
    const ends = (error: unknown) => fatal !== undefined || (KafkaError.is(error) && meaningOf(error.code).rebootstrap)
    const stagger = { runtime, afterMs: silentAfterMs, ends }
    const response = await staggered(free.length > 0 ? free : nodes, attempt, stagger)
    if (response === undefined && fatal !== undefined) throw fatal
    return response
  }

  // ---- age

  #arm(): void {
    if (this.#respondedMs === undefined || this.#closing.aborted) return
    const { runtime, options } = this.#services
    const { metadataMaxAgeMs, retryBackoffMaxMs: firstMs } = options
    const ageMs = metadataMaxAgeMs * (0.9 + 0.1 * runtime.random())
    const delayMs =
      this.#failures === 0 ? ageMs : backoffMs(runtime, this.#failures, { firstMs, maxMs: metadataMaxAgeMs })
    this.#timer.wakeIn(delayMs)
  }

  #count(names: readonly string[] | 'all', change: number): void {
    if (names === 'all') {
      this.#watchesAll += change
      return
    }
    for (const name of names) {
      const count = (this.#watched.get(name) ?? 0) + change
      if (count > 0) this.#watched.set(name, count)
      else this.#watched.delete(name)
    }
  }
}

async function requestFrom(node: BrokerNode, request: TopicsRequest, timeoutMs: number): Promise<MetadataResponse> {
  const usesIds = request.topics?.some(({ name }) => name === null) === true
  const minVersion = usesIds ? idVersion : leastVersion
  const response = await node.request(Metadata, request, { timeoutMs, minVersion })
  if (response.errorCode !== 0) {
    throw kafkaErrorOf(response.errorCode, 'Metadata', { broker: node })
  }
  return response
}

/** The error of a refresh without a response: a permanent failure comes first. */
function unreachable(failures: readonly KafkaError[]): KafkaError {
  const permanent = failures.find((failure) => !failure.retriable && !meaningOf(failure.code).rebootstrap)
  if (permanent !== undefined) return permanent
  const reasons = [...new Set(failures.map(({ message }) => message))]
  const hint = failures.find((failure) => failure.hint !== undefined)?.hint
  return new KafkaError('NO_BROKER_REACHABLE', `No broker could be reached: ${reasons.join('; ')}`, {
    retriable: true,
    outcome: 'not-written',
    hint,
    cause: failures.length === 1 ? failures[0] : new AggregateError(failures, 'All brokers failed'),
  })
}
