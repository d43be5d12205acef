import type { Runtime, Timer } from '@ottla/runtime'
import type { NetworkConditions } from '../network/memory.ts'
import { EventHash } from './event-hash.ts'
import { type Event, EventHeap } from './event-heap.ts'
import { type RandomStreams, streamsOf } from './streams.ts'

export interface VirtualOptions {
  readonly seed: number
}

/** A caller that lets time pass. */
interface Drive {
  readonly untilMs: number
  readonly limitMs: number
  giveUp(why: Error | string): void
}

/** The kinds of events, which are part of the hash. */
const kinds = { timer: 1, deferred: 2, network: 3, turn: 4, work: 5 } as const

/** The tie of an event after all others of its instant. */
const last = Number.POSITIVE_INFINITY

/** More events than this at one instant are treated as an endless loop. */
const maxEventsAnInstant = 1_000_000

/** Yields to the event loop after this many events, for the timeouts of test runners and for Ctrl-C. */
const eventsATurn = 512

/** A fixed start (2024-01-01), so that the same seed produces the same timestamps. */
const epochMs = 1_704_067_200_000

/** The latency of bytes, and the delay that some turns of brokers have. */
const latency = { leastMs: 0.05, usualMs: 1, rareMs: 20, rareShare: 0.02 } as const

/**
 * Time that advances only when nothing else is left to do. Everything is an event in a heap; one step removes the first event,
 * runs it, and runs all promise callbacks that it caused. All randomness comes from the seed, so the same program with the same
 * seed behaves the same way.
 */
export class VirtualTime {
  readonly seed: number
  readonly streams: RandomStreams
  /** For brokers and the controller: deferred callbacks may be delayed, like messages on a network. */
  readonly brokers: Runtime
  /** For clients, without the network: deferred callbacks run in order. */
  readonly clients: Runtime
  readonly conditions: NetworkConditions
  /** Called after every event. An error ends the run. */
  afterEvent: (() => void) | undefined
  readonly #heap = new EventHeap()
  #nowMs = 0
  #wallShiftMs = 0
  #order = 0
  #eventCount = 0
  #sameInstant = 0
  readonly #hash = new EventHash()
  /** The latest due time of brokers' deferred callbacks; below, of bytes in flight. */
  #lastDeferredAtMs = 0
  #lastArrivalAtMs = 0
  #timerCount = 0
  /** Jobs of `work` that have not ended, which time waits for. */
  #working = 0
  #lastJob: Promise<unknown> = Promise.resolve()
  /** The callers that let time pass until their promise settles. */
  readonly #drives = new Set<Drive>()
  /** `#next` is scheduled. Two of them would run an event before the callbacks of the one before it. */
  #isDriving = false
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

  /** Virtual time since the cluster was created. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** How far `jump` moved the wall clock ahead of the passed time. */
  get wallShiftMs(): number {
    return this.#wallShiftMs
  }

  get timerCount(): number {
    return this.#timerCount
  }

  get eventCount(): number {
    return this.#eventCount
  }

  /** The hash of all events so far with their times, and of all bytes that arrived. */
  get eventHash(): string {
    return this.#hash.toString()
  }

  /** Sets the wall clock; deadlines do not move. */
  jump(ms: number): void {
    this.#wallShiftMs += ms
  }

  /** Resolves after all callbacks that brokers have deferred so far. */
  turn(): Promise<void> {
    return this.#at(this.#lastDeferredAtMs)
  }

  /** Resolves after all bytes in flight have arrived. */
  arrivals(): Promise<void> {
    return this.#at(Math.max(this.#lastArrivalAtMs, this.#lastDeferredAtMs))
  }

  /** Lets `ms` pass and runs everything that becomes due. */
  advance(ms: number): Promise<void> {
    return this.drive(this.#at(this.#nowMs + ms))
  }

  /**
   * Runs events until the promise settles, and settles like it. Rejects with the error of `refuse` after `limitMs`, or when no
   * event is left.
   */
  drive<T>(promise: Promise<T>, limitMs = last, refuse?: (why: string) => Error): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error('The cluster is closed: its virtual time has ended'))
    return new Promise<T>((resolve, reject) => {
      const drive: Drive = {
        untilMs: this.#nowMs + limitMs,
        limitMs,
        giveUp: (why) =>
          end(() => reject(why instanceof Error ? why : (refuse?.(why) ?? new Error(`Virtual time stopped: ${why}`)))),
      }
      const end = (settle: () => void) => {
        if (this.#drives.delete(drive)) settle()
      }
      this.#drives.add(drive)
      promise.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error)),
      )
      if (!this.#isDriving) this.#driveOn(afterMicrotasks)
    })
  }

  /** Drops all events. */
  close(): void {
    this.#isClosed = true
    this.#heap.clear()
    this.#timerCount = 0
    this.#giveUp('the cluster was closed')
  }

  /** Resolves when all other events up to then have run. */
  #at(atMs: number): Promise<void> {
    return new Promise((resolve) => void this.#push(kinds.turn, Math.max(0, atMs - this.#nowMs), last, resolve))
  }

  // ---- internals -----------------------------------------------------------------------------------------------------

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
        throw new Error('Brokers open no connections')
      },
    })
  }

  #setTimer(callback: () => void, delayMs: number): Timer {
    this.#timerCount++
    const fire = () => {
      this.#timerCount--
      callback()
    }
    // Whole milliseconds, at least one, like Node's timers.
    return this.#push(kinds.timer, Math.max(1, Math.ceil(delayMs)), this.streams.schedule(), fire) as unknown as Timer
  }

  /** Threads end jobs in any order. So one job runs at a time, and its end is an event whose time follows from the seed. */
  async #work<T>(job: () => Promise<T> | T): Promise<T> {
    const delayMs = this.#drives.size > 0 ? delayOf(this.streams.work) : 0
    const atMs = this.#nowMs + delayMs
    this.#working++
    const ended = this.#lastJob.then(job)
    this.#lastJob = ended.catch(() => {})
    try {
      return await ended
    } finally {
      this.#working--
      await new Promise<void>((resolve) => {
        this.#push(kinds.work, Math.max(0, atMs - this.#nowMs), this.streams.work(), resolve)
      })
    }
  }

  #push(kind: number, delayMs: number, tie: number, callback: () => void): Event {
    const event: Event = { atMs: this.#nowMs + delayMs, tie, order: this.#order++, kind, callback, at: -1 }
    this.#heap.push(event)
    if (delayMs === 0) this.#pump()
    return event
  }

  #driveOn(schedule: (callback: () => void) => void): void {
    this.#isDriving = true
    schedule(this.#next)
  }

  /** Runs one event for all callers. */
  readonly #next = (): void => {
    this.#isDriving = false
    if (this.#drives.size === 0) {
      this.#pump()
      return
    }
    if (this.#working > 0) {
      this.#driveOn(setImmediate)
      return
    }
    const first = this.#heap.first()
    if (first === undefined) this.#giveUp('no event is left')
    else if (this.#sameInstant > maxEventsAnInstant)
      this.#giveUp('events follow each other without an end at one instant')
    else if (this.#isWithinLimits(first.atMs)) this.#try(() => this.#step())
    this.#driveOn(this.#eventCount % eventsATurn === 0 ? setImmediate : afterMicrotasks)
  }

  /** False when a caller reached its limit: the others are checked again before the next event. */
  #isWithinLimits(atMs: number): boolean {
    let isWithin = true
    for (const drive of this.#drives) {
      if (atMs <= drive.untilMs) continue
      drive.giveUp(`it did not end within ${drive.limitMs} ms of virtual time`)
      isWithin = false
    }
    return isWithin
  }

  /** An error of an event is passed to all callers. */
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

  /** Without a caller, events of the current instant still run, but time does not advance. */
  #pump(): void {
    if (this.#isPumping || this.#drives.size > 0) return
    this.#isPumping = true
    const next = () => {
      const first = this.#heap.first()
      if (this.#drives.size > 0 || first === undefined || first.atMs > this.#nowMs) {
        this.#isPumping = false
        return
      }
      // An error of an event is thrown from a callback of Node, as with real time.
      afterMicrotasks(next)
      this.#step()
    }
    afterMicrotasks(next)
  }
}

/** Mostly short, rarely long. */
function delayOf(random: () => number): number {
  const longestMs = random() < latency.rareShare ? latency.rareMs : latency.usualMs
  return latency.leastMs + random() * longestMs
}

/**
 * Calls back when all microtasks have run, including those they queue, because Node runs its ticks only then. This is a thousand
 * times cheaper than a turn of the event loop.
 */
function afterMicrotasks(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback))
}
