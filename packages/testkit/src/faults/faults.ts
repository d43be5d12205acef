import type { Runtime } from '@ottla/runtime'
import type { ApiName } from '../messages/api-name.ts'
import { errorPlaceFor } from '../messages/places.ts'
import { MetadataView } from '../state/metadata-view.ts'
import { type Exchange, fits } from './exchange.ts'
import { parseRule, type ResolvedRule, type RuleScope } from './parse-rule.ts'
import type { FaultRule } from './rule.ts'
import { Waiters, type WaitOptions } from './waiters.ts'

/** An added rule. */
export interface Fault {
  readonly id: number
  readonly rule: FaultRule
  /** The number of requests it has changed. */
  readonly hits: number
  /** Resolves when it has changed `hits` requests; rejects after `timeoutMs` (5000). */
  wait(hits: number, options?: WaitOptions): Promise<void>
  /** Ends its effect. */
  remove(): void
}

export interface FaultsOptions {
  /** The cluster's time and randomness. */
  readonly runtime: Runtime
  /** Real time, for `wait`. */
  readonly host: Runtime
  readonly scope: RuleScope
  /** The controller's metadata. */
  readonly metadata: () => MetadataView
  readonly onChange: () => void
}

const maxRules = 10_000

/** A rule with its counts. */
export class ActiveFault implements Fault {
  readonly id: number
  readonly rule: FaultRule
  readonly resolved: ResolvedRule
  /** The metadata at the time when it was added; only for actions that need it. */
  readonly staleView: MetadataView | undefined
  readonly #addedAtMs: number
  readonly #waiters: Waiters<number>
  readonly #remove: (fault: ActiveFault) => void
  #matches = 0
  #hits = 0

  constructor(id: number, rule: FaultRule, options: FaultsOptions, remove: (fault: ActiveFault) => void) {
    this.id = id
    this.rule = rule
    this.resolved = parseRule(rule, options.scope)
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
    const problem = () => `Fault ${this.id} had ${this.#hits} hits instead of ${hits}`
    return this.#waiters.wait((count) => count >= hits, problem, options)
  }

  remove(): void {
    this.#remove(this)
    this.#waiters.fail(new Error(`Fault ${this.id} was removed after ${this.#hits} hits`))
  }

  toJSON(): Pick<Fault, 'id' | 'rule' | 'hits'> {
    return { id: this.id, rule: this.rule, hits: this.#hits }
  }

  /** Whether it changes this request; if so, the request is counted. */
  takes(exchange: Exchange, runtime: Runtime): boolean {
    const { match, nth, times, probability, untilMs } = this.resolved
    if (this.#hits >= times || runtime.monoNow() - this.#addedAtMs >= untilMs) return false
    if (!fits(match, exchange) || !this.#hasPlace(exchange)) return false
    if (match.when !== undefined && !match.when(exchange.request as never)) return false
    this.#matches++
    if (this.#matches < nth || (probability < 1 && runtime.random() >= probability)) return false
    this.#hits++
    this.#waiters.notify(this.#hits)
    return true
  }

  /** Whether the response to this version can carry the error. */
  #hasPlace({ api, context }: Exchange): boolean {
    const { effect, match } = this.resolved
    if (effect.kind !== 'error') return true
    return errorPlaceFor(api.name, context.apiVersion, match, effect.at) !== undefined
  }

  /** It has no effect any more. */
  isSpent(nowMs: number): boolean {
    return this.#hits >= this.resolved.times || nowMs - this.#addedAtMs >= this.resolved.untilMs
  }
}

/** The rules of a cluster. */
export class Faults {
  readonly #options: FaultsOptions
  /** In the order they were added. Spent rules stay until they are removed, for their counts. */
  readonly #all = new Map<number, ActiveFault>()
  #active: ActiveFault[] = []
  #nextId = 1

  /** @internal */
  constructor(options: FaultsOptions) {
    this.#options = options
  }

  /** Throws TypeError for an invalid rule, and for one that could never match. */
  add<A extends ApiName>(rule: FaultRule<A>): Fault {
    if (this.#all.size >= maxRules) throw new TypeError(`There are already ${maxRules} faults. Remove some first`)
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

  /** Removes all rules; pending waits reject. */
  clear(): void {
    for (const fault of [...this.#all.values()]) fault.remove()
  }

  /** No rule can change a request. */
  get isIdle(): boolean {
    return this.#active.length === 0
  }

  /** The rules that change this request, in the order they were added. @internal */
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
