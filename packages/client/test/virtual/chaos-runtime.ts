import type { Runtime, Transport } from '../../src/index.ts'

/** The Runtime of one process: `crash` ends its connections without a goodbye, and it opens no others. */
export interface ProcessRuntime {
  readonly runtime: Runtime
  crash(): void
  /** When the process sent the oldest watched request that was not taken yet; undefined: its connection is gone. */
  takeSentAtMs(): number | undefined
}

/** Where the next frame starts in a stream of written bytes: 4 bytes of length, then the API key. */
class FrameHeads {
  readonly #head: number[] = []
  #skip = 0

  /** The API keys of the requests that start in these bytes. */
  read(bytes: Uint8Array): number[] {
    const keys: number[] = []
    let at = 0
    while (at < bytes.length) {
      const skipped = Math.min(this.#skip, bytes.length - at)
      this.#skip -= skipped
      at += skipped
      while (this.#skip === 0 && at < bytes.length && this.#head.length < headBytes) this.#head.push(bytes[at++] ?? 0)
      if (this.#head.length < headBytes) continue
      const head = Buffer.from(this.#head.splice(0))
      this.#skip = head.readInt32BE(0) - (headBytes - lengthBytes)
      keys.push(head.readInt16BE(lengthBytes))
    }
    return keys
  }
}

const lengthBytes = 4
const headBytes = 6

/** With the times of the requests of one API. */
export function processRuntime(host: Runtime, watchedApiKey: number): ProcessRuntime {
  const open = new Map<Transport, number[]>()
  let hasCrashed = false
  const dial: Runtime['dial'] = async (target, reader, signal) => {
    if (hasCrashed) throw new Error('the process has crashed')
    const sentAtMs: number[] = []
    const heads = new FrameHeads()
    let own: Transport | undefined
    const closed = (error: Error | undefined) => {
      if (own !== undefined) open.delete(own)
      reader.closed(error)
    }
    const parts = { space: () => reader.space(), filled: (size: number) => reader.filled(size), closed }
    const transport = await host.dial(target, parts, signal)
    own = {
      write: (chunks, onFlushed) => {
        for (const chunk of chunks)
          for (const apiKey of heads.read(chunk)) if (apiKey === watchedApiKey) sentAtMs.push(host.monoNow())
        transport.write(chunks, onFlushed)
      },
      pause: () => transport.pause(),
      resume: () => transport.resume(),
      destroy: (error) => transport.destroy(error),
    }
    open.set(own, sentAtMs)
    if (hasCrashed) transport.destroy()
    return own
  }
  const takeSentAtMs = () => [...open.values()].find((times) => times.length > 0)?.shift()
  const crash = () => {
    hasCrashed = true
    for (const transport of [...open.keys()]) transport.destroy()
  }
  return { runtime: { ...host, dial }, crash, takeSentAtMs }
}
