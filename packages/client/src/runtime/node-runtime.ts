import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Runtime, Timer } from '@ottla/codec/runtime'
import { dialSocket } from './socket-transport.ts'

// Beyond this Node's timers fire after 1 ms.
const longestTimerMs = 2_147_483_647

let tickMs = 0

/** Wall time read once per turn of the event loop: reading the clock costs 45 ns, and a turn takes many records. */
function tickNow(): number {
  if (tickMs === 0) {
    tickMs = Date.now()
    setImmediate(forgetTick)
  }
  return tickMs
}

function forgetTick(): void {
  tickMs = 0
}

/** The Runtime of Node: system clock, OpenSSL's random bytes, TCP and TLS. */
export const nodeRuntime: Runtime = Object.freeze({
  wallNow: () => Date.now(),
  monoNow: () => performance.now(),
  tickNow,
  setTimer: (callback: () => void, delayMs: number) =>
    // Rounded up, so that a timer never fires before the deadline it was set for.
    setTimeout(callback, Math.min(longestTimerMs, Math.max(1, Math.ceil(delayMs)))) as unknown as Timer,
  clearTimer: (timer: Timer) => clearTimeout(timer as unknown as NodeJS.Timeout),
  defer: (callback: () => void) => {
    setImmediate(callback)
  },
  work: async <T>(job: () => Promise<T> | T) => job(),
  random: () => Math.random(),
  secureRandom: (size: number) => randomBytes(size),
  lookup: async (host: string) => {
    if (isIP(host) !== 0) return [host]
    const found = await lookup(host, { all: true })
    return found.map(({ address }) => address)
  },
  dial: dialSocket,
})
