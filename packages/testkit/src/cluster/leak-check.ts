import { systemRuntime } from '../runtime/node-runtime.ts'
import type { VirtualTime } from '../runtime/virtual.ts'
import type { Leaks } from './cluster-state.ts'

/** How long a closed connection may take to arrive at its broker. */
const graceMs = 1_000
const pauseMs = 5
const virtualTurns = 10
const virtualPauseMs = 50

/**
 * What clients left open, apart from what they have just closed: the end of a connection takes a moment to arrive at the broker.
 * Waits for it until nothing is open, at most a second (in virtual time half a second of it).
 */
export async function settledLeaks(leaks: () => Leaks, virtual: VirtualTime | undefined): Promise<Leaks> {
  const isClean = ({ connections, timers }: Leaks) => connections.length === 0 && timers === 0
  const turns = virtual === undefined ? graceMs / pauseMs : virtualTurns
  let seen = leaks()
  for (let turn = 0; turn < turns && !isClean(seen); turn++) {
    if (virtual === undefined) await pause()
    else await virtual.advance(virtualPauseMs)
    seen = leaks()
  }
  return seen
}

/** In the machine's time: a test may not let the cluster's time pass. */
function pause(): Promise<void> {
  return new Promise((resolve) => void systemRuntime.setTimer(resolve, pauseMs))
}
