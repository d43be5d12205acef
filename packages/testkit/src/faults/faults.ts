import type { Runtime } from '@ottla/runtime'
import { MetadataView } from '../state/metadata-view.ts'
import { type Exchange, fits } from './exchange.ts'
import { parseRule, type ResolvedRule } from './parse-rule.ts'
import type { ApiName, FaultRule } from './rule.ts'
import { Waiters, type WaitOptions } from './waiters.ts'

/** A rule that was added. */
export interface Fault {
  readonly id: number
  readonly rule: FaultRule
  /** How many requests it has changed so far. */
  readonly hits: number
  /** Resolves when it has changed `hits` requests; rejects after `timeoutMs` (5000). */
  wait(hits: number, options?: WaitOptions): Promise<void>
  /** It changes nothing any more. */
  remove(): void
}

export interface FaultsOptions {
  /** The cluster's time and random. */
  readonly runtime: Runtime
  /** Real time, for those who wait. */
  readonly host: Runtime
  readonly brokers: number
  /** The metadata as it is decided now. */
  readonly metadata: () => MetadataView
  readonly onChange: () => void
}

const maxRules = 10_000

/** A rule with its count. */
export class ActiveFault implements Fault {
  readonly id: number
  readonly rule: FaultRule
  readonly resolved: ResolvedRule
  /** The metadata of the time when it was added; only where the action needs it. */
  readonly staleView: MetadataView | undefined
  readonly #addedAtMs: number
  readonly #waiters: Waiters<number>
  readonly #remove: (fault: ActiveFault) => void
  #matches = 0
  #hits = 0

  constructor(id: number, rule: FaultRule, options: FaultsOptions, remove: (fault: ActiveFault) => void) {
    this.id = id
    this.rule = rule
    this.resolved = parseRule(rule, options.brokers)
    this.#addedAtMs = options.runtime.monoNow()
    this.#waiters = new Waiters(options.host)
    this.#remove = remove
    if (this.resolved.effect.kind !== 'staleMetadata') return
    this.staleView = new MetadataView()
    this.staleView.apply(options.metadata().snapshot())
  }

  get hits(): number {
    return this.#hits
  }

  wait(hits: number, options: WaitOptions = {}): Promise<void> {
    if (this.#hits >= hits) return Promise.resolve()
    const problem = () => `fault ${this.id} was hit ${this.#hits} times, not ${hits},`
    return this.#waiters.wait((count) => count >= hits, problem, options)
  }

  remove(): void {
    this.#remove(this)
    this.#waiters.fail(new Error(`fault ${this.id} was removed after ${this.#hits} hits`))
  }

  toJSON(): Pick<Fault, 'id' | 'rule' | 'hits'> {
    return { id: this.id, rule: this.rule, hits: this.#hits }
  }

  /** Whether it changes this request; then it has counted it. */
  takes(exchange: Exchange, runtime: Runtime): boolean {
    const { match, nth, times, probability, untilMs } = this.resolved
    if (this.#hits >= times || runtime.monoNow() - this.#addedAtMs >= untilMs) return false
    if (!fits(match, exchange)) return false
    if (match.when !== undefined && !match.when(exchange.request as never)) return false
    this.#matches++
    if (this.#matches < nth || (probability < 1 && runtime.random() >= probability)) return false
    this.#hits++
    this.#waiters.tell(this.#hits)
    return true
  }

  /** It will not change anything again. */
  isSpent(nowMs: number): boolean {
    return this.#hits >= this.resolved.times || nowMs - this.#addedAtMs >= this.resolved.untilMs
  }

  /** Nobody may wait for it any more. */
  end(error: Error): void {
    this.#waiters.fail(error)
  }
}

/** The rules that are in force. */
export class Faults {
  readonly #options: FaultsOptions
  /** In the order they were added; spent ones stay until they are removed, for their counts. */
  readonly #all = new Map<number, ActiveFault>()
  #active: ActiveFault[] = []
  #nextId = 1

  constructor(options: FaultsOptions) {
    this.#options = options
  }

  /** Throws TypeError for a rule that makes no sense or could never match. */
  add<A extends ApiName>(rule: FaultRule<A>): Fault {
    if (this.#all.size >= maxRules) throw new TypeError(`there are ${maxRules} faults already: remove some`)
    const fault = new ActiveFault(this.#nextId, rule as FaultRule, this.#options, (one) => this.#remove(one))
    this.#nextId++
    this.#all.set(fault.id, fault)
    this.#active.push(fault)
    this.#options.onChange()
    return fault
  }

  get(id: number): Fault | undefined {
    return this.#all.get(id)
  }

  list(): Fault[] {
    return [...this.#all.values()]
  }

  /** All rules go; whoever waits for one is told. */
  clear(): void {
    for (const fault of [...this.#all.values()]) fault.remove()
  }

  /** None that could change anything. */
  get isIdle(): boolean {
    return this.#active.length === 0
  }

  /** The rules that change this request, in the order they were added. */
  take(exchange: Exchange): ActiveFault[] {
    const { runtime, onChange } = this.#options
    const taken = this.#active.filter((fault) => fault.takes(exchange, runtime))
    const nowMs = runtime.monoNow()
    if (this.#active.some((fault) => fault.isSpent(nowMs))) {
      this.#active = this.#active.filter((fault) => !fault.isSpent(nowMs))
      onChange()
    }
    return taken
  }

  #remove(fault: ActiveFault): void {
    this.#all.delete(fault.id)
    this.#active = this.#active.filter((one) => one !== fault)
    this.#options.onChange()
  }
}
