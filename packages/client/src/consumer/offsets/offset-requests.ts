import type { Cluster } from '../../cluster/cluster.ts'
import type { CoordinatorConnection } from '../../cluster/coordinator-connection.ts'
import { noTopicId, type TopicPartition } from '../../cluster/topology.ts'
import { coordinatorLost, meaningOf } from '../../error-meaning.ts'
import { asKafkaError, describePartition, type ErrorCode, KafkaError, kafkaErrorOf } from '../../errors.ts'
import type { GroupIdentity } from '../../group/membership.ts'
import { onAbort, within, withSignal } from '../../runtime/wait.ts'
import { mostPartitionsPerRequest, type Turns } from '../turns.ts'
import {
  type LookupKind,
  type LookupListener,
  type LookupPlace,
  OffsetBatch,
  OffsetTask,
  type TaskOutcome,
} from './offset-batch.ts'
import { missingError, operations, requestCommitted, requestEpochEnds, requestOffsets } from './offset-messages.ts'
import { type FailedTask, TaskRetries } from './task-retries.ts'

export type OffsetsCluster = Pick<
  Cluster,
  | 'runtime'
  | 'options'
  | 'topic'
  | 'topicErrorCode'
  | 'partition'
  | 'broker'
  | 'leaderOf'
  | 'findCoordinator'
  | 'forgetCoordinator'
  | 'refreshMetadata'
  | 'onMetadata'
>

export interface OffsetRequestsOptions {
  /** Of the group whose commits are looked up. Read when a request is written. */
  readonly identity: () => GroupIdentity
  /** Whether the generation of the identity is a member epoch. */
  readonly hasEpochs: () => boolean
  /** The coordinator rejects the member, or its epoch. */
  readonly fenced: (code: ErrorCode, generation: number) => void
  /** For the look-up of commits. */
  readonly connection: CoordinatorConnection
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Ends all tasks without a further call of their listeners. */
  readonly closing: AbortSignal
  readonly turns: Turns
}

/** The requests of one kind to one broker: one in flight, and the tasks for the next one. */
interface BrokerQueue {
  readonly kind: LookupKind
  /** -1: the coordinator of the group. */
  readonly brokerId: number
  waiting: OffsetTask[]
  inFlight: OffsetBatch | undefined
}

const coordinatorId = -1

interface Failure {
  readonly task: OffsetTask
  readonly error: KafkaError
  readonly isStale: boolean
}

/**
 * Looks up offsets of partitions. Tasks that are added in one turn of the event loop, or during a `hold`, share requests; at most one
 * request per broker and kind is in flight. Each task has its own outcome: one that fails is repeated apart from the others.
 */
export class OffsetRequests {
  readonly #cluster: OffsetsCluster
  readonly #options: OffsetRequestsOptions
  readonly #retries: TaskRetries
  readonly #queues: Readonly<Record<LookupKind, Map<number, BrokerQueue>>> = {
    committed: new Map(),
    list: new Map(),
    'epoch-end': new Map(),
  }
  /** Not assigned to a broker yet. */
  #added: OffsetTask[] = []
  #isScheduled = false
  #holds = 0
  #onSettled: () => void = () => {}
  #unsubscribe: (() => void) | undefined

  constructor(cluster: OffsetsCluster, options: OffsetRequestsOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#retries = new TaskRetries(cluster, options.closing, (tasks) => this.#add(tasks))
    onAbort(options.closing, () => this.#close())
  }

  /** The group's commit; offset -1: none. */
  committed(place: LookupPlace, listener: LookupListener): OffsetTask {
    return this.#start(new OffsetTask('committed', place, 0, listener))
  }

  /** The offset for a timestamp in ms, or an end of the log (`earliestTimestamp`, `latestTimestamp`). */
  list(place: LookupPlace, timestamp: number, listener: LookupListener): OffsetTask {
    return this.#start(new OffsetTask('list', place, timestamp, listener))
  }

  /** The end of a leader epoch in the log of the current leader (KIP-320); offset -1: the leader does not have it. */
  epochEnd(place: LookupPlace, leaderEpoch: number, listener: LookupListener): OffsetTask {
    return this.#start(new OffsetTask('epoch-end', place, leaderEpoch, listener))
  }

  /** Tasks that are added before the release share requests, in however many turns. A full request does not wait for it. */
  hold(): () => void {
    this.#holds++
    return () => {
      this.#holds--
      this.#schedule()
    }
  }

  /** Called after the listeners of all tasks of a response. */
  onSettled(listener: () => void): void {
    this.#onSettled = listener
  }

  #start(task: OffsetTask): OffsetTask {
    if (this.#options.closing.aborted) task.cancel()
    else {
      this.#unsubscribe ??= this.#cluster.onMetadata(() => this.#reroute())
      this.#add([task])
    }
    return task
  }

  #add(tasks: readonly OffsetTask[]): void {
    for (const task of tasks) this.#added.push(task)
    this.#schedule()
  }

  #schedule(): void {
    const { length } = this.#added
    const isHeld = this.#holds > 0 && length < mostPartitionsPerRequest
    if (this.#isScheduled || isHeld || length === 0) return
    this.#isScheduled = true
    this.#cluster.runtime.defer(() => {
      this.#isScheduled = false
      void this.#dispatch()
    })
  }

  #close(): void {
    this.#retries.close()
    this.#unsubscribe?.()
    this.#added = []
    for (const queues of Object.values(this.#queues)) queues.clear()
  }

  // ---- to the brokers

  async #dispatch(): Promise<void> {
    const { closing, turns } = this.#options
    const tasks = this.#added
    this.#added = []
    const leaderless: Failure[] = []
    const touched = new Set<BrokerQueue>()
    const route = (task: OffsetTask): void => {
      if (task.ended) return
      const queue = this.#queueOf(task)
      if (queue === undefined) leaderless.push({ task, error: this.#leaderless(task), isStale: true })
      else touched.add(queue)
      queue?.waiting.push(task)
    }
    const ended = turns.each(tasks, route, () => closing.aborted)
    if (ended !== undefined) await ended
    if (closing.aborted) return
    this.#fail(leaderless)
    for (const queue of touched) {
      const sent = this.#send(queue)
      if (sent !== undefined) await sent
    }
  }

  #queueOf({ kind, topic, partition }: OffsetTask): BrokerQueue | undefined {
    const brokerId = kind === 'committed' ? coordinatorId : this.#cluster.leaderOf(topic, partition)?.id
    if (brokerId === undefined) return undefined
    const queues = this.#queues[kind]
    let queue = queues.get(brokerId)
    if (queue === undefined) {
      queue = { kind, brokerId, waiting: [], inFlight: undefined }
      queues.set(brokerId, queue)
    }
    return queue
  }

  /** Sends what waits, unless a request is in flight; in a turn without other work if that is much. */
  #send(queue: BrokerQueue): Promise<void> | undefined {
    const turn = this.#options.turns.own(queue.waiting.length)
    if (turn !== undefined) return turn.then(() => this.#sendNow(queue))
    this.#sendNow(queue)
    return undefined
  }

  #sendNow(queue: BrokerQueue): void {
    if (queue.inFlight !== undefined || this.#options.closing.aborted) return
    const batch = new OffsetBatch()
    const rest: OffsetTask[] = []
    let at = 0
    for (; at < queue.waiting.length && batch.size < mostPartitionsPerRequest; at++) {
      const task = queue.waiting[at]
      if (task !== undefined && !task.ended && !batch.add(task, this.#topicIdOf(task))) rest.push(task)
    }
    queue.waiting = rest.length === 0 ? queue.waiting.slice(at) : [...rest, ...queue.waiting.slice(at)]
    if (batch.isEmpty) return
    queue.inFlight = batch
    void this.#exchange(queue, batch)
  }

  /** Only commits belong to a topic by its id; requests to leaders are by name. */
  #topicIdOf({ kind, topic, topicId }: OffsetTask): string {
    if (kind !== 'committed') return noTopicId
    return topicId ?? this.#cluster.topic(topic)?.topicId ?? noTopicId
  }

  async #exchange(queue: BrokerQueue, batch: OffsetBatch): Promise<void> {
    let failure: KafkaError | undefined
    try {
      await (queue.kind === 'committed' ? this.#fromCoordinator(batch) : this.#fromLeader(queue, batch))
    } catch (error) {
      failure = asKafkaError(error, operations[queue.kind])
    }
    await this.#settle(queue, batch, failure)
    queue.inFlight = undefined
    if (this.#options.closing.aborted) return
    // `#reroute` has removed those that have another leader by now.
    await this.#send(queue)
  }

  async #fromCoordinator(batch: OffsetBatch): Promise<void> {
    const { runtime, options } = this.#cluster
    const { closing, identity, connection } = this.#options
    const limits = { operation: operations.committed, timeoutMs: options.requestTimeoutMs, signals: [closing] }
    const { groupId } = identity()
    let sent: GroupIdentity | undefined
    const member = () => {
      sent = this.#options.hasEpochs() ? identity() : undefined
      if (sent === undefined || sent.generation <= 0) return undefined
      return { memberId: sent.memberId, memberEpoch: sent.generation }
    }
    try {
      await within(runtime, limits, async (signal) => {
        const coordinator = await withSignal(this.#cluster.findCoordinator('group', groupId), signal)
        await requestCommitted(coordinator, batch, { groupId, member }, { purpose: connection.to(coordinator), signal })
      })
    } catch (error) {
      if (coordinatorLost(error)) this.#cluster.forgetCoordinator('group', groupId)
      if (sent === undefined || !KafkaError.is(error) || meaningOf(error.code).member === undefined) throw error
      this.#options.fenced(error.code, sent.generation)
      // The member has another epoch soon, or loses its partitions.
      throw error.with({ retriable: true })
    }
  }

  async #fromLeader({ kind, brokerId }: BrokerQueue, batch: OffsetBatch): Promise<void> {
    const broker = this.#cluster.broker(brokerId)
    if (broker === undefined) throw noLeader(`the metadata no longer lists broker ${brokerId}`, kind)
    const { isolation, closing: signal } = this.#options
    const context = { cluster: this.#cluster, isolation, signal }
    await (kind === 'list' ? requestOffsets : requestEpochEnds)(broker, batch, context)
  }

  // ---- outcomes

  async #settle({ kind }: BrokerQueue, batch: OffsetBatch, failure: KafkaError | undefined): Promise<void> {
    const { closing, turns } = this.#options
    const failures: Failure[] = []
    const settle = ([task, outcome]: TaskOutcome): void => {
      if (closing.aborted || task.batch !== batch) return
      const result = failure ?? (typeof outcome === 'function' ? outcome() : (outcome ?? missingError(task, kind)))
      if (KafkaError.is(result)) {
        // A leader that does not respond may have been replaced.
        const isStale = (failure !== undefined && kind !== 'committed') || hasStaleMetadata(result)
        failures.push({ task, error: result, isStale })
        return
      }
      task.cancel()
      try {
        task.listener.found(result)
      } catch (error) {
        task.listener.failed(asKafkaError(error, operations[kind]))
      }
    }
    // What follows for the partitions of one response is looked up together.
    const release = this.hold()
    await turns.each([...batch.outcomes()], settle, () => closing.aborted)
    release()
    if (closing.aborted) return
    this.#fail(failures)
    this.#onSettled()
  }

  #fail(failures: readonly Failure[]): void {
    const again: FailedTask[] = []
    for (const { task, error, isStale } of failures) {
      task.batch = undefined
      if (task.ended) continue
      const verdict = task.listener.failed(error)
      if (verdict === 'end') task.cancel()
      else again.push({ task, isSlow: verdict === 'retry-slowly', isStale })
    }
    this.#retries.add(again)
  }

  #leaderless({ kind, topic, partition }: OffsetTask): KafkaError {
    const code = this.#cluster.partition(topic, partition) === undefined ? this.#cluster.topicErrorCode(topic) : 0
    if (code !== 0) return kafkaErrorOf(code, operations[kind], { topic, partition })
    const what = `no leader at the moment for ${describePartition({ topic, partition })}`
    return noLeader(what, kind, { topic, partition })
  }

  /** The metadata changed: tasks for a broker that is no longer the leader, or in flight to it, do not wait for it. */
  #reroute(): void {
    const moved: OffsetTask[] = []
    const hasMoved = (task: OffsetTask, { brokerId }: BrokerQueue): boolean => {
      const leader = this.#cluster.leaderOf(task.topic, task.partition)
      return leader !== undefined && leader.id !== brokerId
    }
    for (const kind of ['list', 'epoch-end'] as const) {
      for (const queue of this.#queues[kind].values()) {
        for (const [task] of queue.inFlight?.outcomes() ?? []) {
          if (!hasMoved(task, queue)) continue
          task.batch = undefined
          moved.push(task)
        }
        for (const task of queue.waiting) if (hasMoved(task, queue)) moved.push(task)
        queue.waiting = queue.waiting.filter((task) => !hasMoved(task, queue))
      }
    }
    this.#add(moved)
  }
}

function noLeader(what: string, kind: LookupKind, place: Partial<TopicPartition> = {}): KafkaError {
  return new KafkaError('LEADER_NOT_AVAILABLE', `${operations[kind]} failed: ${what}`, { retriable: true, ...place })
}

function hasStaleMetadata(error: KafkaError): boolean {
  const { staleMetadata, missingTopic } = meaningOf(error.code)
  return error.refreshMetadata || staleMetadata || missingTopic
}
