import { OffsetCommit } from '@ottla/codec'
import type { Runtime } from '../../src/index.ts'
import { type Consumer, Kafka, KafkaError, type Message, silentLogger, type TopicPartition } from '../../src/index.ts'
import { type ActionsHost, ChaosActions, placeName } from './chaos-actions.ts'
import type { ChaosFeature, ChaosPlan, CommitChoice, ReaderKind } from './chaos-plan.ts'
import type { ChaosRandom } from './chaos-random.ts'
import { ChaosReader, type ReaderHost } from './chaos-reader.ts'
import { type ProcessRuntime, processRuntime } from './chaos-runtime.ts'
import type { ConsumerModel } from './consumer-model.ts'

/** What a member sees of the world. */
export interface MemberWorld {
  readonly plan: ChaosPlan
  readonly model: ConsumerModel
  readonly runtime: Runtime
  readonly bootstrap: readonly string[]
  readonly isCalm: boolean
  nowMs(): number
  count(dimension: string): void
  note(at: TopicPartition | undefined, event: string): void
  violation(what: string, at: TopicPartition | undefined): void
  readableEnd(at: TopicPartition): number
  /** '' when it does not exist now. */
  topicId(topic: string): string
  /** Identifies the coordinator's term while it has this member in a stable group, where sessions expire. */
  memberTerm(name: string): string | undefined
}

export interface MemberOptions {
  readonly name: string
  readonly readers: readonly ReaderKind[]
  readonly commit: CommitChoice
}

/** Above the sum of maxProcessingMs and the time to leave. */
const absenceMs = 30_000
/** Above the session timeout: a LeaveGroup request may get lost. */
const expiryMs = 11_000

/** One consumer in a process that may crash: it reads until it is stopped, or until an error ends it. */
export class ChaosMember {
  readonly name: string
  readonly hasEpochs: boolean
  readonly consumer: Consumer
  readonly #world: MemberWorld
  readonly #options: MemberOptions
  readonly #random: ChaosRandom
  readonly #kafka: Kafka
  readonly #process: ProcessRuntime
  readonly #held = new Map<string, TopicPartition>()
  readonly #actions: ChaosActions
  #reader: ChaosReader | undefined
  #hooks = 0
  #isEnding = false
  #isAbsent = false
  #isDead = false

  constructor(world: MemberWorld, options: MemberOptions, random: ChaosRandom) {
    this.name = options.name
    this.#world = world
    this.#options = options
    this.#random = random
    this.#process = processRuntime(world.runtime, OffsetCommit.key)
    const { runtime } = this.#process
    const { plan } = world
    const protocol = plan.protocol === 'mixed' ? random.pick(['classic', 'consumer'] as const) : plan.protocol
    world.count(`protocol ${protocol}`)
    this.hasEpochs = protocol === 'consumer'
    const classic = { protocol: 'classic', assignors: plan.assignors, heartbeatIntervalMs: 1_000 } as const
    this.#kafka = new Kafka({ brokers: world.bootstrap, runtime, logger: silentLogger, clientId: this.name })
    this.consumer = this.#kafka.consumer({
      groupId: 'g',
      topics: plan.topics.map(({ name }) => name),
      offsetReset: plan.offsetReset,
      isolation: plan.committedOnly ? 'read_committed' : 'read_uncommitted',
      ...(protocol === 'classic' ? classic : { protocol }),
      commit: options.commit,
      commitStart: true,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      maxProcessingMs: 20_000,
      revokeGraceMs: random.pick([0, 500, 5_000]),
      onAssigned: (partitions, { signal }) => this.#hook('onAssigned', () => this.#assigned(partitions, signal)),
      onRevoked: (partitions, { signal }) => this.#hook('onRevoked', () => this.#revoked(partitions, signal)),
      onLost: (partitions, { signal }) => this.#hook('onLost', () => this.#lost(partitions, signal)),
    })
    this.#actions = new ChaosActions(this.#actionsHost())
    this.#listen()
  }

  get isEnding(): boolean {
    return this.#isEnding
  }

  /** When it sent the commit that arrives now; -1: before the connection that it has now. */
  commitSentAtMs(): number {
    return this.#process.takeSentAtMs() ?? -1
  }

  #listen(): void {
    const { consumer } = this
    consumer.on('positionReset', (event) => {
      if (this.#isDead) return
      this.#world.count(`reset: ${event.reason}`)
      this.#actions.wasReset(event)
      this.#note(event, `reset ${event.from} -> ${event.to} (${event.reason})`)
      this.#reader?.released(event)
      this.#world.model.reset(this.name, event)
    })
    consumer.on('stalled', (event) => {
      this.#world.count('event stalled')
      this.#note(event, `stalled at ${event.offset}`)
      // The items of a poll stay in hand while nothing reads.
      const isReading = !this.#isDead && !this.#isAbsent && !this.#isEnding
      if (isReading && this.#reader?.isHung === false)
        this.#world.violation(`${this.name} reports ${event.offset} as stalled, but no handler hangs`, event)
    })
    const lost = ({ partitions }: { partitions: readonly TopicPartition[] }) => {
      for (const at of partitions) this.#release(at, 'lost')
    }
    consumer.on('lost', lost)
  }

  /** Until it is stopped, crashes, or fails. */
  async live(): Promise<void> {
    const acting = this.#act()
    const reader = new ChaosReader(this.#readerHost())
    this.#reader = reader
    let mayPoll = true
    while (!this.#isEnding) {
      const kinds = this.#options.readers.filter((kind) => mayPoll || kind !== 'poll')
      try {
        mayPoll = await reader.read(kinds.length === 0 ? 'messages' : this.#random.pick(kinds))
      } catch (error) {
        mayPoll = false
        if (!(await this.#survives(error))) break
      }
      if (this.#may('absent reader', 0.2)) await this.#beAbsent()
    }
    if (!this.#isDead) await this.stop()
    await acting
  }

  /** Without a reader a member leaves after maxProcessingMs; then its session ends at the latest. */
  async #beAbsent(): Promise<void> {
    const world = this.#world
    world.count('absent reader')
    this.#note(undefined, 'does not read')
    const endsAtMs = world.nowMs() + absenceMs
    this.#isAbsent = true
    while (world.nowMs() < endsAtMs && !this.#isEnding) await this.#sleep(500)
    if (this.#held.size > 0 && !this.#isEnding) {
      world.violation(`${this.name} has had no reader for too long, but still holds partitions`, undefined)
    }
    let term = world.memberTerm(this.name)
    let sinceMs = world.nowMs()
    while (term !== undefined && world.nowMs() < sinceMs + expiryMs && !this.#isEnding) {
      await this.#sleep(500)
      const now = world.memberTerm(this.name)
      if (now !== term) sinceMs = world.nowMs()
      term = now
    }
    this.#isAbsent = false
    if (term === undefined || this.#isEnding) return
    world.violation(`${this.name} has had no reader for too long, but is still a member`, undefined)
  }

  async #act(): Promise<void> {
    for (;;) {
      await this.#sleep(this.#random.between(500, 4_000))
      if (this.#isEnding) return
      await this.#actions.act()
    }
  }

  /** Closes the consumer, whatever it does. */
  async stop(): Promise<void> {
    this.#isEnding = true
    this.#note(undefined, 'closes')
    await this.consumer.close()
    for (const at of [...this.#held.values()]) this.#release(at, 'closed')
    await this.#kafka.close({ timeoutMs: 1_000 })
    this.#note(undefined, 'closed')
  }

  /** The process dies without a goodbye. */
  crash(): void {
    this.#note(undefined, 'crashes')
    this.#world.count('crash')
    for (const at of [...this.#held.values()]) this.#release(at, 'crashed')
    this.#isEnding = true
    this.#isDead = true
    this.#process.crash()
  }

  /** Frees what a crashed process would no longer have. */
  async bury(): Promise<void> {
    await this.#kafka.close({ timeoutMs: 0 })
  }

  /** Decides about an error of a reader; false: the consumer cannot go on. */
  async #survives(error: unknown): Promise<boolean> {
    if (this.#isEnding) return false
    if (!KafkaError.is(error)) {
      this.#world.violation(`the reader fails: ${error instanceof Error ? error.stack : String(error)}`, undefined)
      return false
    }
    const { code, topic, partition, offset } = error
    if (code !== 'ABORTED') {
      this.#world.count(`error ${code}`)
      this.#note(
        topic === undefined ? undefined : { topic, partition: partition ?? 0 },
        `error ${code}: ${error.message}`,
      )
    }
    if (error.fatal) return false
    if (code === 'INTERNAL_ERROR') this.#world.violation(`internal error: ${error.message}`, undefined)
    // Nothing is damaged in the world of a run.
    if (code === 'CORRUPT_MESSAGE') this.#world.violation(`unreadable: ${error.message}`, undefined)
    const isWithoutOffset = code === 'OFFSET_OUT_OF_RANGE' || code === 'UNKNOWN_TOPIC_ID'
    if (!isWithoutOffset || topic === undefined || partition === undefined) {
      if (code !== 'ABORTED' && code !== 'HANDLER_FAILED') await this.#sleep(100)
      return true
    }
    const at = { topic, partition }
    if (this.#world.plan.offsetReset !== 'none') this.#world.violation(`${code} despite a reset policy`, at)
    this.#checkNoOffset(at, code, offset)
    await this.#attempt('seek', () => this.#actions.seek(at, 'earliest'))
    return true
  }

  /** Without a reset policy an error takes the place of a reset; one from before a seek may reach the next read. */
  #checkNoOffset(at: TopicPartition, code: string, offset: bigint | undefined): void {
    const isRecreated = code === 'UNKNOWN_TOPIC_ID'
    if (!this.#held.has(placeName(at)) || (this.#actions.isSought(at) && !isRecreated)) return
    const reason = isRecreated ? 'recreated' : offset === undefined ? 'no-committed-offset' : 'out-of-range'
    this.#world.model.reset(this.name, { ...at, from: offset, to: isRecreated ? 0n : (offset ?? 0n), reason })
  }

  // ---- hooks ------------------------------------------------------------------------------------------------------

  /** A hook ends when its signal aborts: the next one may begin beside one that does not. */
  async #hook(name: string, run: () => Promise<void>): Promise<void> {
    if (this.#hooks > 0 && !this.#isDead)
      this.#world.violation(`${this.name}: the hook ${name} runs beside another one`, undefined)
    this.#hooks++
    try {
      await run()
    } finally {
      this.#hooks--
    }
  }

  async #assigned(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    for (const at of partitions) {
      if (this.#isDead) return
      this.#held.set(placeName(at), at)
      this.#actions.assigned(at)
      this.#world.model.assigned(this.name, at)
      this.#note(at, 'assigned')
    }
    if (!this.#may('hooks', 0.5)) return
    this.#world.count('hook onAssigned')
    if (this.#random.withProbability(0.5)) await this.#sleep(this.#random.between(1, 1_500), signal)
    if (!signal.aborted && this.#may('seek', 0.3) && partitions.length > 0)
      await this.#attempt('seek', () => this.#actions.seek(this.#random.pick(partitions), 'earliest'))
  }

  async #revoked(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    for (const at of partitions) this.#release(at, 'revoked')
    if (!this.#may('hooks', 0.5)) return
    this.#world.count('hook onRevoked')
    if (this.#random.withProbability(0.5)) await this.#sleep(this.#random.between(1, 1_500), signal)
    if (this.#random.withProbability(0.5))
      await this.#attempt('commit()', () => this.consumer.commit(undefined, { signal }))
  }

  async #lost(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    for (const at of partitions) this.#release(at, 'lost')
    if (this.#may('hooks', 0.5)) await this.#sleep(this.#random.between(1, 1_500), signal)
  }

  #release(at: TopicPartition, why: string): void {
    this.#reader?.released(at)
    if (this.#isDead || !this.#held.delete(placeName(at))) return
    this.#world.model.released(this.name, at)
    this.#note(at, why)
  }

  // ---- helpers -----------------------------------------------------------------------------------------------------

  #actionsHost(): ActionsHost {
    const world = this.#world
    return {
      moved: (at) => this.#reader?.released(at),
      name: this.name,
      consumer: this.consumer,
      random: this.#random,
      model: world.model,
      held: this.#held,
      get isCalm() {
        return world.isCalm
      },
      nowMs: () => world.nowMs(),
      may: (feature, probability) => this.#may(feature, probability),
      count: (dimension) => world.count(dimension),
      note: (at, event) => this.#note(at, event),
      violation: (what, at) => world.violation(what, at),
      readableEnd: (at) => world.readableEnd(at),
      topicId: (topic) => world.topicId(topic),
      attempt: (what, call) => this.#attempt(what, call),
    }
  }

  #readerHost(): ReaderHost {
    const { consumer } = this
    const { model } = this.#world
    const alive = (act: () => void) => {
      if (!this.#isDead) act()
    }
    const at = ({ topic, partition }: Message) => ({ topic, partition })
    const value = (message: Message) => String(message.value)
    const world = this.#world
    return {
      consumer,
      random: this.#random,
      marks: this.#options.commit !== 'manual',
      byKey: world.plan.byKey,
      letters: world.plan.letters,
      get isCalm() {
        return world.isCalm
      },
      nowMs: () => this.#world.nowMs(),
      sleep: (ms: number, signal?: AbortSignal) => this.#sleep(ms, signal),
      may: (feature: ChaosFeature, probability: number) => this.#may(feature, probability),
      count: (dimension: string) => alive(() => this.#world.count(dimension)),
      handed: (message: Message, byKey?: boolean) =>
        alive(() => {
          this.#note(at(message), `handed ${message.offset}`)
          this.#actions.handed(at(message), message.offset)
          model.handed(this.name, at(message), Number(message.offset), value(message), byKey)
        }),
      done: (message: Message) =>
        alive(() => {
          this.#note(at(message), `done ${message.offset}`)
          model.done(this.name, at(message), Number(message.offset), value(message))
        }),
      doneLater: (message: Message) => alive(() => model.settled.add(value(message))),
      undone: () =>
        alive(() => {
          this.#note(undefined, 'gives back')
          model.undone(this.name)
        }),
      violation: (what: string, message?: Message) =>
        alive(() => this.#world.violation(`${this.name}: ${what}`, message && at(message))),
      attempt: (what: string, call: () => unknown) => this.#attempt(what, call),
    }
  }

  /** A call of the application that may fail with a KafkaError. */
  async #attempt(what: string, call: () => unknown): Promise<void> {
    try {
      await call()
    } catch (error) {
      if (this.#isDead) return
      if (!KafkaError.is(error)) return this.#world.violation(`${what} fails: ${String(error)}`, undefined)
      this.#world.count(`${what} rejected: ${error.code}`)
      // A member that leaves, as one without a reader does, cannot wait for it.
      if (error.code === 'REBALANCE_IN_PROGRESS' && !this.#isEnding && !this.#isAbsent)
        this.#world.violation(`${what} does not wait for the outcome of a rebalance: ${error.message}`, undefined)
      const at = error.topic === undefined ? undefined : { topic: error.topic, partition: error.partition ?? 0 }
      this.#note(at, `${what} rejected: ${error.message}`)
    }
  }

  #may(feature: ChaosFeature, probability: number): boolean {
    const { isCalm, plan } = this.#world
    return !isCalm && !this.#isDead && plan.features.has(feature) && this.#random.withProbability(probability)
  }

  #note(at: TopicPartition | undefined, event: string): void {
    this.#world.note(at && { topic: at.topic, partition: at.partition }, `${this.name} ${event}`)
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { runtime } = this.#world
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const timer = runtime.setTimer(resolve, ms)
      signal?.addEventListener('abort', () => {
        runtime.clearTimer(timer)
        resolve()
      })
    })
  }
}
