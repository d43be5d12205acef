import { type Api, CreateDelegationToken, DescribeDelegationToken, errorOf, RenewDelegationToken } from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** Logged in; on the other listener nobody may ask for tokens. */
export const alice = { name: 'alice', password: 'alice-secret' } as const

export interface Token {
  readonly tokenId: string
  readonly hmac: Buffer
}

/** A token of alice's for `renewers`, which broker 1 and the controller know. */
export async function createToken<A extends Api>(
  stage: Stage<A>,
  on: Wire,
  { renewers = [], maxLifetimeMs = -1n }: { renewers?: readonly string[]; maxLifetimeMs?: bigint } = {},
): Promise<Token> {
  const people = renewers.map((principalName) => ({ principalType: 'User', principalName }))
  const response = await stage.do(CreateDelegationToken, 1, { renewers: people, maxLifetimeMs }, { on })
  if (response.errorCode !== 0) throw new Error(errorOf(response.errorCode).name)
  const token = { tokenId: response.tokenId, hmac: Buffer.from(response.hmac) }
  await there(stage, on, token, true)
  return token
}

/**
 * Waits until broker 1 knows a token of alice's, or no more; with its hmac also until the controller does, which learns of
 * its own decisions as late as others do. Renewing it by default leaves it as it was.
 */
export async function there<A extends Api>(
  stage: Stage<A>,
  on: Wire,
  { tokenId, hmac }: { readonly tokenId: string; readonly hmac?: Uint8Array },
  isThere: boolean,
): Promise<void> {
  await stage.until(`token ${tokenId}`, async () => {
    const { tokens } = await stage.do(DescribeDelegationToken, 1, { owners: null }, { on })
    return tokens.some((token) => token.tokenId === tokenId) === isThere
  })
  if (hmac === undefined) return
  await stage.until(`token ${tokenId} with the controller`, async () => {
    const { errorCode } = await stage.do(RenewDelegationToken, 1, { hmac, renewPeriodMs: -1n }, { on })
    return (errorOf(errorCode).name !== 'DELEGATION_TOKEN_NOT_FOUND') === isThere
  })
}

/** Logs in with a token. */
export function withToken<A extends Api>(stage: Stage<A>, { tokenId, hmac }: Token): Promise<Wire> {
  const password = hmac.toString('base64')
  return stage.open({ user: { name: tokenId, password, mechanism: 'SCRAM-SHA-256', isToken: true } })
}

/** Another user, logged in. */
export function openAs<A extends Api>(stage: Stage<A>, name: string): Promise<Wire> {
  return stage.open({ user: { name, password: `${name}-secret`, mechanism: 'SCRAM-SHA-256' } })
}
