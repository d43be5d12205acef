import type { Replica } from './replica.ts'

/** Where a replica's log is stored. `future` is the target of a move: the copy replaces the log when it is complete. */
interface Place {
  path: string
  future: string | undefined
}

export interface LogOnDisk {
  readonly replica: Replica
  readonly path: string
  /** A copy that is not complete yet. */
  readonly isFuture: boolean
}

/** Maps each log of a broker to one of its directories (log.dirs). */
export class LogDirs {
  readonly paths: readonly string[]
  readonly #places = new Map<Replica, Place>()
  /** The requested directory of replicas that do not exist here yet. */
  readonly #preferred = new Map<string, string>()

  constructor(logDirs: string) {
    this.paths = logDirs.split(',').map((path) => path.trim())
  }

  /** Stores a new log in its requested directory, else in the one with the fewest logs. */
  place(replica: Replica): void {
    const key = keyOf(replica.topic, replica.partition)
    const preferred = this.#preferred.get(key)
    this.#preferred.delete(key)
    this.#places.set(replica, { path: preferred ?? this.#emptiest(), future: undefined })
  }

  remove(replica: Replica): void {
    this.#places.delete(replica)
  }

  clear(): void {
    this.#places.clear()
    this.#preferred.clear()
  }

  /** Starts moving a replica to another directory. True when its log has to be copied; `moved` ends the move. */
  move(replica: Replica, path: string): boolean {
    const place = this.#places.get(replica)
    if (place === undefined) return false
    place.future = place.path === path ? undefined : path
    return place.future !== undefined
  }

  /** The copy is complete. */
  moved(replica: Replica): void {
    const place = this.#places.get(replica)
    if (place?.future === undefined) return
    place.path = place.future
    place.future = undefined
  }

  /** A replica that does not exist here yet will be created in this directory. */
  prefer(topic: string, partition: number, path: string): void {
    this.#preferred.set(keyOf(topic, partition), path)
  }

  *logs(): Generator<LogOnDisk> {
    for (const [replica, { path, future }] of this.#places) {
      yield { replica, path, isFuture: false }
      if (future !== undefined) yield { replica, path: future, isFuture: true }
    }
  }

  #emptiest(): string {
    const counts = new Map(this.paths.map((path) => [path, 0]))
    for (const { path } of this.logs()) counts.set(path, (counts.get(path) ?? 0) + 1)
    const [first = ['', 0], ...others] = counts
    return others.reduce((least, each) => (each[1] < least[1] ? each : least), first)[0]
  }
}

const keyOf = (topic: string, partition: number) => `${topic.length} ${topic}-${partition}`
