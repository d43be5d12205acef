import { bareHost } from '../network/address.ts'
import type { ResolvedListener } from '../network/listeners.ts'
import { isEncrypted, requiresSasl, type SecurityProtocol, securityProtocols } from '../network/security-protocol.ts'
import type { ClientAuth } from '../network/tls.ts'
import type { TlsOptions } from '../network/tls-material.ts'
import type { SaslOptions } from '../state/rights/sasl-options.ts'

/** TCP address of the brokers. */
export interface ListenOptions {
  /** The first broker's port; the others use the next ones. Default: free ports. */
  readonly port?: number
  /** Also the advertised host. Default 127.0.0.1. */
  readonly host?: string
}

/** A listener of every broker. */
export interface ListenerOptions {
  /** Default: the protocol's name. */
  readonly name?: string
  readonly protocol: SecurityProtocol
  /** Also the advertised host. Default: that of `listen`, or 127.0.0.1. */
  readonly host?: string
  /** The first broker's port; the others use the next ones. Default: free ports. */
  readonly port?: number
  /** Whether clients must present a certificate. Default: the config ssl.client.auth. */
  readonly clientAuth?: ClientAuth
}

export interface ListenerChoice {
  readonly listen: boolean | ListenOptions | undefined
  readonly listeners: readonly ListenerOptions[] | undefined
  readonly sasl: SaslOptions | undefined
  readonly tls: boolean | TlsOptions | undefined
  readonly brokers: number
}

/** The listeners that each broker opens: those of the options, or one by default. Throws TypeError. */
export function resolveListeners(choice: ListenerChoice): ResolvedListener[] {
  const { listen, sasl, brokers } = choice
  const hasTls = choice.tls !== undefined && choice.tls !== false
  if (choice.listeners === undefined) return [onlyListener(choice)]
  if (choice.listeners.length === 0) throw new TypeError("Option 'listeners' must not be empty")
  if (typeof listen === 'object' && listen.port !== undefined) {
    throw new TypeError("Option 'listen.port' cannot be combined with 'listeners'. Set the port of each listener")
  }
  const defaultHost = (typeof listen === 'object' ? listen.host : undefined) ?? '127.0.0.1'
  const names = new Set<string>()
  const resolved = choice.listeners.map(({ protocol, name = protocol, host = defaultHost, port, clientAuth }) => {
    if (!securityProtocols.has(protocol))
      throw new TypeError(
        `Option 'listeners': protocol must be one of ${[...securityProtocols].join(', ')}, not '${protocol}'`,
      )
    if (name === '' || names.has(name))
      throw new TypeError(`Option 'listeners': the name '${name}' is empty or not unique`)
    names.add(name)
    if (isEncrypted(protocol) && !hasTls) throw new TypeError(`Option 'listeners': '${name}' requires option 'tls'`)
    if (isEncrypted(protocol) && listen === false) throw new TypeError(`Option 'listeners': '${name}' requires TCP`)
    if (requiresSasl(protocol) && sasl === undefined)
      throw new TypeError(`Option 'listeners': '${name}' requires option 'sasl'`)
    checkPort(`Option 'listeners': port of '${name}'`, port, brokers)
    return { name, protocol, tcp: listen === false ? undefined : { host: bareHost(host), port }, clientAuth }
  })
  if (sasl !== undefined && !resolved.some(({ protocol }) => requiresSasl(protocol))) {
    throw new TypeError("Option 'sasl' is set, but no listener uses SASL")
  }
  if (hasTls && !resolved.some(({ protocol }) => isEncrypted(protocol))) {
    throw new TypeError("Option 'tls' is set, but no listener uses TLS")
  }
  return resolved
}

function onlyListener({ listen, sasl, tls, brokers }: ListenerChoice): ResolvedListener {
  const hasTls = tls !== undefined && tls !== false
  if (hasTls && listen === false) throw new TypeError("Option 'tls' requires TCP")
  const layer: 'SSL' | 'PLAINTEXT' = hasTls ? 'SSL' : 'PLAINTEXT'
  const protocol: SecurityProtocol = sasl === undefined ? layer : `SASL_${layer}`
  const common = { name: protocol, protocol, clientAuth: undefined }
  if (!hasTls && (listen === undefined || listen === false)) return { ...common, tcp: undefined }
  const { host = '127.0.0.1', port } = typeof listen === 'object' ? listen : {}
  checkPort("Option 'listen.port'", port, brokers)
  return { ...common, tcp: { host: bareHost(host), port } }
}

function checkPort(what: string, port: number | undefined, brokers: number): void {
  if (port === undefined) return
  const highest = 65_536 - brokers
  if (Number.isInteger(port) && port >= 1 && port <= highest) return
  throw new TypeError(`${what} must be an integer from 1 to ${highest}, for ${brokers} consecutive ports, not ${port}`)
}
