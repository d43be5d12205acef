import type { Runtime } from '@ottla/runtime'
import {
  type HandlerTransaction,
  Kafka,
  type KafkaError,
  type Message,
  silentLogger,
  type TransactionalProcessor,
  type TransactionalProcessorOptions,
} from '../../../src/index.ts'
import type { ChaosRandom } from '../chaos-random.ts'
import { processRuntime } from '../chaos-runtime.ts'
import type { ProcessorPlan } from './plan.ts'

const noApi = -1

/** What a slot needs of its world. */
export interface SlotWorld {
  readonly plan: ProcessorPlan
  readonly isCalm: boolean
  readonly bootstrap: readonly string[]
  readonly runtime: Runtime
  sleep(ms: number): Promise<void>
  count(dimension: string): void
  note(event: string): void
  violation(what: string): void
}

interface Process {
  readonly name: string
  readonly kafka: Kafka
  readonly processor: TransactionalProcessor
  crash(): void
}

/** One transactionalId: its processes, one after the other, as a supervisor starts them. */
export class ProcessorSlot {
  readonly #world: SlotWorld
  readonly #random: ChaosRandom
  readonly #transactionalId: string
  readonly #closing: Promise<void>[] = []
  #current: Process | undefined
  #started = 0
  #isEnding = false

  constructor(world: SlotWorld, at: number, random: ChaosRandom) {
    this.#world = world
    this.#random = random
    this.#transactionalId = `tx${at}`
  }

  get status(): string {
    const processor = this.#current?.processor
    return `${this.#current?.name} ${processor?.status} ${JSON.stringify(processor?.counts)}`
  }

  /** Until `end`. */
  async live(): Promise<void> {
    while (!this.#isEnding) {
      const process = this.#start()
      this.#current = process
      await this.#supervise(process)
      await this.#world.sleep(this.#random.between(50, 3_000))
    }
    await Promise.all(this.#closing)
  }

  /** Something happens to the process. */
  strike(): void {
    const { features } = this.#world.plan
    const process = this.#current
    const able = (['crash', 'restart', 'zombie'] as const).filter((one) => features.has(one))
    if (process === undefined || able.length === 0 || process.processor.status === 'closed') return
    const what = this.#random.pick(able)
    this.#world.count(what)
    this.#world.note(`${process.name}: ${what}`)
    if (what === 'crash') process.crash()
    else if (what === 'restart') void process.processor.close()
    else this.#zombie()
  }

  end(): Promise<void> | undefined {
    this.#isEnding = true
    return this.#current?.processor.close()
  }

  /** Another process with the same transactionalId: the one before is fenced, and its successor fences the other one. */
  #zombie(): void {
    const other = this.#start()
    const ended = other.processor.done.catch((error: KafkaError) => this.#judge(other, error))
    const closing = Promise.race([ended, this.#world.sleep(this.#random.between(500, 5_000))])
    this.#closing.push(closing.then(() => this.#discard(other)))
  }

  async #supervise(process: Process): Promise<void> {
    try {
      await process.processor.done
      this.#world.note(`${process.name} is closed`)
    } catch (error) {
      this.#judge(process, error as KafkaError)
    }
    this.#closing.push(this.#discard(process))
  }

  /** Only what another process or a crash causes may end a processor. */
  #judge({ name }: Process, error: KafkaError): void {
    this.#world.note(`${name} failed: ${error.message}`)
    this.#world.count(`failed with ${error.code}`)
    const { features } = this.#world.plan
    const causes = ['zombie', 'crash', 'paused broker', 'cut link', 'lost responses', 'delays', 'restarts']
    if (error.code === 'PRODUCER_FENCED' && causes.some((one) => features.has(one as never))) return
    if (error.code === 'CLOSED' || error.code === 'ABORTED') return
    this.#world.violation(`${name} failed: ${error.code} ${error.message}`)
  }

  async #discard({ kafka, name }: Process): Promise<void> {
    await kafka.close({ timeoutMs: 5_000 })
    this.#world.note(`${name} is gone`)
  }

  #start(): Process {
    const { bootstrap: brokers, runtime: base } = this.#world
    const name = `${this.#transactionalId}.${++this.#started}`
    const { runtime, crash } = processRuntime(base, noApi)
    const kafka = new Kafka({ brokers, runtime, logger: silentLogger, clientId: name, requestTimeoutMs: 5_000 })
    const processor = kafka.processTransactionally(this.#options())
    processor.on('aborted', ({ error }) => {
      this.#world.count(`aborted: ${error.code}`)
      this.#world.note(`${name} aborted: ${error.message}`)
    })
    this.#world.note(`${name} starts`)
    return {
      name,
      kafka,
      processor,
      crash: () => {
        crash()
        void processor.close({ timeoutMs: 1 })
      },
    }
  }

  #options(): TransactionalProcessorOptions {
    const { features, protocol, assignors } = this.#world.plan
    const random = this.#random
    const each = (message: Message, tx: HandlerTransaction) => this.#handle([message], tx)
    const handler = features.has('batches')
      ? { eachBatch: (batch: Iterable<Message>, tx: HandlerTransaction) => this.#handle([...batch], tx) }
      : { each }
    return {
      groupId: 'g',
      topics: ['in'],
      transactionalId: this.#transactionalId,
      offsetReset: 'earliest',
      protocol,
      ...(assignors !== undefined && { assignors }),
      transactionTimeoutMs: 15_000,
      commitIntervalMs: random.pick([20, 100, 700]),
      maxRecords: random.pick([5, 50, 10_000]),
      concurrency: features.has('concurrency') ? random.whole(2, 4) : 1,
      retry: { attempts: 1_000, backoffMs: [20, 500] },
      retryTimeoutMs: 600_000,
      revokeGraceMs: random.pick([200, 5_000]),
      maxBufferedBytes: features.has('small buffer') ? 4_000 : 64 << 20,
      partitionMaxBytes: features.has('small buffer') ? 500 : 1 << 20,
      ...(protocol === 'classic' && { sessionTimeoutMs: 10_000 }),
      ...handler,
    }
  }

  async #handle(messages: readonly Message[], tx: HandlerTransaction): Promise<void> {
    const { isCalm, plan } = this.#world
    const { features } = plan
    const random = this.#random
    const may = (feature: 'handler error' | 'slow handler', probability: number) =>
      !isCalm && features.has(feature) && random.withProbability(probability)
    for (const { value, partition } of messages) {
      const record = { topic: 'out', partition: (partition + Number(value)) % 3, value: String(value) }
      if (features.has('enqueue')) tx.enqueue(record)
      else await tx.send(record)
    }
    if (may('slow handler', 0.02)) await this.#world.sleep(random.between(100, 6_000))
    if (may('handler error', 0.02)) {
      this.#world.count('handler error')
      throw new Error('on purpose')
    }
  }
}
