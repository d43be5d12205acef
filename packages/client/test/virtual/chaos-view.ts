import type { ChaosCommits } from './chaos-commits.ts'
import type { LogId, ModelHost, Place, Reset } from './chaos-host.ts'
import type { ChaosLetters } from './chaos-letters.ts'
import type { ChaosLogs, LoggedRecord } from './chaos-logs.ts'
import { keyOf } from './chaos-writer.ts'

export interface ViewSurroundings {
  readonly logs: ChaosLogs
  readonly commits: ChaosCommits
  readonly letters: ChaosLetters
  readonly committedOnly: boolean
  /** offsetReset is not 'none'. */
  readonly hasResetPolicy: boolean
  readonly commitsWhatIsAbove: boolean
  nowMs(): number
  report(violation: string, at: Place): void
}

/** When the group commits later than this after it started, it has committed where it started. */
const startedMs = 30_000

/** What the model reads of the world, from the testkit's state. */
export class ChaosView implements ModelHost {
  readonly #world: ViewSurroundings
  readonly #cuts = new Set<string>()
  /** The topics that had the name. */
  readonly #ids = new Map<string, Set<string>>()
  /** When the group first started in a partition without a committed offset. */
  readonly #startedAtMs = new Map<string, number>()

  constructor(world: ViewSurroundings) {
    this.#world = world
  }

  nowMs(): number {
    return this.#world.nowMs()
  }

  report(violation: string, at: Place): void {
    this.#world.report(violation, at)
  }

  idOf(topic: string): string {
    const id = this.#world.logs.idOf(topic) ?? ''
    if (id !== '') this.#ids.set(topic, (this.#ids.get(topic) ?? new Set()).add(id))
    return id
  }

  due(log: LogId, from: number, to: number): Iterable<LoggedRecord> {
    return this.#world.logs.due(log, from, to, this.#world.committedOnly)
  }

  readableEnd(log: LogId): number {
    return this.#world.logs.readableEnd(log, this.#world.committedOnly)
  }

  /** A new leader's high watermark is behind for a moment; that of the old one was read. */
  end(log: LogId): number {
    const { logs } = this.#world
    const readable = this.readableEnd(log)
    return readable < logs.highWatermark(log) ? readable : logs.end(log)
  }

  originOf(log: LogId, { topic }: Place, offset: number, value: string): string | undefined {
    const { logs } = this.#world
    const found = logs.valueAt(log, offset)
    if (this.wasCut(log)) return log.id
    if (found === value) return this.#world.committedOnly && logs.isAborted(log, offset) ? undefined : log.id
    const id = this.idOf(topic)
    if (logs.valueAt({ ...log, id }, offset) === value) return id
    // Deleted or compacted since it was fetched.
    return found === undefined && offset < logs.end(log) ? log.id : undefined
  }

  wasCut({ id, partition }: LogId): boolean {
    return this.#cuts.has(`${id}/${partition}`)
  }

  cut(log: LogId): void {
    this.#cuts.add(`${log.id}/${log.partition}`)
  }

  get commitsWhatIsAbove(): boolean {
    return this.#world.commitsWhatIsAbove
  }

  keyOf(value: string): string {
    return keyOf(value)
  }

  isPassedOn(value: string): boolean {
    return this.#world.letters.has(value)
  }

  committed(at: Place): number | undefined {
    return this.#world.commits.committed(at)
  }

  unjustified({ topic, reason }: Reset, log: LogId, from: number | undefined): string | undefined {
    const { logs } = this.#world
    if (this.wasCut(log) || this.idOf(topic) !== log.id) return undefined
    if (reason === 'truncated') return 'the log was never cut'
    if (reason === 'recreated') return this.#ids.get(topic)?.size === 1 ? 'the topic is the same' : undefined
    // A commit of the topic before is not one of this topic.
    const isRecreated = (this.#ids.get(topic)?.size ?? 0) > 1
    if (reason === 'no-committed-offset' && isRecreated) return undefined
    if (reason === 'no-committed-offset' && from !== undefined) return `${from} is committed`
    // Without a policy the application decides where to start: only what it processed is committed.
    if (reason === 'no-committed-offset') return this.#world.hasResetPolicy ? this.#again(log) : undefined
    const isOutside = from === undefined || from < logs.start(log) || from > logs.highWatermark(log)
    return isOutside ? undefined : `${from} is in the log`
  }

  /** Where a group starts is committed immediately: it has no second start later. */
  #again({ id, partition }: LogId): string | undefined {
    const first = this.#startedAtMs.get(`${id}/${partition}`)
    this.#startedAtMs.set(`${id}/${partition}`, first ?? this.nowMs())
    const isLate = first !== undefined && this.#world.commits.lastAtMs > first + startedMs
    return isLate ? `the group started here ${Math.round(this.nowMs() - first)} ms ago` : undefined
  }
}
