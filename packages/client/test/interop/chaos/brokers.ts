import { setTimeout as sleep } from 'node:timers/promises'
import type { Outage } from './ownership.ts'
import type { Random } from './random.ts'

/** The processes of the cluster. `start` resolves when the broker serves. */
export interface BrokerControl {
  stop(id: number): Promise<unknown>
  start(id: number): Promise<unknown>
}

/** How long brokers stay up and down, in ms. */
export interface FaultPace {
  readonly upMs: readonly [from: number, to: number]
  readonly downMs: readonly [from: number, to: number]
}

const calm: FaultPace = { upMs: [2_000, 6_000], downMs: [500, 8_000] }

/** One run in five kills two brokers: the controllers have no majority then. */
const twoOf = 5
const startAttempts = 3

/** Kills brokers with SIGKILL and restarts them, one after the other or two at the same time. */
export class BrokerFaults {
  kills = 0
  /** The times in which a broker was down: another one becomes coordinator, and begins the sessions again. */
  readonly outages: Outage[] = []
  readonly #control: BrokerControl
  readonly #ids: readonly number[]
  readonly #random: Random
  readonly #pace: FaultPace
  readonly #down = new Set<number>()
  #stopping = false
  #running: Promise<void> = Promise.resolve()
  #failure: unknown

  constructor(control: BrokerControl, ids: readonly number[], random: Random, pace = calm) {
    this.#control = control
    this.#ids = ids
    this.#random = random
    this.#pace = pace
  }

  get down(): readonly number[] {
    return [...this.#down]
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Resolves when all brokers serve again. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    for (const id of this.#down) await this.#restart(id)
    if (this.#failure !== undefined) throw this.#failure
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#pause(this.#random.between(...this.#pace.upMs))
      if (this.#stopping) return
      const first = this.#random.below(this.#ids.length)
      const count = this.#random.below(twoOf) === 0 ? 2 : 1
      const victims = Array.from({ length: count }, (_, i) => this.#ids[(first + i) % this.#ids.length] ?? 1)
      for (const id of victims) {
        this.#down.add(id)
        this.kills++
      }
      const fromMs = Date.now()
      await Promise.all(victims.map((id) => this.#control.stop(id)))
      await this.#pause(this.#random.between(...this.#pace.downMs))
      await Promise.all(victims.map((id) => this.#restart(id)))
      this.outages.push({ fromMs, toMs: Date.now() })
    }
  }

  /** A broker that is slow to serve on a busy machine gets more time. */
  async #restart(id: number): Promise<void> {
    for (let attempt = 1; this.#down.has(id); attempt++) {
      try {
        await this.#control.start(id)
        this.#down.delete(id)
      } catch (error) {
        if (attempt === startAttempts) throw error
      }
    }
  }

  /** The end of the run cuts it short. */
  async #pause(ms: number): Promise<void> {
    const endMs = performance.now() + ms
    while (!this.#stopping && performance.now() < endMs) await sleep(100)
  }
}
