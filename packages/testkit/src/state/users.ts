import { timingSafeEqual } from 'node:crypto'
import type { Runtime } from '@ottla/codec/runtime'
import type { SaslOptions } from '../cluster-context.ts'
import { type ScramCredential, ScramExchange, type ScramMechanism, scramCredential } from './users-scram.ts'

/** What a step of an authentication came to. An error ends it. */
export type SaslStep =
  | { readonly kind: 'continue'; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly bytes: Uint8Array; readonly user: string }
  | { readonly kind: 'failed'; readonly message: string }

/** An authentication under way: each step takes what the client sent and says what to answer. */
export interface SaslExchange {
  step(bytes: Uint8Array): SaslStep
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

/** Users and the mechanisms they may authenticate with. */
export class Users {
  readonly mechanisms: readonly string[]
  readonly #passwords: ReadonlyMap<string, string>
  readonly #credentials = new Map<string, ScramCredential>()
  readonly #runtime: Pick<Runtime, 'secureRandom'>

  /** Throws a TypeError for a mechanism that is not there or a user without name or password. */
  constructor(options: SaslOptions | undefined, runtime: Pick<Runtime, 'secureRandom'>) {
    this.mechanisms = options ? [...(options.mechanisms ?? MECHANISMS)] : []
    for (const mechanism of this.mechanisms) {
      if ((MECHANISMS as readonly string[]).includes(mechanism)) continue
      throw new TypeError(`sasl.mechanisms: ${mechanism} is not one of ${MECHANISMS.join(', ')}`)
    }
    this.#passwords = new Map(Object.entries(options?.users ?? {}))
    for (const [user, password] of this.#passwords) {
      if (user === '' || password === '') throw new TypeError(`sasl.users: '${user}' needs a name and a password`)
    }
    this.#runtime = runtime
  }

  /** Begins an authentication; undefined when the mechanism is not enabled. */
  begin(mechanism: string): SaslExchange | undefined {
    if (!this.mechanisms.includes(mechanism)) return undefined
    if (mechanism === 'PLAIN') return { step: (bytes) => this.#plain(bytes) }
    const scram = mechanism as ScramMechanism
    const nonce = (): string => Buffer.from(this.#runtime.secureRandom(18)).toString('base64url')
    return new ScramExchange(scram, nonce, (user) => this.#credential(scram, user))
  }

  /** Forgets what it derived from passwords. */
  close(): void {
    this.#credentials.clear()
  }

  /** Derived when it is first asked for: the rounds of hashing are what makes SCRAM slow. */
  #credential(mechanism: ScramMechanism, user: string): ScramCredential | undefined {
    const password = this.#passwords.get(user)
    if (password === undefined) return undefined
    const key = `${mechanism} ${user}`
    const known = this.#credentials.get(key)
    if (known) return known
    const derived = scramCredential(mechanism, password, this.#runtime.secureRandom(16))
    this.#credentials.set(key, derived)
    return derived
  }

  /** RFC 4616: authorization id, user and password, with a zero between. The messages are Kafka's. */
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
