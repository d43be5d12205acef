import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

/** The position of a record: part of receipts and messages. */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint | undefined
}

export interface Tally {
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly duplicated: number
}

/**
 * Compares acknowledged with received records. The id inside a record identifies it, not its offset: a record that was written
 * twice has two offsets. Several applications may read a topic independently: a record is received when all of them received
 * it, lost when one of them did not, duplicated when one of them received it twice.
 */
export class Ledger {
  readonly #sent = new Set<string>()
  readonly #received = new Map<string, Map<string, number>>()
  readonly #readers = new Map<string, Set<string>>()
  readonly #file: WriteStream | undefined

  constructor(path?: string) {
    this.#file = path === undefined ? undefined : createWriteStream(path)
  }

  /** Declares that `app` must receive every record of `topic`. */
  expect(topic: string, app: string): void {
    const readers = this.#readers.get(topic) ?? new Set()
    this.#readers.set(topic, readers.add(app))
  }

  sent(id: string, place: Place): void {
    this.#sent.add(key(place.topic, id))
    this.#write({ event: 'acknowledged', id, ...plain(place) })
  }

  received(app: string, id: string, place: Place): void {
    const times = this.#received.get(app) ?? new Map<string, number>()
    this.#received.set(app, times)
    const record = key(place.topic, id)
    times.set(record, (times.get(record) ?? 0) + 1)
    this.#write({ event: 'received', app, id, ...plain(place) })
  }

  /** How many records `app` received, without repeats. */
  receivedBy(app: string): number {
    return this.#received.get(app)?.size ?? 0
  }

  tally(topics?: readonly string[]): Tally {
    let sent = 0
    let received = 0
    let duplicated = 0
    for (const record of this.#sent) {
      const topic = topicOf(record)
      if (topics !== undefined && !topics.includes(topic)) continue
      sent++
      const counts = [...(this.#readers.get(topic) ?? [])].map((app) => this.#received.get(app)?.get(record) ?? 0)
      if (counts.length > 0 && counts.every((count) => count > 0)) received++
      if (counts.some((count) => count > 1)) duplicated++
    }
    return { sent, received, lost: sent - received, duplicated }
  }

  async close(): Promise<void> {
    if (this.#file === undefined) return
    this.#file.end()
    await finished(this.#file)
  }

  #write(line: object): void {
    this.#file?.write(`${JSON.stringify(line)}\n`)
  }
}

function key(topic: string, id: string): string {
  return `${topic}/${id}`
}

function topicOf(record: string): string {
  return record.slice(0, record.indexOf('/'))
}

function plain({ topic, partition, offset }: Place) {
  return { topic, partition, offset: String(offset) }
}
