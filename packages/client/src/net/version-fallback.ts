import { type Api, ApiVersions, SaslHandshake } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'

/** As many connections must be closed at one version before a lower one is used: one network fault is no proof. */
const closesPerVersion = 2

/** How long the lower version is used. */
const rememberedMs = 600_000

/** A broker that does not know a version closes the connection when it reads it; a request that was held longer was understood. */
const closesWithinMs = 10_000

/** ApiVersions reports the finalized features from this version on. */
const featuresVersion = 3

interface ApiRange {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What is known of one API. */
interface Entry {
  /** The version at which connections were closed last, and how many since a response. */
  suspect: number
  closes: number
  /** The highest version to use, until `untilMs`; Infinity: no limit. */
  highest: number
  untilMs: number
  /** Where the versions began to fall. */
  start: number
  /** `start` was tried a second time, so `highest` is right. */
  verified: boolean
  /** During that second attempt: the version that got a response. */
  proven: number
}

/** A version that the broker may not know, and the next one to use. */
export interface VersionFall {
  readonly api: Api
  readonly version: number
  readonly next: number
}

/** A request in flight on a connection that the broker closed without a byte of a response to it. */
export interface ClosedRequest {
  readonly api: Api
  readonly version: number
  /** On `monoNow`. */
  readonly writtenMs: number
}

/** A connection that the broker closed. */
export interface ClosedConnection {
  /** In the order in which they were written. */
  readonly requests: readonly ClosedRequest[]
  /** They were the first ones of the connection. */
  readonly isNew: boolean
  /** `position` when the connection was created. */
  readonly since: number
}

/**
 * The versions to which one broker does not respond. Some brokers and proxies close the connection when they read a version that
 * they do not know: after two of them, opened one after the other, the next lower version is used, until the broker offers other
 * ranges or 10 minutes have passed. A close counts if the request was the first one of its connection, or if the broker has never
 * responded to that version. Connections that one fault closes count once, and a response starts the count again.
 */
export class VersionFallback {
  readonly #runtime: Pick<Runtime, 'monoNow'>
  readonly #onFall: (fall: VersionFall) => void
  readonly #entries = new Map<number, Entry>()
  /** API keys and versions to which the broker responded. */
  readonly #proven = new Set<number>()
  #position = 0
  #isUnclear = false
  #ranges: string | undefined
  /** The lowest version of each API that the broker offers, by API key. */
  #lowest: ReadonlyMap<number, number> = new Map()

  constructor(runtime: Pick<Runtime, 'monoNow'>, onFall: (fall: VersionFall) => void = () => {}) {
    this.#runtime = runtime
    this.#onFall = onFall
  }

  /** Increases with each close that counts: connections that were created before one are closed by the same fault. */
  get position(): number {
    return this.#position
  }

  /** Whether a new connection sends only one request until it has a response, so that a close is attributed to it. */
  get isSuspicious(): boolean {
    if (this.#isUnclear) return true
    for (const { closes } of this.#entries.values()) if (closes > 0) return true
    return false
  }

  /** The highest version to use of an API; Infinity: no limit. */
  highestOf(apiKey: number): number {
    const entry = this.#entries.size === 0 ? undefined : this.#entries.get(apiKey)
    if (entry === undefined) return Number.POSITIVE_INFINITY
    if (entry.highest !== Number.POSITIVE_INFINITY && this.#runtime.monoNow() >= entry.untilMs) {
      this.#entries.delete(apiKey)
      return Number.POSITIVE_INFINITY
    }
    return entry.highest
  }

  /** The broker closed a connection. */
  closed({ requests, isNew, since }: ClosedConnection): void {
    if (since < this.#position) return
    const nowMs = this.#runtime.monoNow()
    // SaslHandshake has only one version that the client uses.
    const negotiated = requests.filter(({ api }) => api !== SaslHandshake)
    const prompt = negotiated.filter(({ writtenMs }) => nowMs - writtenMs < closesWithinMs)
    const unknown = distinct(prompt.filter(({ api, version }) => !this.#proven.has(keyOf(api, version))))
    const suspects = unknown.length === 0 && isNew ? distinct(prompt) : unknown
    const [suspect] = suspects
    if (suspect === undefined) return
    this.#position++
    if (suspects.length === 1) this.#count(suspect)
    else this.#isUnclear = true
  }

  #count({ api, version }: ClosedRequest): void {
    const entry = this.#entryOf(api, version)
    entry.closes = entry.suspect === version ? entry.closes + 1 : 1
    entry.suspect = version
    if (entry.closes < closesPerVersion) return
    entry.closes = 0
    const next = entry.proven >= 0 ? entry.proven : version - 1
    if (next < Math.max(api.versions.min, this.#lowest.get(api.key) ?? 0)) {
      // No version helps, so the reason is another one: the highest is tried again.
      this.#entries.delete(api.key)
      return
    }
    entry.verified = entry.proven >= 0
    entry.proven = -1
    entry.highest = next
    entry.untilMs = this.#runtime.monoNow() + rememberedMs
    this.#onFall({ api, version, next })
  }

  /** The broker sent a response of this version. */
  responded(api: Api, version: number): void {
    const key = keyOf(api, version)
    if (this.#entries.size === 0 && !this.#isUnclear && this.#proven.has(key)) return
    this.#proven.add(key)
    this.#isUnclear = false
    const entry = this.#entries.get(api.key)
    if (entry === undefined || entry.suspect !== version) return
    entry.closes = 0
    if (entry.highest === Number.POSITIVE_INFINITY) this.#entries.delete(api.key)
  }

  /** The broker has another address: what it did there says nothing. */
  forget(): void {
    this.#entries.clear()
    this.#proven.clear()
    this.#isUnclear = false
    this.#ranges = undefined
  }

  /** The ranges of a new connection: a broker with others was upgraded. */
  offered(apiKeys: readonly ApiRange[]): void {
    const ranges = apiKeys.map(({ apiKey, minVersion, maxVersion }) => `${apiKey}:${minVersion}-${maxVersion}`).join()
    if (this.#ranges !== undefined && this.#ranges !== ranges) {
      this.#entries.clear()
      this.#proven.clear()
    }
    this.#ranges = ranges
    this.#lowest = new Map(apiKeys.map(({ apiKey, minVersion }) => [apiKey, minVersion]))
    const own = apiKeys.find(({ apiKey }) => apiKey === ApiVersions.key)
    if (own !== undefined) this.#verify(own.maxVersion)
  }

  /**
   * A load balancer without a broker behind it closes each connection too, so that ApiVersions falls to a version without
   * features. The next connection tries the first version once more if the broker claims to support it; one close is enough then.
   */
  #verify(offered: number): void {
    const entry = this.#entries.get(ApiVersions.key)
    if (entry === undefined || entry.verified || entry.highest >= featuresVersion || offered < entry.start) return
    entry.proven = entry.highest
    entry.highest = Number.POSITIVE_INFINITY
    entry.suspect = entry.start
    entry.closes = closesPerVersion - 1
  }

  #entryOf(api: Api, version: number): Entry {
    let entry = this.#entries.get(api.key)
    if (entry === undefined) {
      const none = Number.POSITIVE_INFINITY
      entry = { suspect: version, closes: 0, highest: none, untilMs: none, start: version, verified: false, proven: -1 }
      this.#entries.set(api.key, entry)
    }
    return entry
  }
}

function keyOf({ key }: Api, version: number): number {
  return key * 256 + version
}

/** One request for each API and version. */
function distinct(requests: readonly ClosedRequest[]): ClosedRequest[] {
  return [...new Map(requests.map((request) => [keyOf(request.api, request.version), request])).values()]
}
