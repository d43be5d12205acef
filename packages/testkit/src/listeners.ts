import type { ResolvedListener } from './network/listeners.ts'
import { isEncrypted, requiresSasl, type SecurityProtocol, securityProtocols } from './network/security-protocol.ts'
import type { ClientAuth } from './network/tls.ts'
import type { TlsOptions } from './network/tls-material.ts'
import type { SaslOptions } from './state/rights/sasl-options.ts'

export interface ListenOptions {
  /** The first broker's port, the others take the next ones. Left out: free ports. */
  readonly port?: number
  /** Default 127.0.0.1. Brokers advertise it too. */
  readonly host?: string
}

/** One of the listeners that every broker has. */
export interface ListenerOptions {
  /** Default: the protocol's name. */
  readonly name?: string
  readonly protocol: SecurityProtocol
  /** Default: that of `listen`, or 127.0.0.1. Brokers advertise it too. */
  readonly host?: string
  /** The first broker's port, the others take the next ones. Left out: free ports. */
  readonly port?: number
  /** Whether clients have to show a certificate. Default: the config ssl.client.auth. */
  readonly clientAuth?: ClientAuth
}

export interface ListenerChoice {
  readonly listen: boolean | ListenOptions | undefined
  readonly listeners: readonly ListenerOptions[] | undefined
  readonly sasl: SaslOptions | undefined
  readonly tls: boolean | TlsOptions | undefined
  readonly brokers: number
}

/** Which listeners each broker opens: those that were named, or one. Throws TypeError. */
export function resolveListeners(choice: ListenerChoice): ResolvedListener[] {
  const { listen, sasl, brokers } = choice
  const hasTls = choice.tls !== undefined && choice.tls !== false
  if (choice.listeners === undefined) return [onlyListener(choice)]
  if (choice.listeners.length === 0) throw new TypeError('listeners: there has to be one')
  if (typeof listen === 'object' && listen.port !== undefined) {
    throw new TypeError('listen.port: each of the listeners has a port of its own')
  }
  const defaultHost = (typeof listen === 'object' ? listen.host : undefined) ?? '127.0.0.1'
  const names = new Set<string>()
  const resolved = choice.listeners.map(({ protocol, name = protocol, host = defaultHost, port, clientAuth }) => {
    if (!securityProtocols.has(protocol))
      throw new TypeError(`listeners: ${protocol} is not one of ${[...securityProtocols].join(', ')}`)
    if (name === '' || names.has(name)) throw new TypeError(`listeners: there are two of the name '${name}'`)
    names.add(name)
    if (isEncrypted(protocol) && !hasTls) throw new TypeError(`listeners: ${name} needs tls`)
    if (isEncrypted(protocol) && listen === false) throw new TypeError(`listeners: ${name} needs TCP`)
    if (requiresSasl(protocol) && sasl === undefined) throw new TypeError(`listeners: ${name} needs sasl`)
    checkPort(`listeners: port ${port} of ${name}`, port, brokers)
    return { name, protocol, tcp: listen === false ? undefined : { host, port }, clientAuth }
  })
  if (sasl !== undefined && !resolved.some(({ protocol }) => requiresSasl(protocol))) {
    throw new TypeError('sasl: none of the listeners asks for it')
  }
  if (hasTls && !resolved.some(({ protocol }) => isEncrypted(protocol))) {
    throw new TypeError('tls: none of the listeners uses it')
  }
  return resolved
}

function onlyListener({ listen, sasl, tls, brokers }: ListenerChoice): ResolvedListener {
  const hasTls = tls !== undefined && tls !== false
  if (hasTls && listen === false) throw new TypeError('tls: it needs TCP')
  const layer: 'SSL' | 'PLAINTEXT' = hasTls ? 'SSL' : 'PLAINTEXT'
  const protocol: SecurityProtocol = sasl === undefined ? layer : `SASL_${layer}`
  const common = { name: protocol, protocol, clientAuth: undefined }
  if (!hasTls && (listen === undefined || listen === false)) return { ...common, tcp: undefined }
  const { host = '127.0.0.1', port } = typeof listen === 'object' ? listen : {}
  checkPort(`listen.port: ${port}`, port, brokers)
  return { ...common, tcp: { host, port } }
}

function checkPort(what: string, port: number | undefined, brokers: number): void {
  if (port === undefined) return
  if (Number.isInteger(port) && port >= 1 && port + brokers - 1 <= 65_535) return
  throw new TypeError(`${what} does not leave room for ${brokers} consecutive ports`)
}
