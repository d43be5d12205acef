import type { SaslExchange, SaslStep } from './sasl-exchange.ts'
import type { OauthOptions } from './sasl-options.ts'
import { unsecuredIdentity } from './users-oauth-token.ts'

const saslName = '(?:[\\x01-+\\--<>-\\x7F]|=2C|=3D)+'
const pairs = '(?:[A-Za-z]+=[\\x21-\\x7E \\t\\r\\n]+\\x01)*'
const initialResponse = new RegExp(`^n,(?:a=(${saslName}))?,\\x01(${pairs})\\x01$`)
const authorization = /^(\w+) +([-_~+/.a-zA-Z0-9]+=*)$/

/** The server's side of RFC 7628, as Kafka implements it. */
export class OauthExchange implements SaslExchange {
  readonly #options: OauthOptions
  readonly #wallNow: () => number
  /** The error sent to the client, until the client acknowledges it. */
  #sentError: string | undefined

  constructor(options: OauthOptions, wallNow: () => number) {
    this.#options = options
    this.#wallNow = wallNow
  }

  step(bytes: Uint8Array): SaslStep {
    const sentError = this.#sentError
    this.#sentError = undefined
    if (sentError !== undefined && bytes.length === 1 && bytes[0] === 1) return { kind: 'failed', message: sentError }
    const match = initialResponse.exec(Buffer.from(bytes).toString('utf8'))
    if (match === null) return unreadable
    const [, authorizationId = '', keysAndValues = ''] = match
    const [, scheme = '', token] = authorization.exec(authorizationOf(keysAndValues)) ?? []
    if (token === undefined) return unreadable
    if (scheme.toLowerCase() !== 'bearer') return { kind: 'tripped' }
    const identity = this.#identify(token)
    if ('status' in identity) {
      this.#sentError = `{"status":"${identity.status}"${identity.scope === undefined ? '' : `, "scope":"${identity.scope}"`}}`
      return { kind: 'continue', bytes: Buffer.from(this.#sentError) }
    }
    const { principal, expiresAtMs } = identity
    if (authorizationId !== '' && authorizationId !== principal) {
      const message = `Authentication failed: Client requested an authorization id (${authorizationId}) that is different from the token's principal name (${principal})`
      return { kind: 'failed', message }
    }
    return { kind: 'done', bytes: new Uint8Array(0), user: principal, expiresAtMs }
  }

  #identify(token: string) {
    const { validate } = this.#options
    if (validate === undefined) return unsecuredIdentity(token, this.#options, this.#wallNow())
    return validate(token) ?? ({ status: 'invalid_token', scope: undefined } as const)
  }
}

const unreadable: SaslStep = { kind: 'failed', message: undefined }

function authorizationOf(keysAndValues: string): string {
  const found = keysAndValues.split('\x01').find((pair) => pair.startsWith('auth='))
  return found?.slice('auth='.length) ?? ''
}
