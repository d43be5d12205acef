import { nodeBackgroundClock, nodeClock, type Runtime, type Timer } from '@ottla/runtime'
import type { MemoryNetwork } from '../network/memory.ts'

/** Brokers open no connections themselves. */
const noNetwork: Pick<Runtime, 'lookup' | 'dial'> = {
  lookup: async (host: string) => [host],
  dial: async () => {
    throw new Error('Brokers open no connections')
  },
}

/** Real time and randomness. */
export const systemRuntime: Runtime = Object.freeze({ ...nodeClock, ...noNetwork })

/** The same for brokers that do not keep the process alive: pending calls of clients and tests have timers or sockets that do. */
export const backgroundRuntime: Runtime = Object.freeze({ ...nodeBackgroundClock, ...noNetwork })

/**
 * The same clock and randomness for clients, which can reach only the brokers of this network. Pending timers are kept in
 * `timers`, so that a test can detect what a client left behind.
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
    // In the memory network, names are addresses.
    lookup: async (host: string) => [host],
    dial: network.dial.bind(network),
  })
}
