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
  /** At most this; 0 and below: as long as the broker's config allows. */
  readonly maxLifetimeMs: number
}

export interface TokensOptions {
  readonly runtime: Runtime
  readonly config: BrokerConfig
  readonly controller: Controller
}

/** When the token expires now, or why nothing was changed. */
export type TokenOutcome = { readonly error: ErrorName } | { readonly error: undefined; readonly expiresAtMs: number }

/** Gives out delegation tokens and takes them back, on the cluster's clock. */
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

  /** `periodMs` from now, but no longer than configured; 0 and below: that long. */
  renew(hmac: Uint8Array, periodMs: number, by: Principal): TokenOutcome {
    const token = this.#find(hmac)
    if (token === undefined) return { error: 'DELEGATION_TOKEN_NOT_FOUND' }
    const nowMs = this.#runtime.wallNow()
    if (hasExpired(token, nowMs)) return { error: 'DELEGATION_TOKEN_EXPIRED' }
    if (!isOwnerOrRenewer(token, by)) return { error: 'DELEGATION_TOKEN_OWNER_MISMATCH' }
    const longestMs = this.#config.number('delegation.token.expiry.time.ms')
    return this.#setExpiry(token, nowMs + (periodMs > 0 ? Math.min(longestMs, periodMs) : longestMs))
  }

  /** `periodMs` from now; below 0 the token is gone at once. */
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

  /** Those whose time is over go at the next sweep, as long as there are any. */
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

  /** Takes all tokens back. */
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
