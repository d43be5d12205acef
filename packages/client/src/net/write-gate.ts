import type { Transport } from '@ottla/runtime'
import { Queue } from '../runtime/queue.ts'

/** What fits into the receive buffer of a broker (100 KiB by default) while it reads nothing. */
const smallBytes = 64 << 10

interface Write {
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly onFlushed: (() => void) | undefined
}

/**
 * When the requests of one connection are written. A broker reads nothing from a connection while it processes a request of it. What
 * arrives meanwhile fills its receive buffer, and on the loopback interface, with its segments of 64 KiB, the kernel then waits for
 * loss probes, of up to 200 ms each. So a large request to the same host is written as soon as those before it have their
 * responses: its bytes are ready, and take no time to arrive. Over a network it is written immediately.
 */
export class WriteGate {
  readonly #held = new Queue<Write>()
  /** Written, and without a response. */
  #withoutResponse = 0

  write(transport: Transport, write: Write): void {
    const mustWait = transport.isLocal === true && !this.#mayWrite(write)
    if (mustWait || this.#held.size > 0) this.#held.push(write)
    else this.#write(transport, write)
  }

  /** The first of the written requests has its response. */
  responded(transport: Transport): void {
    this.#withoutResponse--
    for (let next = this.#held.peek(); next !== undefined && this.#mayWrite(next); next = this.#held.peek()) {
      this.#held.shift()
      this.#write(transport, next)
    }
  }

  #mayWrite({ bytes }: Write): boolean {
    return this.#withoutResponse === 0 || bytes <= smallBytes
  }

  #write(transport: Transport, { chunks, onFlushed }: Write): void {
    this.#withoutResponse++
    transport.write(chunks, onFlushed)
  }
}
