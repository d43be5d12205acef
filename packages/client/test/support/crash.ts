import type { DialTarget, Runtime, Transport, TransportReader } from '@ottla/runtime'
import { consoleLogger, type Logger } from '../../src/index.ts'

/** A Runtime for one client that a test can take down, as a power cut would: sockets end, and nothing connects any more. */
export interface Crashable {
  readonly runtime: Runtime
  /** Prints to the console until the crash; a dead process logs nothing. */
  readonly logger: Logger
  crash(): void
}

/** The brokers see the sockets of a killed process close without a LeaveGroup. */
export function crashable(base: Runtime): Crashable {
  const open = new Set<Transport>()
  let down = false

  async function dial(to: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport> {
    if (down) throw new Error('this client crashed')
    const own: TransportReader = {
      space: () => reader.space(),
      filled: (size) => reader.filled(size),
      closed: (error) => {
        if (transport) open.delete(transport)
        reader.closed(error)
      },
    }
    const transport = await base.dial(to, own, signal)
    open.add(transport)
    if (down) transport.destroy()
    return transport
  }

  const runtime: Runtime = {
    wallNow: () => base.wallNow(),
    monoNow: () => base.monoNow(),
    tickNow: () => base.tickNow(),
    setTimer: (callback, delayMs) => base.setTimer(callback, delayMs),
    clearTimer: (timer) => base.clearTimer(timer),
    defer: (callback) => base.defer(callback),
    work: (job) => base.work(job),
    random: () => base.random(),
    secureRandom: (size) => base.secureRandom(size),
    lookup: (host) => base.lookup(host),
    dial,
  }
  const console = consoleLogger()
  const unlessDown: (log: Logger['warn']) => Logger['warn'] = (log) => (message, fields) => {
    if (!down) log(message, fields)
  }
  const logger = { ...console, warn: unlessDown(console.warn), error: unlessDown(console.error) }
  const crash = () => {
    down = true
    for (const transport of open) transport.destroy(new Error('this client crashed'))
    open.clear()
  }
  return { runtime, logger, crash }
}
