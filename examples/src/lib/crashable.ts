import type { DialTarget, Runtime, Transport, TransportReader } from '@ottla/runtime'

/**
 * A Runtime whose process can "die": `crash` closes every connection and prevents new ones, so the brokers see what they see
 * when a process is killed. No request leaves the group: it notices when the session times out.
 */
export function crashable(runtime: Runtime): { readonly runtime: Runtime; crash(): void } {
  const open = new Set<Transport>()
  let crashed = false

  const dial = async (target: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport> => {
    if (crashed) throw new Error('this application was killed')
    const transport = await runtime.dial(target, reader, signal)
    open.add(transport)
    if (crashed) transport.destroy()
    return transport
  }

  const crash = (): void => {
    crashed = true
    for (const transport of open) transport.destroy()
    open.clear()
  }

  return { runtime: { ...methodsOf(runtime), dial }, crash }
}

/** A Runtime may be a class instance, whose methods a spread would not copy. */
function methodsOf(runtime: Runtime): Runtime {
  return {
    wallNow: () => runtime.wallNow(),
    monoNow: () => runtime.monoNow(),
    tickNow: () => runtime.tickNow(),
    setTimer: (callback, delayMs) => runtime.setTimer(callback, delayMs),
    clearTimer: (timer) => runtime.clearTimer(timer),
    defer: (callback) => runtime.defer(callback),
    work: (job) => runtime.work(job),
    random: () => runtime.random(),
    secureRandom: (size) => runtime.secureRandom(size),
    lookup: (host) => runtime.lookup(host),
    dial: (target, reader, signal) => runtime.dial(target, reader, signal),
  }
}
