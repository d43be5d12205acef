import type { Broker } from './broker.ts'
import { type Duration, durationMs } from './runtime/clock.ts'
import type { RandomStreams } from './runtime/streams.ts'
import type { VirtualTime } from './runtime/virtual.ts'

export interface RunOptions {
  /** Of virtual time, for the whole scenario. Default: '1d'. */
  readonly limit?: Duration
}

/** What there is to know of a cluster's virtual time. */
export interface VirtualStatus {
  readonly seed: number
  /** Chance that follows from the seed: `streams.faults` is for the test's own choices. */
  readonly streams: RandomStreams
  /** Milliseconds that have passed. */
  readonly nowMs: number
  /** Everything that has happened so far. */
  readonly eventCount: number
  /** Of all events with their times, and of all bytes that arrived: two runs that agree did the same. */
  readonly eventHash: string
}

export interface Waiting {
  readonly brokers: Iterable<Broker>
  readonly clientTimers: number
}

export async function runScenario<T>(
  time: VirtualTime | undefined,
  scenario: () => Promise<T> | T,
  { limit = '1d' }: RunOptions,
  waiting: () => Waiting,
): Promise<T> {
  if (time === undefined) throw new TypeError(`cluster.run needs a cluster with time: 'virtual'`)
  const limitMs = durationMs(limit, 'limit')
  const started = (async () => scenario())()
  const refuse = (why: string) => new Error(`the scenario was given up, ${why} (seed ${time.seed}): ${tell(waiting())}`)
  try {
    return await time.drive(started, limitMs, refuse)
  } finally {
    // What clients sent at last, the ends of their connections too, arrives.
    if (!time.isClosed) await time.drive(time.arrivals())
  }
}

/** What could still happen: what the scenario may be waiting for. */
function tell({ brokers, clientTimers }: Waiting): string {
  const held: string[] = []
  const silent: string[] = []
  for (const broker of brokers) {
    if (!broker.isUp) silent.push(`broker ${broker.id} is down`)
    else if (broker.isPaused) silent.push(`broker ${broker.id} is paused`)
    for (const connection of broker.connections()) {
      if (connection.isHolding) held.push(`${connection.clientId ?? 'a client'} at broker ${broker.id}`)
    }
  }
  const requests = held.length === 0 ? 'no request is held' : `requests are held for ${held.join(', ')}`
  return [requests, `${clientTimers} timers of clients wait`, ...silent].join('; ')
}
