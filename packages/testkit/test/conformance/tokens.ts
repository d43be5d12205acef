import { type Api, CreateDelegationToken, DescribeDelegationToken, errorOf } from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** Logged in; on the other listener nobody may ask for tokens. */
export const alice = { name: 'alice', password: 'alice-secret' } as const

export interface Token {
  readonly tokenId: string
  readonly hmac: Buffer
}

/** A token of alice's for `renewers`, which broker 1 knows. */
export async function createToken<A extends Api>(
  stage: Stage<A>,
  on: Wire,
  { renewers = [], maxLifetimeMs = -1n }: { renewers?: readonly string[]; maxLifetimeMs?: bigint } = {},
): Promise<Token> {
  const people = renewers.map((principalName) => ({ principalType: 'User', principalName }))
  const answer = await stage.do(CreateDelegationToken, 1, { renewers: people, maxLifetimeMs }, { on })
  if (answer.errorCode !== 0) throw new Error(errorOf(answer.errorCode).name)
  await there(stage, on, answer.tokenId, true)
  return { tokenId: answer.tokenId, hmac: Buffer.from(answer.hmac) }
}

/** Waits until broker 1 knows a token, or no more. */
export async function there<A extends Api>(stage: Stage<A>, on: Wire, id: string, isThere: boolean): Promise<void> {
  await stage.until(`token ${id}`, async () => {
    const { tokens } = await stage.do(DescribeDelegationToken, 1, { owners: null }, { on })
    return tokens.some(({ tokenId }) => tokenId === id) === isThere
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
