import { type CommitOrigin, key, type LogId, type ModelHost, type Place, type Reset } from './chaos-host.ts'

/** A partition in one assignment of a member. It starts at the committed offset, else where a reset says. */
const holdingOf = (log: LogId, start: number | undefined, explicit = new Set<number>()) => ({
  log,
  isOver: false,
  /** The next offset to deliver; `isOpen`: or a later one, as the end was sought. `soughtId`: the topic then; '': any. */
  next: start,
  isOpen: false,
  soughtId: undefined as string | undefined,
  /** Everything due below it is done or passed over. */
  low: start,
  hand: new Set<number>(),
  returned: new Set<number>(),
  done: new Set<number>(),
  gaps: [] as (readonly [from: number, to: number])[],
  /** Offsets that the user committed; a request may arrive in the member's next assignment. */
  explicit,
  floor: 0,
  /** Records were handed out by key: later ones of other keys before earlier ones. */
  isKeyed: false,
  /** A commit that was sent before the last seek or reset may arrive after it. */
  before: { offset: -1, atMs: -1 },
})
type Holding = ReturnType<typeof holdingOf>
/** What the members of one group may be handed and may commit by the contract, whatever the consumer's code is. */
export class ConsumerModel {
  /** The values that were processed, or that the user or a reset passed over. */
  readonly settled = new Set<string>()
  readonly #held = new Map<string, Holding>()
  readonly #host: ModelHost

  constructor(host: ModelHost) {
    this.#host = host
  }

  assigned(member: string, at: Place): void {
    const log = { id: this.#host.idOf(at.topic), partition: at.partition }
    this.#held.set(key(member, at), holdingOf(log, this.#host.committed(at), this.#held.get(key(member, at))?.explicit))
  }

  released(member: string, at: Place): void {
    Object.assign(this.#held.get(key(member, at)) ?? {}, { isOver: true })
  }

  /** By key: in the order of its key only. */
  handed(member: string, at: Place, offset: number, value: string, byKey = false): void {
    const held = this.#held.get(key(member, at))
    if (held === undefined || held.isOver) this.#host.report(`${offset} is handed out without an assignment`, at)
    if (held === undefined || held.isOver) return
    const id = this.#host.originOf(held.log, at, offset, value)
    if (id === undefined) this.#host.report(`${offset} is not the record of the log`, at)
    else if (id !== held.log.id) {
      if (held.log.id !== '' && held.next !== undefined && held.soughtId !== '' && held.soughtId !== id)
        this.#host.report(`${offset} is of a recreated topic, without a reset`, at)
      this.#restart(held, { ...held.log, id }, held.isOpen ? undefined : held.next && offset)
    }
    if (held.next === undefined && !held.isOpen)
      this.#host.report(`${offset} is first, without a commit or a reset`, at)
    const next = held.isOpen ? Math.max(offset, held.next ?? 0) : (held.next ?? offset)
    if (held.isOpen) held.low = this.#passOver(held, next)
    const skipped = byKey ? this.#firstOfKey(held, offset, value) : this.#first(held, next, offset, held.hand)
    if (this.#host.wasCut(held.log)) held.low = offset
    else if ((offset < next && !this.#host.commitsWhatIsAbove) || held.hand.has(offset) || held.done.has(offset))
      this.#host.report(`${offset} is handed out twice`, at)
    else if (skipped !== undefined) this.#host.report(`${skipped} is skipped: ${offset} is handed out`, at)
    held.hand.add(offset)
    held.returned.delete(offset)
    Object.assign(held, { isOpen: false, soughtId: undefined, next: Math.max(next, offset + 1) })
    held.isKeyed ||= byKey
    held.low ??= offset
  }

  done(member: string, at: Place, offset: number, value: string): void {
    this.settled.add(value)
    const held = this.#held.get(key(member, at))
    // The application may mark an item that it returned.
    if (held?.hand.delete(offset) || held?.returned.delete(offset)) held.done.add(offset)
  }

  /** What the member has in hand is delivered again. */
  undone(member: string): void {
    for (const [name, held] of this.#held) {
      if (!name.startsWith(`${member} `)) continue
      // By key, records below those in hand may not have been handed out yet.
      const { low, next = 0 } = held
      if (held.isKeyed && low !== undefined) held.next = this.#first(held, low, next) ?? next
      held.isKeyed = false
      if (held.hand.size === 0) continue
      held.next = Math.min(held.next ?? 0, ...held.hand)
      Object.assign(held, { returned: new Set([...held.returned, ...held.hand]), hand: new Set<number>() })
    }
  }

  /** By the user: to an offset of a topic, or of any that has the name when it is looked up; undefined: the end of the log. */
  sought(member: string, at: Place, to: number | undefined, soughtId: string): void {
    const held = this.#held.get(key(member, at))
    if (held === undefined || held.isOver) return
    const end = this.#host.readableEnd(held.log)
    this.#passOver(held, to ?? end)
    this.#restart(held, held.log, to ?? Math.min(end, held.next ?? end), this.#first(held, held.low ?? 0, end) ?? end)
    Object.assign(held, { isOpen: to === undefined, soughtId })
  }

  reset(member: string, event: Reset): void {
    const held = this.#held.get(key(member, event))
    if (held === undefined) return
    const [to, id] = [Number(event.to), this.#host.idOf(event.topic)]
    const { next = to, log, isOver } = held
    // By key the position is the lowest offset that is not processed, which may have been deleted since.
    const from = this.#host.commitsWhatIsAbove && event.from !== undefined ? Number(event.from) : held.next
    const problem = this.#host.unjustified(event, log, from)
    if (problem !== undefined) this.#host.report(`reset to ${to} as ${event.reason}, but ${problem}`, event)
    this.#passOver(held, to)
    if (id !== log.id || to < next) this.#restart(held, { ...log, id }, to, next)
    else held.gaps.push([next, to])
    Object.assign(held, { isOver, isOpen: false, next: to, low: held.low ?? to })
  }

  committedByUser(member: string, at: Place, offset: number): void {
    const held = this.#held.get(key(member, at))
    if (held !== undefined) held.explicit.add(this.#passOver(held, offset))
  }

  /** A commit that the coordinator accepts. */
  commit(member: string, at: Place, offset: number, { isOwner, sentAtMs }: CommitOrigin): void {
    const held = this.#held.get(key(member, at))
    if (!isOwner || held === undefined) this.#host.report(`${member} commits ${offset}, but is no owner`, at)
    if (!isOwner || held === undefined) return
    const [{ floor, low, log, before }, stored] = [held, this.#host.committed(at) ?? 0]
    if (held.explicit.has(offset)) Object.assign(held, { floor: offset, gaps: [...held.gaps, [0, offset]] })
    else if (offset < floor) this.#host.report(`commit ${offset} falls below the explicit commit ${floor}`, at)
    else if (offset < stored && before.atMs < 0) this.#host.report(`commit ${offset} moves back from ${stored}`, at)
    if (held.isOpen) this.#passOver(held, offset)
    const isEarlier = offset <= before.offset && sentAtMs <= before.atMs
    if (isEarlier || held.isOpen || held.explicit.has(offset) || this.#host.wasCut(log) || low === undefined) return
    const undone = this.#first(held, low, offset)
    if (undone !== undefined) this.#host.report(`commit ${offset} exceeds the lowest undone ${undone}`, at)
    else if (offset > this.#host.end(log)) this.#host.report(`commit ${offset} exceeds the log`, at)
    else held.low = Math.max(low, offset)
  }

  /** The first due offset that is neither done nor taken nor passed over. */
  #first(held: Holding, from: number, to: number, taken?: ReadonlySet<number>): number | undefined {
    for (const { offset, value } of this.#host.due(held.log, from, to)) {
      const isOver = held.done.has(offset) || taken?.has(offset) === true || this.#isOver(value)
      if (!isOver && !held.gaps.some(([first, end]) => offset >= first && offset < end)) return offset
    }
    return undefined
  }

  /**
   * With work by key, commits say what was processed above them: the next owner passes over it. What is stored as a dead letter, or for
   * its next attempt, counts as processed.
   */
  #isOver(value: string): boolean {
    return (this.#host.commitsWhatIsAbove && this.settled.has(value)) || this.#host.isPassedOn(value)
  }

  /** The first due offset of the key of `value` below `to` that is not over: it must be handed out, and end, before. */
  #firstOfKey(held: Holding, to: number, value: string): number | undefined {
    const key = this.#host.keyOf(value)
    for (const { offset, value: other } of this.#host.due(held.log, held.low ?? to, to)) {
      if (this.#host.keyOf(other) !== key || held.done.has(offset) || this.#isOver(other)) continue
      if (!held.gaps.some(([first, end]) => offset >= first && offset < end)) return offset
    }
    return undefined
  }

  #restart(held: Holding, log: LogId, to: number | undefined, reached = -1): void {
    const offset = log.id === held.log.id ? Math.max(reached, held.before.offset) : -1
    Object.assign(held, { ...holdingOf(log, to), isOpen: held.isOpen, before: { offset, atMs: this.#host.nowMs() } })
  }

  #passOver(held: Holding, to: number): number {
    for (const { value } of this.#host.due(held.log, held.low ?? 0, to)) this.settled.add(value)
    return to
  }
}
