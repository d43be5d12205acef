/** A principal: type and name of `User:alice`. */
export interface Principal {
  readonly type: string
  readonly name: string
}

/** A delegation token (KIP-48): it grants its owner's rights to anyone with the hmac, until it expires. */
export interface DelegationToken {
  readonly id: string
  readonly owner: Principal
  readonly requester: Principal
  readonly renewers: readonly Principal[]
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** The maximum lifetime: it cannot be renewed past this time. */
  readonly endsAtMs: number
  /** In base64 it is the password of the user named by the id. */
  readonly hmac: Buffer
}

/** Tokens by id. Immutable: a change creates a new map. */
export type DelegationTokens = ReadonlyMap<string, DelegationToken>

/** Splits `User:alice` into type and name. */
export function principalOf(text: string): Principal {
  const at = text.indexOf(':')
  return { type: text.slice(0, at), name: text.slice(at + 1) }
}

function isSame(a: Principal, b: Principal): boolean {
  return a.type === b.type && a.name === b.name
}

/** Owners and renewers may describe, renew and expire a token. */
export function isOwnerOrRenewer({ owner, renewers }: DelegationToken, principal: Principal): boolean {
  return isSame(owner, principal) || renewers.some((renewer) => isSame(renewer, principal))
}

/** Whether the token expired; it exists until the next sweep. */
export function hasExpired({ expiresAtMs, endsAtMs }: DelegationToken, nowMs: number): boolean {
  return endsAtMs < nowMs || expiresAtMs < nowMs
}
