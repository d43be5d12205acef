/** Who does something: `User:alice` in its two parts. */
export interface Principal {
  readonly type: string
  readonly name: string
}

/** A delegation token (KIP-48): its owner's rights for whoever knows the hmac, until it expires. */
export interface DelegationToken {
  readonly id: string
  readonly owner: Principal
  readonly requester: Principal
  readonly renewers: readonly Principal[]
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** Nobody can renew it beyond. */
  readonly endsAtMs: number
  /** In base64 it is the password of the user that the id is. */
  readonly hmac: Buffer
}

/** By their ids. Immutable: a change is a new map. */
export type DelegationTokens = ReadonlyMap<string, DelegationToken>

/** `User:alice` in its two parts. */
export function principalOf(text: string): Principal {
  const at = text.indexOf(':')
  return { type: text.slice(0, at), name: text.slice(at + 1) }
}

function isSame(a: Principal, b: Principal): boolean {
  return a.type === b.type && a.name === b.name
}

/** May see it, renew it and end it. */
export function isOwnerOrRenewer({ owner, renewers }: DelegationToken, principal: Principal): boolean {
  return isSame(owner, principal) || renewers.some((renewer) => isSame(renewer, principal))
}

/** Its time is over, though it is there until the next sweep. */
export function hasExpired({ expiresAtMs, endsAtMs }: DelegationToken, nowMs: number): boolean {
  return endsAtMs < nowMs || expiresAtMs < nowMs
}
