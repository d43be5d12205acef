import { createHmac } from 'node:crypto'
import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import {
  type DelegationToken,
  type DelegationTokens,
  hasExpired,
  isOwnerOrRenewer,
  type Principal,
} from '../state/rights/delegation-tokens.ts'
import type { Controller } from './controller.ts'

export interface NewToken {
  readonly owner: Principal
  readonly requester: Principal
  readonly renewers: readonly Principal[]
  /** The requested maximum lifetime; 0 and below: the broker's maximum. */
  readonly maxLifetimeMs: number
}

export interface TokensOptions {
  readonly runtime: Runtime
  readonly config: BrokerConfig
  readonly controller: Controller
}

/** The new expiration time, or the error. */
export type TokenOutcome = { readonly error: ErrorName } | { readonly error: undefined; readonly expiresAtMs: number }

/** Creates, renews and expires delegation tokens, on the cluster's clock. */
export class DelegationTokenManager {
  readonly #runtime: Runtime
  readonly #config: BrokerConfig
  readonly #controller: Controller
  #sweep: Timer | undefined

  constructor({ runtime, config, controller }: TokensOptions) {
    this.#runtime = runtime
    this.#config = config
    this.#controller = controller
  }

  /** delegation.token.secret.key is set. */
  get isOpen(): boolean {
    return this.#secret !== ''
  }

  create({ owner, requester, renewers, maxLifetimeMs }: NewToken): DelegationToken {
    const nowMs = this.#runtime.wallNow()
    const longestMs = this.#config.number('delegation.token.max.lifetime.ms')
    const endsAtMs = nowMs + (maxLifetimeMs > 0 ? Math.min(longestMs, maxLifetimeMs) : longestMs)
    const id = this.#controller.newTopicId()
    const hmac = createHmac('sha512', this.#secret).update(id).digest()
    const token: DelegationToken = {
      id,
      owner,
      requester,
      renewers,
      issuedAtMs: nowMs,
      expiresAtMs: Math.min(endsAtMs, nowMs + this.#config.number('delegation.token.expiry.time.ms')),
      endsAtMs,
      hmac,
    }
    this.#decide(new Map(this.#tokens).set(id, token))
    this.watch()
    return token
  }

  /** Renews for `periodMs` from now, at most for the configured time; 0 and below: for the configured time. */
  renew(hmac: Uint8Array, periodMs: number, by: Principal): TokenOutcome {
    const token = this.#find(hmac)
    if (token === undefined) return { error: 'DELEGATION_TOKEN_NOT_FOUND' }
    const nowMs = this.#runtime.wallNow()
    if (hasExpired(token, nowMs)) return { error: 'DELEGATION_TOKEN_EXPIRED' }
    if (!isOwnerOrRenewer(token, by)) return { error: 'DELEGATION_TOKEN_OWNER_MISMATCH' }
    const longestMs = this.#config.number('delegation.token.expiry.time.ms')
    return this.#setExpiry(token, nowMs + (periodMs > 0 ? Math.min(longestMs, periodMs) : longestMs))
  }

  /** Expires the token `periodMs` from now; below 0 immediately. */
  expire(hmac: Uint8Array, periodMs: number, by: Principal): TokenOutcome {
    const token = this.#find(hmac)
    if (token === undefined) return { error: 'DELEGATION_TOKEN_NOT_FOUND' }
    if (!isOwnerOrRenewer(token, by)) return { error: 'DELEGATION_TOKEN_OWNER_MISMATCH' }
    const nowMs = this.#runtime.wallNow()
    if (periodMs < 0) {
      this.#drop([token])
      return { error: undefined, expiresAtMs: nowMs }
    }
    if (hasExpired(token, nowMs)) return { error: 'DELEGATION_TOKEN_EXPIRED' }
    return this.#setExpiry(token, nowMs + periodMs)
  }

  /** Removes expired tokens in periodic sweeps while there are tokens. */
  watch(): void {
    if (this.#tokens.size === 0) return
    this.#sweep ??= this.#runtime.setTimer(() => {
      this.#sweep = undefined
      const nowMs = this.#runtime.wallNow()
      const expired = [...this.#tokens.values()].filter((token) => hasExpired(token, nowMs))
      if (expired.length > 0) this.#drop(expired)
      this.watch()
    }, this.#config.number('delegation.token.expiry.check.interval.ms'))
  }

  /** Removes all tokens. */
  clear(): void {
    this.close()
    if (this.#tokens.size > 0) this.#decide(new Map())
  }

  close(): void {
    if (this.#sweep !== undefined) this.#runtime.clearTimer(this.#sweep)
    this.#sweep = undefined
  }

  get #secret(): string {
    return this.#config.text('delegation.token.secret.key')
  }

  get #tokens(): DelegationTokens {
    return this.#controller.state.areas.delegationTokens
  }

  #find(hmac: Uint8Array): DelegationToken | undefined {
    for (const token of this.#tokens.values()) if (token.hmac.equals(hmac)) return token
    return undefined
  }

  #setExpiry(token: DelegationToken, atMs: number): TokenOutcome {
    const expiresAtMs = Math.min(token.endsAtMs, atMs)
    this.#decide(new Map(this.#tokens).set(token.id, { ...token, expiresAtMs }))
    return { error: undefined, expiresAtMs }
  }

  #drop(tokens: readonly DelegationToken[]): void {
    const left = new Map(this.#tokens)
    for (const { id } of tokens) left.delete(id)
    this.#decide(left)
  }

  #decide(delegationTokens: DelegationTokens): void {
    this.#controller.decide({ delegationTokens })
  }
}
