import type { Runtime, Timer } from '@ottla/runtime'
import type { NetworkConditions } from '../network/memory.ts'
import { EventHash } from './event-hash.ts'
import { type Event, EventHeap } from './event-heap.ts'
import { type RandomStreams, streamsOf } from './streams.ts'

export interface VirtualOptions {
  readonly seed: number
}

/** Somebody who lets time pass. */
interface Drive {
  readonly untilMs: number
  readonly limitMs: number
  giveUp(why: Error | string): void
}

/** What an event is; part of the hash. */
const kinds = { timer: 1, deferred: 2, network: 3, turn: 4 } as const

/** After all others of its instant. */
const last = Number.POSITIVE_INFINITY

/** More events than that without time moving are a loop. */
const maxEventsAnInstant = 1_000_000

/** The machine gets a turn of its own after as many events: for the time limits of test runners, and Ctrl-C. */
const eventsATurn = 512

/** A fixed beginning: the same seed gives the same timestamps. 2024-01-01. */
const epochMs = 1_704_067_200_000

/** How late bytes arrive, and how late a broker's turn comes at times. */
const latency = { leastMs: 0.05, usualMs: 1, rareMs: 20, rareShare: 0.02 } as const

/**
 * Time that moves only when nothing else is to be done. All that happens is an event in a heap; one step takes the first,
 * runs it, and lets all promises go on that it settled. Everything that is left to chance comes from the seed, so the same
 * program with the same seed does the same.
 */
export class VirtualTime {
  readonly seed: number
  readonly streams: RandomStreams
  /** For brokers and the controller: what they defer may come late, as it is sent over a network. */
  readonly brokers: Runtime
  /** For clients, without the network: what they defer comes in the order of deferring. */
  readonly clients: Runtime
  readonly conditions: NetworkConditions
  /** Called after every event. What it throws ends the run. */
  afterEvent: (() => void) | undefined
  readonly #heap = new EventHeap()
  #nowMs = 0
  #wallShiftMs = 0
  #order = 0
  #eventCount = 0
  #sameInstant = 0
  readonly #hash = new EventHash()
  /** No broker's deferred callback is due later, and no bytes. */
  #lastDeferredAtMs = 0
  #lastArrivalAtMs = 0
  #timerCount = 0
  /** Work that has left the event loop: time waits for it. */
  #working = 0
  /** Who lets time pass, until something of theirs settles. */
  readonly #drives = new Set<Drive>()
  #isPumping = false
  #isClosed = false

  constructor({ seed }: VirtualOptions) {
    this.seed = seed
    this.streams = streamsOf(seed)
    const { schedule, network } = this.streams
    this.brokers = this.#runtime((callback) => {
      const isLate = this.#drives.size > 0 && schedule() < 0.2
      const delayMs = isLate ? delayOf(schedule) : 0
      this.#lastDeferredAtMs = Math.max(this.#lastDeferredAtMs, this.#nowMs + delayMs)
      this.#push(kinds.deferred, delayMs, schedule(), callback)
    })
    this.clients = this.#runtime((callback) => void this.#push(kinds.deferred, 0, 0, callback))
    this.conditions = {
      later: (deliver) => {
        const delayMs = delayOf(network)
        this.#lastArrivalAtMs = Math.max(this.#lastArrivalAtMs, this.#nowMs + delayMs)
        this.#push(kinds.network, delayMs, schedule(), deliver)
      },
      piece: (size) => (size < 2 || network() < 0.9 ? size : 1 + Math.floor(network() * (size - 1))),
      delivered: (bytes) => this.#hash.bytes(bytes),
    }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Since the cluster was made. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** What the wall clock is ahead of the time that has passed, by `jump`. */
  get wallShiftMs(): number {
    return this.#wallShiftMs
  }

  get timerCount(): number {
    return this.#timerCount
  }

  get eventCount(): number {
    return this.#eventCount
  }

  /** Of all events so far with their times, and of all bytes that arrived. */
  get eventHash(): string {
    return this.#hash.toString()
  }

  /** The wall clock is set; deadlines do not move. */
  jump(ms: number): void {
    this.#wallShiftMs += ms
  }

  /** Resolves after all that brokers have deferred by now. */
  turn(): Promise<void> {
    return this.#at(this.#lastDeferredAtMs)
  }

  /** Resolves after all bytes have arrived that are under way now. */
  arrivals(): Promise<void> {
    return this.#at(Math.max(this.#lastArrivalAtMs, this.#lastDeferredAtMs))
  }

  /** Lets `ms` pass, with all that happens in them. */
  advance(ms: number): Promise<void> {
    return this.drive(this.#at(this.#nowMs + ms))
  }

  /**
   * Steps until the promise settles, and settles as it does. Rejects when that takes more than `limitMs`, or when nothing
   * is due any more: `refuse` says why.
   */
  drive<T>(promise: Promise<T>, limitMs = last, refuse?: (why: string) => Error): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error('the cluster is closed, its time has ended'))
    return new Promise<T>((resolve, reject) => {
      const drive: Drive = {
        untilMs: this.#nowMs + limitMs,
        limitMs,
        giveUp: (why) => end(() => reject(why instanceof Error ? why : (refuse?.(why) ?? new Error(why)))),
      }
      const end = (settle: () => void) => {
        if (this.#drives.delete(drive)) settle()
      }
      this.#drives.add(drive)
      promise.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error)),
      )
      if (this.#drives.size === 1) afterMicrotasks(this.#next)
    })
  }

  /** Forgets all that is due. */
  close(): void {
    this.#isClosed = true
    this.#heap.clear()
    this.#timerCount = 0
    this.#giveUp('the cluster was closed')
  }

  /** When all else has happened that is due until then. */
  #at(atMs: number): Promise<void> {
    return new Promise((resolve) => void this.#push(kinds.turn, Math.max(0, atMs - this.#nowMs), last, resolve))
  }

  // ---- inside --------------------------------------------------------------------------------------------------------

  #runtime(defer: (callback: () => void) => void): Runtime {
    const { ids, choices } = this.streams
    const wallNow = () => Math.floor(epochMs + this.#nowMs + this.#wallShiftMs)
    return Object.freeze({
      wallNow,
      monoNow: () => this.#nowMs,
      tickNow: wallNow,
      setTimer: (callback: () => void, delayMs: number) => this.#setTimer(callback, delayMs),
      clearTimer: (timer: Timer) => {
        if (this.#heap.remove(timer as unknown as Event)) this.#timerCount--
      },
      defer,
      work: <T>(job: () => Promise<T> | T) => this.#work(job),
      random: choices,
      secureRandom: (size: number) => Uint8Array.from({ length: size }, () => Math.floor(ids() * 256)),
      lookup: async (name: string) => [name],
      dial: async () => {
        throw new Error('brokers do not dial')
      },
    })
  }

  #setTimer(callback: () => void, delayMs: number): Timer {
    this.#timerCount++
    const fire = () => {
      this.#timerCount--
      callback()
    }
    // Whole milliseconds, and never at once: as Node's.
    return this.#push(kinds.timer, Math.max(1, Math.ceil(delayMs)), this.streams.schedule(), fire) as unknown as Timer
  }

  async #work<T>(job: () => Promise<T> | T): Promise<T> {
    this.#working++
    try {
      return await job()
    } finally {
      this.#working--
    }
  }

  #push(kind: number, delayMs: number, tie: number, callback: () => void): Event {
    const event: Event = { atMs: this.#nowMs + delayMs, tie, order: this.#order++, kind, callback, at: -1 }
    this.#heap.push(event)
    if (delayMs === 0) this.#pump()
    return event
  }

  /** One event, for all who drive. */
  readonly #next = (): void => {
    if (this.#drives.size === 0) {
      this.#pump()
      return
    }
    if (this.#working > 0) {
      setImmediate(this.#next)
      return
    }
    const first = this.#heap.first()
    if (first === undefined) this.#giveUp('nothing is due any more')
    else if (this.#sameInstant > maxEventsAnInstant) this.#giveUp('events follow each other without time passing')
    else if (this.#isWithinLimits(first.atMs)) this.#try(() => this.#step())
    if (this.#eventCount % eventsATurn === 0) setImmediate(this.#next)
    else afterMicrotasks(this.#next)
  }

  /** False when somebody gave up: what is due next may not be for the others. */
  #isWithinLimits(atMs: number): boolean {
    let isWithin = true
    for (const drive of this.#drives) {
      if (atMs <= drive.untilMs) continue
      drive.giveUp(`it did not end within ${drive.limitMs} ms of virtual time`)
      isWithin = false
    }
    return isWithin
  }

  /** What an event throws is for all who let it happen. */
  #try(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#giveUp(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #giveUp(why: Error | string): void {
    for (const drive of [...this.#drives]) drive.giveUp(why)
  }

  #step(): void {
    const event = this.#heap.pop() as Event
    this.#sameInstant = event.atMs > this.#nowMs ? 0 : this.#sameInstant + 1
    this.#nowMs = Math.max(this.#nowMs, event.atMs)
    this.#eventCount++
    this.#hash.number(event.atMs)
    this.#hash.number(event.kind)
    event.callback()
    this.afterEvent?.()
  }

  /** While nobody drives, what is due at this instant happens by itself, and time stands still. */
  #pump(): void {
    if (this.#isPumping || this.#drives.size > 0) return
    this.#isPumping = true
    const next = () => {
      const first = this.#heap.first()
      if (this.#drives.size > 0 || first === undefined || first.atMs > this.#nowMs) {
        this.#isPumping = false
        return
      }
      // What an event throws is thrown out of a callback of Node's, as it is with real time.
      afterMicrotasks(next)
      this.#step()
    }
    afterMicrotasks(next)
  }
}

/** Mostly short, now and then long. */
function delayOf(random: () => number): number {
  const longestMs = random() < latency.rareShare ? latency.rareMs : latency.usualMs
  return latency.leastMs + random() * longestMs
}

/**
 * Calls back when all microtasks have run, those too that they queue: Node runs its ticks only then. A thousand times
 * cheaper than a turn of the event loop.
 */
function afterMicrotasks(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback))
}
