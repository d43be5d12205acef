import { describePartition, KafkaError } from '../errors.ts'
import type { GroupIdentity, TopicPartition } from '../group/membership.ts'
import type { Cursor } from './cursor.ts'
import { earliestTimestamp, type LookupLimits, latestTimestamp, type OffsetLookup } from './offsets.ts'
import type { Prefetch } from './prefetch.ts'

export interface PositionsHost {
  readonly offsetReset: 'earliest' | 'latest' | 'none'
  /** Undefined for a consumer without a group. */
  readonly identity: (() => GroupIdentity) | undefined
  /** With manual commits a reset or seek alone commits nothing. */
  readonly manual: boolean
  /** The partition was created after the consumer started: 'latest' would skip its first records. */
  isNew(cursor: Cursor): boolean
  /** A position was determined. */
  onReady(cursor: Cursor): void
  onReset(cursor: Cursor, from: number, to: number, reason: ResetReason): void
  onFatal(error: unknown): void
}

export type ResetReason = 'no-committed-offset' | 'out-of-range' | 'truncated' | 'recreated'

/** A partition at the start of a look-up; a later seek or revocation invalidates the result. */
interface Task {
  readonly cursor: Cursor
  readonly assignmentEpoch: number
}

/** Determines positions from committed offsets and the ends of the log, and validates them against the log. */
export class Positions {
  readonly #lookup: OffsetLookup
  readonly #prefetch: Prefetch
  readonly #host: PositionsHost
  readonly #closing: AbortSignal
  /** Look-ups are retried until the consumer closes. */
  readonly #limits: LookupLimits

  constructor(lookup: OffsetLookup, prefetch: Prefetch, host: PositionsHost, closing: AbortSignal) {
    this.#lookup = lookup
    this.#prefetch = prefetch
    this.#host = host
    this.#closing = closing
    this.#limits = { closing, deadlineMs: Number.POSITIVE_INFINITY }
  }

  /** Positions new partitions: at their own start, else the committed offset, else by the reset policy. */
  resolve(cursors: readonly Cursor[]): void {
    const open = cursors.filter((cursor) => cursor.position < 0 && !cursor.resolving)
    const given = open.filter((cursor) => cursor.start !== undefined)
    for (const cursor of given) this.seek(cursor, cursor.start!)
    const rest = open.filter((cursor) => cursor.start === undefined)
    if (rest.length > 0) this.#run(rest, (tasks) => this.#fromCommitted(tasks))
  }

  /** Synchronous for an offset; an end of the log is looked up. */
  seek(cursor: Cursor, offset: bigint | number | 'earliest' | 'latest'): void {
    if (typeof offset === 'string') this.#toEnd(cursor, offset, undefined)
    else this.#place(cursor, Number(offset), -1)
  }

  /** The topic was recreated: the old position is meaningless, and all records are new. */
  recreated(cursor: Cursor): void {
    if (cursor.position < 0) return
    if (this.#host.offsetReset === 'none') {
      this.#prefetch.fail(cursor, this.#noOffset(cursor, 'UNKNOWN_TOPIC_ID', 'was deleted and created again'))
    } else this.#toEnd(cursor, 'earliest', 'recreated')
  }

  #toEnd(cursor: Cursor, end: 'earliest' | 'latest', reason: ResetReason | undefined): void {
    this.#prefetch.clear(cursor)
    cursor.assignmentEpoch++
    cursor.fetchOffset = -1
    cursor.failed = undefined
    this.#run([cursor], (tasks) => this.#fromEnd(tasks, end, reason))
  }

  /** The position is outside of the log. */
  outOfRange(cursor: Cursor): void {
    const { offsetReset } = this.#host
    if (offsetReset === 'none') {
      this.#prefetch.fail(
        cursor,
        this.#noOffset(cursor, 'OFFSET_OUT_OF_RANGE', `does not have offset ${cursor.fetchOffset}`),
      )
    } else this.#run([cursor], (tasks) => this.#fromEnd(tasks, offsetReset, 'out-of-range'))
  }

  /** The partition has a newer leader epoch: consumed records may be missing from its log (KIP-320). */
  validate(cursor: Cursor): void {
    if (cursor.position < 0 || cursor.positionEpoch < 0 || cursor.resolving) return
    if (cursor.positionEpoch === cursor.leaderEpoch || cursor.validatedEpoch === cursor.leaderEpoch) return
    this.#run([cursor], (tasks) => this.#check(tasks))
  }

  #run(cursors: readonly Cursor[], job: (tasks: readonly Task[]) => Promise<void>): void {
    const tasks = cursors.map((cursor) => ({ cursor, assignmentEpoch: cursor.assignmentEpoch }))
    for (const cursor of cursors) cursor.resolving = true
    job(tasks).catch((error: unknown) => {
      if (!this.#closing.aborted && tasks.some(current)) this.#host.onFatal(error)
    })
  }

  async #fromCommitted(tasks: readonly Task[]): Promise<void> {
    const { identity, offsetReset } = this.#host
    const found =
      identity === undefined ? [] : await this.#lookup.committed(identity(), tasks.map(placeOf), this.#limits)
    const open: Task[] = []
    for (const task of tasks.filter(current)) {
      const { cursor } = task
      const committed = found.find((one) => one.topic === cursor.topic && one.partition === cursor.partition)
      if (committed !== undefined && committed.offset >= 0) {
        cursor.committed = committed.offset
        this.#place(cursor, committed.offset, committed.leaderEpoch)
      } else open.push(task)
    }
    if (open.length === 0) return
    if (offsetReset === 'none') {
      for (const { cursor } of open) {
        cursor.resolving = false
        this.#prefetch.fail(cursor, this.#noOffset(cursor, 'OFFSET_OUT_OF_RANGE', 'has no committed offset'))
      }
      return
    }
    const fresh = offsetReset === 'latest' ? open.filter(({ cursor }) => this.#host.isNew(cursor)) : []
    const rest = open.filter((task) => !fresh.includes(task))
    await Promise.all([
      this.#fromEnd(fresh, 'earliest', 'no-committed-offset'),
      this.#fromEnd(rest, offsetReset, 'no-committed-offset'),
    ])
  }

  /** Looked up once; from then on the position is a number, so that a later failure never moves it. */
  async #fromEnd(tasks: readonly Task[], end: 'earliest' | 'latest', reason: ResetReason | undefined): Promise<void> {
    if (tasks.length === 0) return
    const timestamp = end === 'earliest' ? earliestTimestamp : latestTimestamp
    const found = await this.#lookup.list(tasks.map(placeOf), timestamp, this.#limits)
    for (const task of tasks.filter(current)) {
      const { cursor } = task
      const response = found.find((one) => one.topic === cursor.topic && one.partition === cursor.partition)
      if (response === undefined) continue
      const from = cursor.position
      this.#place(cursor, response.offset, response.leaderEpoch)
      if (reason !== undefined) this.#host.onReset(cursor, from, response.offset, reason)
    }
  }

  async #check(tasks: readonly Task[]): Promise<void> {
    const asked = tasks.map(({ cursor }) => ({ ...placeOf({ cursor }), leaderEpoch: cursor.positionEpoch }))
    const epochs = tasks.map(({ cursor }) => cursor.leaderEpoch)
    const found = await this.#lookup.epochEnds(asked, this.#limits)
    tasks.forEach((task, i) => {
      const { cursor } = task
      if (!current(task)) return
      cursor.resolving = false
      cursor.validatedEpoch = epochs[i]!
      const end = found.find((one) => one.topic === cursor.topic && one.partition === cursor.partition)
      if (end !== undefined && end.offset >= 0 && end.offset < cursor.position)
        this.#truncated(cursor, end.offset, end.leaderEpoch)
      else this.#host.onReady(cursor)
      // The leader may have changed again meanwhile.
      this.validate(cursor)
    })
  }

  #truncated(cursor: Cursor, to: number, epoch: number): void {
    const from = cursor.position
    if (this.#host.offsetReset === 'none') {
      const what = `was truncated to offset ${to}: records that were read before are gone`
      this.#prefetch.fail(cursor, this.#noOffset(cursor, 'OFFSET_OUT_OF_RANGE', what))
      return
    }
    this.#place(cursor, to, epoch)
    this.#host.onReset(cursor, from, to, 'truncated')
  }

  #place(cursor: Cursor, offset: number, epoch: number): void {
    this.#prefetch.clear(cursor)
    cursor.moveTo(offset, epoch)
    if (this.#host.manual) cursor.committed = offset
    cursor.resolving = false
    this.validate(cursor)
    if (!cursor.resolving) this.#host.onReady(cursor)
  }

  #noOffset(
    { topic, partition, fetchOffset }: Cursor,
    code: 'OFFSET_OUT_OF_RANGE' | 'UNKNOWN_TOPIC_ID',
    what: string,
  ): KafkaError {
    const message = `No position for ${describePartition({ topic, partition })}: it ${what}, and offsetReset is 'none'`
    return new KafkaError(code, message, {
      topic,
      partition,
      offset: fetchOffset < 0 ? undefined : BigInt(fetchOffset),
      hint: "Seek to an offset, or choose offsetReset 'earliest' or 'latest'.",
    })
  }
}

function current({ cursor, assignmentEpoch }: Task): boolean {
  return cursor.owned && cursor.assignmentEpoch === assignmentEpoch
}

function placeOf({ cursor }: { readonly cursor: Cursor }): TopicPartition {
  return { topic: cursor.topic, partition: cursor.partition }
}
