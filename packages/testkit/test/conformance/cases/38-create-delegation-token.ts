import { CreateDelegationToken, DescribeDelegationToken, ExpireDelegationToken, ListGroups } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { alice, createToken, there, withToken } from '../tokens.ts'

type OwnStage = Stage<typeof CreateDelegationToken>
const own = { ownerPrincipalType: null, ownerPrincipalName: null }
const longestOf = (version: number) => ({ ...(version >= 3 && own), renewers: [], maxLifetimeMs: -1n })

/** The maximum lifetime and the renewal period. */
function sawTimes(stage: OwnStage, response: Record<`${'issue' | 'expiry' | 'max'}TimestampMs`, bigint>): void {
  const { issueTimestampMs, expiryTimestampMs, maxTimestampMs } = response
  stage.saw('times', { expiry: expiryTimestampMs - issueTimestampMs, max: maxTimestampMs - issueTimestampMs })
}

export const createDelegationToken = conformance(CreateDelegationToken, {
  async valid(stage, version) {
    const longest = longestOf(version)
    const on = await stage.open({ user: alice })
    const created = await stage.ask('the longest', longest, { on })
    sawTimes(stage, created)
    await there(stage, on, created, true)
    const { tokens } = await stage.do(DescribeDelegationToken, 2, { owners: null }, { on })
    stage.saw(
      'is described',
      tokens.find(({ tokenId }) => tokenId === created.tokenId),
    )
    const other = await withToken(stage, { tokenId: created.tokenId, hmac: Buffer.from(created.hmac) })
    const { errorCode } = await stage.do(ListGroups, 5, { statesFilter: [], typesFilter: [] }, { on: other })
    stage.saw('it serves who logs in with it', { errorCode })
    const renewers = [{ principalType: 'User', principalName: 'bob' }]
    sawTimes(
      stage,
      await stage.ask('a minute, and a renewer', { ...longest, renewers, maxLifetimeMs: 60_000n }, { on }),
    )
    sawTimes(stage, await stage.ask('longer than allowed', { ...longest, maxLifetimeMs: 10n ** 12n }, { on }))
    sawTimes(stage, await stage.ask('0 ms', { ...longest, maxLifetimeMs: 0n }, { on }))
    if (version < 3) return
    const owner = { ownerPrincipalType: 'User', ownerPrincipalName: 'carol' }
    await stage.ask('of another user', { ...longest, ...owner }, { on })
    await stage.ask('an empty owner', { ...longest, ownerPrincipalType: '', ownerPrincipalName: '' }, { on })
  },

  async invalid(stage, version) {
    const longest = longestOf(version)
    const on = await stage.open({ user: alice })
    const renewers = [{ principalType: 'Group', principalName: 'all' }]
    await stage.ask('a group as renewer', { ...longest, renewers }, { on })
    const both = [{ principalType: 'User', principalName: 'bob' }, ...renewers]
    await stage.ask('one of two renewers', { ...longest, renewers: both }, { on })
    await stage.ask(
      'a renewer without a type',
      { ...longest, renewers: [{ principalType: '', principalName: '' }] },
      { on },
    )
    if (version < 3) return
    const carol = { ...longest, ownerPrincipalName: 'carol' }
    await stage.ask("a group's", { ...carol, ownerPrincipalType: 'Group' }, { on })
    await stage.ask('of no type', { ...carol, ownerPrincipalType: '' }, { on })
    await stage.ask('without a type', carol, { on })
    await stage.ask('without a name', { ...longest, ownerPrincipalType: 'User' }, { on })
    await stage.ask("carol's for a group", { ...carol, ownerPrincipalType: 'User', renewers }, { on })
  },

  async wrongState(stage, version) {
    const longest = longestOf(version)
    await stage.ask('unauthenticated', longest)
    const on = await stage.open({ user: alice })
    const token = await createToken(stage, on)
    await stage.ask('by a token', longest, { on: await withToken(stage, token) })
    await stage.do(ExpireDelegationToken, 1, { hmac: token.hmac, expiryTimePeriodMs: -1n }, { on })
    await there(stage, on, token, false)
    stage.saw('by a token that is gone', await withToken(stage, token).catch((error: Error) => error.message))
  },
})
