import { textOf } from '../error-data.ts'
import { type BrokerAddress, capitalized, describeBroker, KafkaError } from '../errors.ts'

/** An address that was tried, and the reason of the failure. */
export interface DialFailure {
  readonly address: string
  readonly error: unknown
}

const codeOf = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : ''
}

const networkReasons = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ETIMEDOUT', 'no response'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['ECONNRESET', 'connection reset'],
  ['EPIPE', 'connection reset'],
])

/** Whether the peer closed the connection, rather than the network in between. */
export function isReset(error: unknown): boolean {
  return error === undefined || codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE'
}

/** An open connection ended before the response. */
export function lostError(broker: BrokerAddress, cause?: unknown, what?: string): KafkaError {
  const reason = what ?? networkReasons.get(codeOf(cause)) ?? (cause === undefined ? undefined : textOf(cause))
  const tls = cause === undefined ? undefined : tlsRefusal(broker, cause)
  if (tls !== undefined) return tls
  const text = what === undefined ? 'closed the connection before it responded' : what
  const detail = what === undefined && reason !== undefined ? ` (${reason})` : ''
  return new KafkaError('CONNECTION_LOST', `${capitalized(describeBroker(broker))} ${text}${detail}`, {
    retriable: true,
    refreshMetadata: true,
    outcome: 'unknown',
    broker,
    cause,
  })
}

export function timedOutError(
  operation: string,
  broker: BrokerAddress,
  waitedMs: number,
  outcome: 'not-written' | 'unknown',
): KafkaError {
  const waited = `within ${Math.round(waitedMs)} ms`
  const message =
    outcome === 'unknown'
      ? `${operation} received no response ${waited} from ${describeBroker(broker)}`
      : `${operation} could not be sent ${waited} to ${describeBroker(broker)}`
  return new KafkaError('REQUEST_TIMED_OUT', message, { retriable: true, refreshMetadata: true, outcome, broker })
}

/** The host name has no address. */
export function lookupError(broker: BrokerAddress, cause: unknown): KafkaError {
  const unknown = codeOf(cause) === 'ENOTFOUND'
  const reason = unknown ? 'is not known to DNS (ENOTFOUND)' : `has no address (${textOf(cause)})`
  const message = `No connection to ${broker.host}:${broker.port}: the host name ${reason}`
  return new KafkaError('CONNECTION_FAILED', message, {
    retriable: true,
    outcome: 'not-written',
    broker,
    cause,
    hint:
      broker.id < 0
        ? 'Check the spelling in the option `brokers`.'
        : 'The broker advertises this name: set advertised.listeners of the broker to one that clients can resolve, or map it by the option `mapBroker`.',
  })
}

/** No connection to any address of the broker. */
export function dialError(broker: BrokerAddress, failures: readonly DialFailure[]): KafkaError {
  const first = failures[0]!
  const tried = failures.map(({ address, error }) => `${address}:${broker.port} ${dialReason(error)}`).join(', ')
  const refused = failures.every(({ error }) => codeOf(error) === 'ECONNREFUSED')
  const what = `Connection to ${broker.host}:${broker.port} ${refused ? 'refused' : 'failed'} (tried ${tried})`
  return new KafkaError('CONNECTION_FAILED', what, {
    retriable: true,
    refreshMetadata: true,
    outcome: 'not-written',
    broker,
    cause: first.error,
    hint: dialHint(broker, refused),
  })
}

/** With a tunnel, a container or NAT the address that a broker advertises may be one of an inner network. */
function dialHint({ id }: BrokerAddress, refused: boolean): string {
  if (id < 0) {
    return refused
      ? 'Check that the broker runs, and that this is its host and port.'
      : 'Check host, port and firewall.'
  }
  const check = refused ? 'Check that the broker runs.' : 'Check the firewall.'
  return `${check} The broker advertises this address: if it cannot be reached from here, set advertised.listeners of the broker, or map it by the option \`mapBroker\`.`
}

function dialReason(error: unknown): string {
  return networkReasons.get(codeOf(error)) ?? textOf(error)
}

const authorityCodes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])

/** The permanent error for a failed TLS handshake, by OpenSSL's code; undefined: the failure has another reason. */
export function tlsError(broker: BrokerAddress, cause: unknown): KafkaError | undefined {
  const code = codeOf(cause)
  const fail = (reason: string, hint: string) => tlsFailed(broker, reason, hint, cause)
  if (authorityCodes.has(code)) {
    const hint = 'Set `tls.ca` to the CA that signed it: its PEM text, as in readFileSync("ca.pem").'
    return fail(`the certificate is signed by an authority that is not trusted (${code})`, hint)
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const hint = 'Connect by a name that the certificate carries, or set `tls.servername` to one.'
    return fail(wrongNameReason(broker, cause), hint)
  }
  if (code === 'CERT_HAS_EXPIRED') return fail('the certificate has expired', 'Renew the certificate of the broker.')
  if (code === 'CERT_NOT_YET_VALID') {
    return fail('the certificate is not valid yet', 'Check the clocks of this machine and of the broker.')
  }
  if (code.startsWith('CERT_'))
    return fail(`the certificate was refused (${code})`, 'Check the certificate of the broker.')
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || /wrong version number|packet length too long/.test(textOf(cause))) {
    return plaintextPortError(broker, cause)
  }
  if (/^ERR_OSSL|^ERR_INVALID_ARG|^ERR_TLS/.test(code)) {
    return fail(
      `the option \`tls\` cannot be used: ${textOf(cause)}`,
      'Pass certificates and keys as PEM texts, not as paths.',
    )
  }
  return tlsRefusal(broker, cause)
}

/** Names the certificate's own names, which Node's message leaves out when the host is an address. */
function wrongNameReason(broker: BrokerAddress, cause: unknown): string {
  const { host = broker.host, cert } = cause as { host?: string; cert?: { subjectaltname?: string } }
  return `the certificate is not for '${host}', it carries ${cert?.subjectaltname ?? 'no name'}`
}

/** The broker ended TLS with an alert; with TLS 1.3 it may arrive after the handshake. */
function tlsRefusal(broker: BrokerAddress, cause: unknown): KafkaError | undefined {
  const alert = `${codeOf(cause)} ${textOf(cause)}`
  if (!/^ERR_SSL|^EPROTO/.test(codeOf(cause)) || !/ALERT|alert/.test(alert)) return undefined
  const certificate = /certificate|unknown.?ca/i.test(alert)
  const hint = certificate
    ? 'Set `tls.cert` and `tls.key` to a client certificate that the broker trusts.'
    : 'Compare the TLS versions and ciphers of both sides.'
  return tlsFailed(broker, `the broker refused it (${codeOf(cause)})`, hint, cause)
}

function tlsFailed(broker: BrokerAddress, reason: string, hint: string, cause: unknown): KafkaError {
  return new KafkaError('TLS_FAILED', `TLS with ${describeBroker(broker)} failed: ${reason}`, {
    outcome: 'not-written',
    broker,
    cause,
    hint,
  })
}

export function plaintextPortError(broker: BrokerAddress, cause?: unknown): KafkaError {
  return new KafkaError('TLS_MISMATCH', `${capitalized(describeBroker(broker))} does not speak TLS on this port`, {
    outcome: 'not-written',
    broker,
    cause,
    hint: "Leave out the option `tls`, or use the port of the broker's SSL or SASL_SSL listener.",
  })
}

export function tlsPortError(broker: BrokerAddress, cause?: unknown): KafkaError {
  return new KafkaError(
    'TLS_MISMATCH',
    `${capitalized(describeBroker(broker))} speaks TLS on this port, the client does not`,
    {
      outcome: 'not-written',
      broker,
      cause,
      hint: "Set the option `tls`, or use the port of the broker's PLAINTEXT or SASL_PLAINTEXT listener.",
    },
  )
}

/** The first bytes of a peer were no Kafka frame: the error names the protocol that they look like. */
export function foreignBytesError(broker: BrokerAddress, first: Uint8Array | undefined, cause: unknown): KafkaError {
  if (first !== undefined && looksLikeTls(first)) return tlsPortError(broker, cause)
  const text = first === undefined ? '' : Buffer.from(first.subarray(0, 4)).toString('latin1')
  const other = /^HTTP|^<!DO|^<htm/i.test(text) ? 'an HTTP server' : /^SSH-/.test(text) ? 'an SSH server' : undefined
  const what = other === undefined ? `sent ${textOf(cause)}` : `is ${other}, not a Kafka broker`
  return new KafkaError('PROTOCOL_ERROR', `${capitalized(describeBroker(broker))} ${what}`, {
    outcome: 'unknown',
    broker,
    cause,
    hint: other === undefined ? 'Raise `maxResponseBytes` if responses may be that large.' : 'Check host and port.',
  })
}

/** Whether it is a TLS record of type alert or handshake, of SSL 3.0 to TLS 1.3. */
export function looksLikeTls(first: Uint8Array): boolean {
  return (first[0] === 0x15 || first[0] === 0x16) && first[1] === 0x03 && first[2]! <= 0x04
}
