import type { Runtime, Timer } from '@ottla/runtime'

/** The Runtime of one broker. It can be frozen like a process by SIGSTOP: callbacks due in that time run when it continues. */
export interface ProcessRuntime extends Runtime {
  readonly isFrozen: boolean
  freeze(): void
  thaw(): void
}

/** Clock, randomness and network are those of `system`. */
export function processRuntime(system: Runtime): ProcessRuntime {
  let isFrozen = false
  let overdue: { readonly callback: () => void; isCancelled: boolean }[] = []
  const fired = new Map<Timer, { isCancelled: boolean }>()
  const guarded = (callback: () => void, due: { isCancelled: boolean }) => {
    if (due.isCancelled) return
    if (isFrozen) overdue.push(Object.assign(due, { callback }))
    else callback()
  }
  return {
    wallNow: () => system.wallNow(),
    monoNow: () => system.monoNow(),
    tickNow: () => system.tickNow(),
    random: () => system.random(),
    secureRandom: (size) => system.secureRandom(size),
    work: (job) => system.work(job),
    lookup: (host) => system.lookup(host),
    dial: (target, reader, signal) => system.dial(target, reader, signal),
    defer: (callback) => system.defer(() => guarded(callback, { isCancelled: false })),
    setTimer: (callback, delayMs) => {
      const due = { isCancelled: false }
      const timer = system.setTimer(() => {
        const run = () => {
          fired.delete(timer)
          callback()
        }
        if (isFrozen) fired.set(timer, due)
        guarded(run, due)
      }, delayMs)
      return timer
    },
    clearTimer: (timer) => {
      const due = fired.get(timer)
      if (due !== undefined) due.isCancelled = true
      fired.delete(timer)
      system.clearTimer(timer)
    },
    get isFrozen() {
      return isFrozen
    },
    freeze: () => {
      isFrozen = true
    },
    thaw: () => {
      isFrozen = false
      const late = overdue
      overdue = []
      // A callback may cancel a later one.
      for (const due of late) if (!due.isCancelled) due.callback()
    },
  }
}
