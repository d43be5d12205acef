import { handlers } from '../handlers/registry.ts'
import type { ApiName } from '../messages/api-name.ts'
import { noQuirks, type Quirks } from '../state/quirks.ts'

/** Differences from Apache Kafka that brokers, proxies and networks in use have. */
export interface QuirkOptions {
  /**
   * The highest version of an API that brokers serve and advertise; null: the API is missing. `{ Metadata: 5 }` is the Event Hubs
   * emulator, `{ InitProducerId: null }` a broker without idempotent producers.
   */
  readonly versions?: { readonly [A in ApiName]?: number | null }
  /**
   * A request above this version resets its connection without a response, even if the version is advertised. Apache Kafka
   * responds to an unknown version of ApiVersions with version 0; Azure Event Hubs and some proxies reset the connection.
   */
  readonly resetsAbove?: { readonly [A in ApiName]?: number }
  /**
   * Responses that name a new leader (KIP-951) leave out its address (`none`), or have an address that clients cannot reach
   * (`inner`), as behind a proxy that does not rewrite it.
   */
  readonly hintEndpoints?: 'none' | 'inner'
  /**
   * Brokers advertise `broker-<id>.inner` with their real ports, as behind a tunnel or NAT. `cluster.bootstrap` has the
   * addresses that clients can reach.
   */
  readonly innerAddresses?: boolean
  /**
   * A connection without traffic for this time is forgotten as by a NAT or load balancer: what either side sends is lost, and
   * neither is informed. Closing the broker still closes it.
   */
  readonly forgetsIdleMs?: number
}

const names = ['versions', 'resetsAbove', 'hintEndpoints', 'innerAddresses', 'forgetsIdleMs']

/** Throws TypeError. */
export function resolveQuirks(quirks: QuirkOptions = {}): Quirks {
  for (const name of Object.keys(quirks)) {
    if (!names.includes(name)) throw new TypeError(`Option 'quirks.${name}' does not exist, only ${names.join(', ')}`)
  }
  const { versions = {}, resetsAbove = {}, hintEndpoints, innerAddresses = false, forgetsIdleMs } = quirks
  if (hintEndpoints !== undefined && hintEndpoints !== 'none' && hintEndpoints !== 'inner')
    throw new TypeError(`Option 'quirks.hintEndpoints' must be 'none' or 'inner', not '${hintEndpoints}'`)
  if (typeof innerAddresses !== 'boolean') throw new TypeError("Option 'quirks.innerAddresses' must be a boolean")
  if (forgetsIdleMs !== undefined && !(Number.isFinite(forgetsIdleMs) && forgetsIdleMs > 0))
    throw new TypeError(`Option 'quirks.forgetsIdleMs' must be a positive number, not ${forgetsIdleMs}`)
  return {
    versions: new Map(versionsByKey('versions', versions)),
    resetsAbove: new Map(
      versionsByKey('resetsAbove', resetsAbove).flatMap(([key, max]) => (max === null ? [] : [[key, max]])),
    ),
    hintEndpoints,
    innerAddresses,
    forgetsIdleMs: forgetsIdleMs ?? noQuirks.forgetsIdleMs,
  }
}

function versionsByKey(option: 'versions' | 'resetsAbove', versions: object): [number, number | null][] {
  return Object.entries(versions).map(([name, max]: [string, unknown]) => {
    const entry = handlers.find(({ api }) => api.name === name)
    const place = `Option 'quirks.${option}.${name}'`
    if (entry === undefined) throw new TypeError(`${place} is not an API that brokers serve`)
    if (max === null && option === 'versions') return [entry.api.key, null]
    const { minVersion, maxVersion } = entry
    if (typeof max === 'number' && Number.isInteger(max) && max >= minVersion && max <= maxVersion)
      return [entry.api.key, max]
    const orNull = option === 'versions' ? ', or null' : ''
    throw new TypeError(`${place} must be a version from ${minVersion} to ${maxVersion}${orNull}, not ${max}`)
  })
}
