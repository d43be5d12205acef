import type { Runtime, Transport } from '../../src/index.ts'

/** The Runtime of one process: `crash` ends its connections without a goodbye, and it opens no others. */
export interface ProcessRuntime {
  readonly runtime: Runtime
  crash(): void
}

export function processRuntime(host: Runtime): ProcessRuntime {
  const open = new Set<Transport>()
  let hasCrashed = false
  const dial: Runtime['dial'] = async (target, reader, signal) => {
    if (hasCrashed) throw new Error('the process has crashed')
    let transport: Transport | undefined
    const closed = (error: Error | undefined) => {
      if (transport !== undefined) open.delete(transport)
      reader.closed(error)
    }
    transport = await host.dial(
      target,
      { space: () => reader.space(), filled: (n) => reader.filled(n), closed },
      signal,
    )
    open.add(transport)
    if (hasCrashed) transport.destroy()
    return transport
  }
  return {
    runtime: { ...host, dial },
    crash: () => {
      hasCrashed = true
      for (const transport of open) transport.destroy()
    },
  }
}
