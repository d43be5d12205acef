import {
  AlterUserScramCredentials,
  CreateDelegationToken,
  DescribeDelegationToken,
  ExpireDelegationToken,
} from '@ottla/codec'
import { conformance } from '../case.ts'
import { alice, createToken, openAs, there, withToken } from '../tokens.ts'
import { createUsers } from './50-describe-user-scram-credentials.ts'

const owned = (...names: readonly string[]) => ({
  owners: names.map((principalName) => ({ principalType: 'User', principalName })),
})

export const describeDelegationToken = conformance(DescribeDelegationToken, {
  async valid(stage) {
    const [owner, renewer] = [stage.name('owner'), stage.name('renewer')]
    await createUsers(stage, owner, renewer)
    const on = await openAs(stage, owner)
    await stage.ask('none yet', owned(owner), { on })
    const renewers = [{ principalType: 'User', principalName: renewer }]
    for (const each of [[], renewers]) {
      const { tokenId } = await stage.do(CreateDelegationToken, 2, { renewers: each, maxLifetimeMs: 60_000n }, { on })
      await there(stage, on, { tokenId }, true)
    }
    await stage.ask('its own', owned(owner), { on })
    await stage.ask('by the renewer', owned(renewer), { on: await openAs(stage, renewer) })
    await stage.ask('by alice', owned(owner, renewer), { on: await stage.open({ user: alice }) })
    await stage.ask('of no user', { owners: [] }, { on })
    await stage.ask('of an unknown user', owned(stage.name('stranger')), { on })
    for (const name of [owner, renewer]) {
      await stage.do(AlterUserScramCredentials, 0, { deletions: [{ name, mechanism: 1 }], upsertions: [] })
    }
  },

  async invalid(stage) {
    const on = await stage.open({ user: alice })
    const other = { owners: [{ principalType: 'Group', principalName: 'alice' }] }
    await stage.ask('of another type', other, { on })
    await stage.ask('without a name', owned(''), { on })
  },

  async wrongState(stage) {
    const on = await stage.open({ user: alice })
    await stage.ask('unauthenticated', { owners: null })
    await stage.ask('unauthenticated, of no user', { owners: [] })
    const token = await createToken(stage, on)
    await stage.ask('by a token', { owners: null }, { on: await withToken(stage, token) })
    const { hmac, tokenId } = token
    await stage.do(ExpireDelegationToken, 1, { hmac, expiryTimePeriodMs: -1n }, { on })
    await there(stage, on, { tokenId }, false)
    const { tokens } = await stage.do(DescribeDelegationToken, 1, { owners: null }, { on })
    stage.saw('gone', { isThere: tokens.some((each) => each.tokenId === tokenId) })
  },
})
