import type { Broker } from '../broker/broker.ts'
import { type Duration, durationMs } from '../runtime/clock.ts'
import type { RandomStreams } from '../runtime/streams.ts'
import type { VirtualTime } from '../runtime/virtual.ts'

export interface RunOptions {
  /** Virtual time for the whole scenario. Default: '1d'. */
  readonly limit?: Duration
}

/** The state of a cluster's virtual time. */
export interface VirtualStatus {
  readonly seed: number
  /** Random streams derived from the seed: `streams.faults` is for the test's own choices. */
  readonly streams: RandomStreams
  /** Elapsed milliseconds. */
  readonly nowMs: number
  /** The number of events so far. */
  readonly eventCount: number
  /** Over all events with their times and all bytes delivered: equal hashes mean equal runs. */
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
  if (time === undefined) throw new TypeError("cluster.run() requires option 'time' to be 'virtual'")
  const limitMs = durationMs(limit, 'limit')
  const started = (async () => scenario())()
  const refuse = (why: string) =>
    new Error(`The scenario was aborted, ${why} (seed ${time.seed}): ${describe(waiting())}`)
  try {
    return await time.drive(started, limitMs, refuse)
  } finally {
    // Delivers the last bytes of clients, including closed connections.
    if (!time.isClosed) await time.drive(time.arrivals())
  }
}

/** What the scenario may be waiting for. */
function describe({ brokers, clientTimers }: Waiting): string {
  const held: string[] = []
  const silent: string[] = []
  for (const broker of brokers) {
    if (!broker.isUp) silent.push(`broker ${broker.id} is down`)
    else if (broker.isPaused) silent.push(`broker ${broker.id} is paused`)
    for (const connection of broker.connections()) {
      if (connection.isHolding) held.push(`${connection.clientId ?? 'a client'} at broker ${broker.id}`)
    }
  }
  const requests = held.length === 0 ? 'no request is held' : `held requests: ${held.join(', ')}`
  return [requests, `${clientTimers} client timers are pending`, ...silent].join('; ')
}
