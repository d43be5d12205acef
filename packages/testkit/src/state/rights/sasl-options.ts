/** Users and mechanisms of the listeners with SASL. */
export interface SaslOptions {
  /** Default: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, and with `oauthbearer` also OAUTHBEARER. */
  readonly mechanisms?: readonly string[]
  /** User name → password. */
  readonly users?: Readonly<Record<string, string>>
  /** Which OAUTHBEARER tokens are accepted. */
  readonly oauthbearer?: OauthOptions
}

/** How OAUTHBEARER validates tokens: Kafka's options for unsecured tokens, or a function of your own. */
export interface OauthOptions {
  /** The claim with the user name. Default 'sub'. */
  readonly principalClaim?: string
  /** The claim with the scope. Default 'scope'. */
  readonly scopeClaim?: string
  /** Scopes that a token must have, separated by spaces. Default: none. */
  readonly requiredScope?: string
  /** Clock skew that is tolerated. Default 0. */
  readonly allowableClockSkewMs?: number
  /**
   * Validates signed tokens: returns the identity and its expiry, or undefined to reject the token. Without it tokens are
   * unsigned (`alg: none`), as in Kafka's default configuration.
   */
  readonly validate?: (token: string) => BearerIdentity | undefined
}

/** The identity behind a bearer token. */
export interface BearerIdentity {
  readonly principal: string
  /** Wall time. */
  readonly expiresAtMs: number
}
