import type { Api } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import type { Broker, RequestBody, RequestOptions } from '../../cluster/broker.ts'
import { type RetryOptions, retry } from '../../cluster/retry.ts'
import { KafkaError } from '../../errors.ts'
import { silentLogger } from '../../logger.ts'
import { resolveKafkaOptions } from '../../options.ts'
import { withSignal } from '../../runtime/wait.ts'

/** For tests: a clock that moves only when told to, and brokers that answer what a script says. Not part of the package. */
export class ManualRuntime implements Runtime {
  #nowMs = 0
  #nextId = 1
  readonly #timers = new Map<number, { atMs: number; callback: () => void }>()

  wallNow = (): number => this.#nowMs
  monoNow = (): number => this.#nowMs
  tickNow = (): number => this.#nowMs
  random = (): number => 0.5
  secureRandom = (size: number): Uint8Array => new Uint8Array(size)
  lookup = async (host: string): Promise<readonly string[]> => [host]
  dial = (): Promise<never> => Promise.reject(new Error('no network here'))
  work = async <T>(job: () => Promise<T> | T): Promise<T> => job()
  defer = (callback: () => void): void => queueMicrotask(callback)

  setTimer = (callback: () => void, delayMs: number): Timer => {
    const id = this.#nextId++
    this.#timers.set(id, { atMs: this.#nowMs + Math.max(0, delayMs), callback })
    return id as unknown as Timer
  }

  clearTimer = (timer: Timer): void => {
    this.#timers.delete(timer as unknown as number)
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  /** Fires what is due, in order, letting promises settle after each timer. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await settle()
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= untilMs).sort((a, b) => a[1].atMs - b[1].atMs)[0]
      if (due === undefined) break
      this.#timers.delete(due[0])
      this.#nowMs = Math.max(this.#nowMs, due[1].atMs)
      due[1].callback()
      await settle()
    }
    this.#nowMs = untilMs
  }

  /** The clock goes on without any timer firing: the event loop stood still. */
  stall(byMs: number): void {
    this.#nowMs += byMs
  }
}

/** Enough turns for chains of promises to come to rest. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve()
}

export interface Sent {
  readonly api: string
  readonly body: Record<string, unknown>
  readonly purpose: string
}

export type Response = (body: Record<string, unknown>, options: RequestOptions) => unknown

/** One broker that is everything: leader and coordinator. An answer that throws is a request that failed on its way. */
export class ScriptedCluster {
  readonly runtime = new ManualRuntime()
  readonly options = resolveKafkaOptions({ brokers: 'localhost:9092', logger: silentLogger, runtime: this.runtime })
  readonly logger = silentLogger
  readonly sent: Sent[] = []
  readonly responses = new Map<string, Response>()
  /** Used up before `answers`. */
  readonly once = new Map<string, Response[]>()
  coordinatorsForgotten = 0
  lookups = 0

  readonly node: Broker = {
    id: 1,
    host: 'localhost',
    port: 9092,
    rack: null,
    request: (<A extends Api>(api: A, body: RequestBody<A>, options: RequestOptions = {}) =>
      this.#response(api, body, options)) as Broker['request'],
    fireAndForget: async () => {},
    versionOf: async (api) => api.versions.max,
    knownVersionOf: (api) => api.versions.max,
    featureLevel: () => 0,
    closeConnection: () => {},
  }

  coordinator = async (): Promise<Broker> => {
    this.lookups++
    return this.node
  }

  findCoordinator = (): Promise<Broker> => this.coordinator()

  retry = <T>(what: RetryOptions, attempt: (attemptNo: number, signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { runtime, options, logger } = this
    const closing = new AbortController().signal
    const retries = { value: 0, add: () => {} }
    return retry({ runtime, options, logger, closing, retries, refresh: async () => {} }, what, attempt)
  }

  forgetCoordinator = (): void => {
    this.coordinatorsForgotten++
  }

  /** The next answers to an API, in this order. */
  next(api: string, ...responses: Response[]): void {
    this.once.set(api, [...(this.once.get(api) ?? []), ...responses])
  }

  bodies(api: string): Record<string, unknown>[] {
    return this.sent.filter((one) => one.api === api).map(({ body }) => body)
  }

  apisUsed(): string[] {
    return this.sent.map(({ api }) => api)
  }

  async #response<A extends Api>(api: A, given: RequestBody<A>, options: RequestOptions): Promise<unknown> {
    const make = given as unknown
    const body = (typeof make === 'function' ? make(api.versions.max) : make) as Record<string, unknown>
    this.sent.push({ api: api.name, body, purpose: options.purpose ?? 'general' })
    const response = this.once.get(api.name)?.shift() ?? this.responses.get(api.name)
    if (response === undefined) throw new Error(`the script has no answer to ${api.name}`)
    const { signal, timeoutMs = this.options.requestTimeoutMs } = options
    const late = new AbortController()
    const timer = this.runtime.setTimer(
      () => late.abort(new KafkaError('REQUEST_TIMED_OUT', `${api.name} was not answered`, { retriable: true })),
      timeoutMs,
    )
    try {
      const responded = Promise.resolve().then(() => response(body, options))
      return await withSignal(withSignal(responded, late.signal), signal)
    } finally {
      this.runtime.clearTimer(timer)
    }
  }
}

/** An answer that never comes. */
export const never: Response = () => new Promise(() => {})
