import { timingSafeEqual } from 'node:crypto'
import type { Runtime } from '@ottla/runtime'
import type { DelegationTokens } from './delegation-tokens.ts'
import type { SaslExchange, SaslStep } from './sasl-exchange.ts'
import type { OauthOptions, SaslOptions } from './sasl-options.ts'
import { credentialOf, deriveLater, keptUsers, type ScramUsers, scramUsersOf } from './scram-users.ts'
import { OauthExchange } from './users-oauth.ts'
import { type ScramAccount, ScramExchange, type ScramMechanism } from './users-scram.ts'

/** The cluster's users in the broker's metadata. */
export interface KnownUsers {
  readonly scramUsers: ScramUsers
  readonly delegationTokens: DelegationTokens
}

const byPassword = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const mechanisms = [...byPassword, 'OAUTHBEARER'] as const

/** The users of the options and those stored before (`before`). Throws TypeError for invalid options. */
export function usersOf(
  options: SaslOptions | undefined,
  runtime: Pick<Runtime, 'secureRandom'>,
  before: ScramUsers = new Map(),
): ScramUsers {
  for (const [user, password] of Object.entries(options?.users ?? {})) {
    if (user === '' || password === '')
      throw new TypeError(`Option 'sasl.users' needs a name and a password for each user: '${user}'`)
  }
  return new Map([...keptUsers(before), ...scramUsersOf(options, mechanismsOf(options), runtime)])
}

function mechanismsOf(options: SaslOptions | undefined): readonly string[] {
  if (options === undefined) return []
  const usual = options.oauthbearer === undefined ? byPassword : mechanisms
  const enabled = [...(options.mechanisms ?? usual)]
  for (const mechanism of enabled) {
    if ((mechanisms as readonly string[]).includes(mechanism)) continue
    throw new TypeError(`Option 'sasl.mechanisms' must be a list of ${mechanisms.join(', ')}, not '${mechanism}'`)
  }
  return enabled
}

/** The users and mechanisms that may authenticate at a broker. */
export class Users {
  readonly mechanisms: readonly string[]
  readonly #passwords: ReadonlyMap<string, string>
  readonly #oauth: OauthOptions
  readonly #runtime: Pick<Runtime, 'secureRandom' | 'wallNow'>
  readonly #known: () => KnownUsers

  constructor(
    options: SaslOptions | undefined,
    runtime: Pick<Runtime, 'secureRandom' | 'wallNow'>,
    known: () => KnownUsers,
  ) {
    this.mechanisms = mechanismsOf(options)
    this.#passwords = new Map(Object.entries(options?.users ?? {}))
    this.#oauth = options?.oauthbearer ?? {}
    this.#runtime = runtime
    this.#known = known
  }

  /** Starts an authentication; undefined when the mechanism is not enabled. */
  begin(mechanism: string): SaslExchange | undefined {
    if (!this.mechanisms.includes(mechanism)) return undefined
    if (mechanism === 'PLAIN') return { step: (bytes) => this.#plain(bytes) }
    if (mechanism === 'OAUTHBEARER') return new OauthExchange(this.#oauth, () => this.#runtime.wallNow())
    const scram = mechanism as ScramMechanism
    const nonce = (): string => Buffer.from(this.#runtime.secureRandom(18)).toString('base64url')
    return new ScramExchange(scram, nonce, (name, isToken) =>
      isToken ? this.#token(scram, name) : this.#user(scram, name),
    )
  }

  close(): void {}

  #user(mechanism: ScramMechanism, user: string): ScramAccount | undefined {
    const stored = this.#known().scramUsers.get(user)?.get(mechanism)
    const credential = stored && credentialOf(stored, mechanism)
    return credential && { user, credential, isToken: false, expiresAtMs: undefined }
  }

  #token(mechanism: ScramMechanism, tokenId: string): ScramAccount | undefined {
    const token = this.#known().delegationTokens.get(tokenId)
    if (token === undefined) return undefined
    const { owner, hmac, expiresAtMs } = token
    const credential = deriveLater(token, mechanism, hmac.toString('base64'), this.#runtime)()
    return { user: owner.name, credential, isToken: true, expiresAtMs }
  }

  /** RFC 4616: authorization id, user and password, separated by zero bytes. The messages are Kafka's. */
  #plain(bytes: Uint8Array): SaslStep {
    const tokens = Buffer.from(bytes).toString('utf8').split('\0', 5)
    const [authorizationId, user, password] = tokens
    if (tokens.length !== 3 || authorizationId === undefined || user === undefined || password === undefined) {
      const count = Math.min(tokens.length, 4)
      return failed(`Invalid SASL/PLAIN response: expected 3 tokens, got ${count}`)
    }
    if (user === '') return failed('Authentication failed: username not specified')
    if (password === '') return failed('Authentication failed: password not specified')
    const expected = this.#passwords.get(user)
    if (expected === undefined || !equal(expected, password)) {
      return failed('Authentication failed: Invalid username or password')
    }
    if (authorizationId !== '' && authorizationId !== user) {
      return failed('Authentication failed: Client requested an authorization id that is different from username')
    }
    return { kind: 'done', bytes: new Uint8Array(0), user }
  }
}

function failed(message: string): SaslStep {
  return { kind: 'failed', message }
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
