import type { Replica } from './replica.ts'

/** A replica on its way to another directory: a second log that takes the place of the first when it has all of it. */
interface Place {
  path: string
  future: string | undefined
}

export interface LogOnDisk {
  readonly replica: Replica
  readonly path: string
  /** It is not whole yet. */
  readonly isFuture: boolean
}

/** Which of a broker's directories (log.dirs) each of its logs is in. */
export class LogDirs {
  readonly paths: readonly string[]
  readonly #places = new Map<Replica, Place>()
  /** Where replicas that are not here yet are to go. */
  readonly #preferred = new Map<string, string>()

  constructor(logDirs: string) {
    this.paths = logDirs.split(',').map((path) => path.trim())
  }

  /** A new log goes where it was asked to, else where the fewest logs are. */
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

  /** The replica is to be in another directory from now on. True: its log has to be copied, see `moved`. */
  move(replica: Replica, path: string): boolean {
    const place = this.#places.get(replica)
    if (place === undefined) return false
    place.future = place.path === path ? undefined : path
    return place.future !== undefined
  }

  /** The copy is whole. */
  moved(replica: Replica): void {
    const place = this.#places.get(replica)
    if (place?.future === undefined) return
    place.path = place.future
    place.future = undefined
  }

  /** A replica that is not here yet will be created in this directory. */
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
