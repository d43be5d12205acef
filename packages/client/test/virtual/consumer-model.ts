type Place = { readonly topic: string; readonly partition: number }
type LogId = { readonly id: string; readonly partition: number }
type Reset = Place & { readonly from: bigint | undefined; readonly to: bigint; readonly reason: string }

/** The logs as the brokers have them. */
export interface ModelLogs {
  idOf(topic: string): string | undefined
  start(log: LogId): number
  readableEnd(log: LogId): number
  /** The offsets in [from, to) that a consumer of the group must get. */
  due(log: LogId, from: number, to: number): Iterable<number>
  valueAt(log: LogId, offset: number): string | undefined
  /** Whether an unclean election lost committed records. */
  wasCut(log: LogId): boolean
  /** The group's offset at the coordinator. */
  committed(at: Place): number | undefined
}

/** A partition in one assignment of a member, which starts at the committed offset. */
const holdingOf = (at: Place, id: string, start: number | undefined) => ({
  at,
  log: { id, partition: at.partition },
  /** The next offset to deliver; undefined until it is known. */
  next: start,
  /** The end of the log is sought: the next record may be anywhere from here on. */
  openFrom: undefined as number | undefined,
  /** Everything due below it is done or passed over. */
  low: start,
  hand: new Set<number>(),
  done: new Set<number>(),
  /** Offsets passed over by a reported reset or an explicit commit: [from, to). */
  gaps: [] as (readonly [from: number, to: number])[],
  explicit: new Set<number>(),
  floor: 0,
  mayGoBack: false,
  isOver: false,
  /** A commit that was sent before a seek may arrive after it. */
  before: { offset: -1, untilMs: -1 },
})
type Holding = ReturnType<typeof holdingOf>
const none: ReadonlySet<number> = new Set()

/** What the members of one group may be handed and may commit by the contract, whatever the consumer's code is. */
export class ConsumerModel {
  readonly handled = new Set<string>()
  /** Records that the user or a reset passed over. */
  readonly excused = new Set<string>()
  readonly #held = new Map<string, Holding>()
  readonly #logs: ModelLogs
  readonly #nowMs: () => number
  readonly #report: (violation: string, at: Place) => void

  constructor(logs: ModelLogs, nowMs: () => number, report: (violation: string, at: Place) => void) {
    this.#logs = logs
    this.#nowMs = nowMs
    this.#report = report
  }

  assigned(member: string, at: Place): void {
    const id = this.#logs.idOf(at.topic) ?? ''
    this.#held.set(key(member, at), holdingOf(at, id, this.#logs.committed(at)))
  }

  released(member: string, at: Place): void {
    const held = this.#held.get(key(member, at))
    if (held !== undefined) held.isOver = true
  }

  handed(member: string, at: Place, offset: number, value: string): void {
    const held = this.#held.get(key(member, at))
    if (held === undefined || held.isOver) return this.#report(`${offset} is handed out without an assignment`, at)
    this.#identify(held, offset, value)
    const { next = held.openFrom === undefined ? offset : Math.max(offset, held.openFrom), hand, done } = held
    if (held.next === undefined && held.openFrom === undefined)
      this.#report(`${offset} is first, without a committed offset or a reset`, at)
    if (held.next === undefined) this.#excuse(held, next)
    const skipped = this.#first(held, next, offset, hand)
    if (this.#logs.wasCut(held.log)) held.low = offset
    else if (offset < next || hand.has(offset) || done.has(offset)) this.#report(`${offset} is handed out twice`, at)
    else if (skipped !== undefined) this.#report(`${skipped} is skipped: ${offset} is handed out`, at)
    held.next = Math.max(next, offset + 1)
    held.low ??= offset
    hand.add(offset)
  }

  done(member: string, at: Place, offset: number, value: string): void {
    this.handled.add(value)
    const held = this.#held.get(key(member, at))
    if (held?.hand.delete(offset)) held.done.add(offset)
  }

  /** What the member has in hand is delivered again. */
  undone(member: string, isMeant: (at: Place) => boolean = () => true): void {
    for (const [name, held] of this.#held) {
      if (!name.startsWith(`${member} `) || held.hand.size === 0 || !isMeant(held.at)) continue
      held.next = Math.min(held.next ?? 0, ...held.hand)
      held.hand.clear()
    }
  }

  /** By the user: to an offset, or to one not known yet. */
  sought(member: string, at: Place, to: number | undefined): void {
    const held = this.#held.get(key(member, at))
    if (held === undefined || held.isOver) return
    const end = this.#logs.readableEnd(held.log)
    const offset = this.#first(held, held.low ?? 0, end, none) ?? end
    this.#excuse(held, to ?? end)
    Object.assign(held, holdingOf(at, held.log.id, to), { mayGoBack: true })
    held.before = { offset, untilMs: this.#nowMs() + 5_000 }
    if (to === undefined) held.openFrom = end
  }

  reset(member: string, event: Reset): void {
    const held = this.#held.get(key(member, event))
    if (held === undefined || held.isOver) return
    const [from, to, id] = [Number(event.from ?? -1), Number(event.to), this.#logs.idOf(event.topic) ?? '']
    const problem = this.#unjustified(event.reason, held, from, id)
    if (problem !== undefined) this.#report(`reset from ${from} to ${to} as ${event.reason}, but ${problem}`, event)
    this.#excuse(held, to)
    const { next = to } = held
    const before = { offset: id === held.log.id ? next : -1, untilMs: this.#nowMs() + 5_000 }
    if (id !== held.log.id || to < next) Object.assign(held, holdingOf(held.at, id, to))
    else held.gaps.push([next, to])
    Object.assign(held, { next: to, low: held.low ?? to, mayGoBack: true, before })
  }

  /** The user commits this offset, whatever is done. */
  asked(member: string, at: Place, offset: number): void {
    const held = this.#held.get(key(member, at))
    held?.explicit.add(offset)
    if (held !== undefined) this.#excuse(held, offset)
  }

  /** A commit that the coordinator accepts. */
  commit(member: string, at: Place, offset: number, isOwner: boolean): void {
    const held = this.#held.get(key(member, at))
    if (!isOwner || held === undefined) return this.#report(`${member} commits ${offset}, but is no owner`, at)
    if (held.explicit.has(offset)) return void Object.assign(held, { floor: offset, gaps: [...held.gaps, [0, offset]] })
    const stored = this.#logs.committed(at) ?? 0
    if (offset < held.floor) this.#report(`commit ${offset} falls below the explicit commit ${held.floor}`, at)
    else if (offset < stored && !held.mayGoBack) this.#report(`commit ${offset} goes back from ${stored}`, at)
    const isEarlier = offset <= held.before.offset && this.#nowMs() < held.before.untilMs
    if (isEarlier || this.#logs.wasCut(held.log) || held.low === undefined) return
    const undone = this.#first(held, held.low, offset, none)
    if (undone !== undefined) this.#report(`commit ${offset} exceeds the lowest undone ${undone}`, at)
    else if (offset > this.#logs.readableEnd(held.log)) this.#report(`commit ${offset} exceeds the log`, at)
    else held.low = Math.max(held.low, offset)
  }

  /** The first due offset that is neither done nor taken nor passed over. */
  #first({ log, done, gaps }: Holding, from: number, to: number, taken: ReadonlySet<number>): number | undefined {
    for (const offset of this.#logs.due(log, from, to)) {
      const isOpen = !done.has(offset) && !taken.has(offset)
      if (isOpen && !gaps.some(([first, end]) => offset >= first && offset < end)) return offset
    }
    return undefined
  }

  #excuse(held: Holding, to: number): void {
    for (const offset of this.#logs.due(held.log, held.low ?? 0, to))
      if (!held.done.has(offset)) this.excused.add(this.#logs.valueAt(held.log, offset) ?? '')
  }

  /** Which topic of the name the record is from: a topic that was created anew must not be read without a reset. */
  #identify(held: Holding, offset: number, value: string): void {
    const found = this.#logs.valueAt(held.log, offset)
    const log = { ...held.log, id: this.#logs.idOf(held.at.topic) ?? '' }
    if (found === value || this.#logs.wasCut(held.log)) return
    if (log.id !== held.log.id && this.#logs.valueAt(log, offset) === value) {
      const isReset = held.next === undefined || held.log.id === ''
      if (!isReset) this.#report(`${offset} is of a topic created anew, without a reset`, held.at)
      Object.assign(held, holdingOf(held.at, log.id, isReset ? held.next : offset))
    } else if (found !== undefined || offset >= this.#logs.readableEnd(held.log))
      this.#report(`${offset} is not the record of the log`, held.at)
  }

  #unjustified(reason: string, { log, next }: Holding, from: number, id: string): string | undefined {
    if (this.#logs.wasCut(log) || id !== log.id) return undefined
    if (reason === 'truncated') return 'the log was never cut'
    if (reason === 'recreated') return 'the topic is the same'
    if (reason === 'no-committed-offset') return next === undefined ? undefined : `${next} is committed`
    const isOutside = from < this.#logs.start(log) || from > this.#logs.readableEnd(log)
    return isOutside ? undefined : 'the offset is in the log'
  }
}

function key(owner: string, { topic, partition }: Place): string {
  return `${owner} ${topic} ${partition}`
}
