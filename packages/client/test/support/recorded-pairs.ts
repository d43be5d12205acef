import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type {
  Ended,
  ProduceEnded,
  ProduceStarted,
  RequestEnded,
  RequestStarted,
  SendEnded,
  SendStarted,
  Started,
} from '../../src/index.ts'

/** The messages of one pair of channels, in their order. */
export class RecordedPair<S extends Started, E extends S & Ended> {
  readonly #name: string
  /** As they were at the start. */
  readonly started: S[] = []
  readonly ended: E[] = []
  /** By id, those that have not ended. */
  readonly open = new Map<number, object>()
  /** Ends without a start, a second end, or one with another object. */
  unmatched = 0
  readonly #onStart = (message: unknown) => {
    const { id } = message as S
    if (this.open.has(id)) this.unmatched++
    this.open.set(id, message as object)
    this.started.push({ ...(message as S) })
  }
  readonly #onEnd = (message: unknown) => {
    const { id } = message as E
    if (this.open.get(id) !== message) this.unmatched++
    this.open.delete(id)
    this.ended.push(message as E)
  }

  constructor(name: string) {
    this.#name = name
    subscribe(`${name}:start`, this.#onStart)
    subscribe(`${name}:end`, this.#onEnd)
  }

  stop(): void {
    unsubscribe(`${this.#name}:start`, this.#onStart)
    unsubscribe(`${this.#name}:end`, this.#onEnd)
  }
}

export interface RecordedPairs {
  readonly request: RecordedPair<RequestStarted, RequestEnded>
  readonly send: RecordedPair<SendStarted, SendEnded>
  readonly produce: RecordedPair<ProduceStarted, ProduceEnded>
}

/** Records the diagnostics channels of the process while `play` runs. */
export async function recordPairs<T>(play: (pairs: RecordedPairs) => Promise<T>): Promise<T> {
  const pairs: RecordedPairs = {
    request: new RecordedPair('ottla:request'),
    send: new RecordedPair('ottla:send'),
    produce: new RecordedPair('ottla:produce'),
  }
  try {
    return await play(pairs)
  } finally {
    for (const pair of Object.values(pairs)) pair.stop()
  }
}
