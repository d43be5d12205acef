import { randomBytes } from 'node:crypto'
import type { Runtime, Timer } from '@ottla/codec/runtime'
import type { MemoryNetwork } from '../network/memory.ts'

/** Beyond this Node's timers fire after 1 ms. */
const longestTimerMs = 2_147_483_647

/** Real time and chance for the brokers; they dial nobody. */
export const systemRuntime: Runtime = Object.freeze({
  wallNow: () => Date.now(),
  monoNow: () => performance.now(),
  tickNow: () => Date.now(),
  setTimer: (callback: () => void, delayMs: number) =>
    setTimeout(callback, Math.min(longestTimerMs, Math.max(1, Math.ceil(delayMs)))) as unknown as Timer,
  clearTimer: (timer: Timer) => clearTimeout(timer as unknown as NodeJS.Timeout),
  defer: (callback: () => void) => void setImmediate(callback),
  work: async <T>(job: () => Promise<T> | T) => job(),
  random: () => Math.random(),
  secureRandom: (size: number) => randomBytes(size),
  lookup: async (host: string) => [host],
  dial: async () => {
    throw new Error('brokers do not dial')
  },
})

/**
 * The same clock and chance, for clients: they reach the brokers of this network and nobody else. Their timers are in `timers`
 * while they wait, so that one can tell what a client left behind.
 */
export function clientRuntime(runtime: Runtime, network: MemoryNetwork, timers: Set<Timer>): Runtime {
  const setTimer = (callback: () => void, delayMs: number): Timer => {
    const timer = runtime.setTimer(() => {
      timers.delete(timer)
      callback()
    }, delayMs)
    timers.add(timer)
    return timer
  }
  const clearTimer = (timer: Timer): void => {
    timers.delete(timer)
    runtime.clearTimer(timer)
  }
  return Object.freeze({
    wallNow: () => runtime.wallNow(),
    monoNow: () => runtime.monoNow(),
    tickNow: () => runtime.tickNow(),
    setTimer,
    clearTimer,
    defer: (callback: () => void) => runtime.defer(callback),
    work: <T>(job: () => Promise<T> | T) => runtime.work(job),
    random: () => runtime.random(),
    secureRandom: (size: number) => runtime.secureRandom(size),
    // Names of the network are its addresses.
    lookup: async (host: string) => [host],
    dial: network.dial.bind(network),
  })
}
