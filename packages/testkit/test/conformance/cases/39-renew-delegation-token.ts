import { AlterUserScramCredentials, ExpireDelegationToken, RenewDelegationToken } from '@ottla/codec'
import { conformance } from '../case.ts'
import { alice, createToken, openAs, there, withToken } from '../tokens.ts'
import { createUsers } from './50-describe-user-scram-credentials.ts'

export const renewDelegationToken = conformance(RenewDelegationToken, {
  async valid(stage) {
    const on = await stage.open({ user: alice })
    const renewer = stage.name('renewer')
    await createUsers(stage, renewer)
    const { hmac } = await createToken(stage, on, { renewers: [renewer] })
    await stage.ask('an hour', { hmac, renewPeriodMs: 3_600_000n }, { on })
    await stage.ask('for the longest time', { hmac, renewPeriodMs: -1n }, { on })
    await stage.ask('0 ms', { hmac, renewPeriodMs: 0n }, { on })
    await stage.ask('by a renewer', { hmac, renewPeriodMs: 1000n }, { on: await openAs(stage, renewer) })
    await stage.do(AlterUserScramCredentials, 0, { deletions: [{ name: renewer, mechanism: 1 }], upsertions: [] })
  },

  async invalid(stage) {
    const on = await stage.open({ user: alice })
    await stage.ask('no hmac', { hmac: Buffer.alloc(0), renewPeriodMs: -1n }, { on })
    await stage.ask('a wrong hmac', { hmac: Buffer.alloc(64, 7), renewPeriodMs: -1n }, { on })
    await stage.ask('a negative time of a wrong one', { hmac: Buffer.from('x'), renewPeriodMs: -7n }, { on })
  },

  async wrongState(stage) {
    const on = await stage.open({ user: alice })
    const stranger = stage.name('stranger')
    await createUsers(stage, stranger)
    const token = await createToken(stage, on)
    const { hmac } = token
    await stage.ask('unauthenticated', { hmac, renewPeriodMs: -1n })
    await stage.ask('by itself', { hmac, renewPeriodMs: -1n }, { on: await withToken(stage, token) })
    await stage.ask('by a stranger', { hmac, renewPeriodMs: -1n }, { on: await openAs(stage, stranger) })
    await stage.do(ExpireDelegationToken, 1, { hmac, expiryTimePeriodMs: -1n }, { on })
    await there(stage, on, token, false)
    await stage.ask('gone', { hmac, renewPeriodMs: -1n }, { on })
    const short = await createToken(stage, on, { maxLifetimeMs: 1n })
    await new Promise((resolve) => setTimeout(resolve, 20))
    await stage.ask('expired', { hmac: short.hmac, renewPeriodMs: -1n }, { on })
    await stage.do(AlterUserScramCredentials, 0, { deletions: [{ name: stranger, mechanism: 1 }], upsertions: [] })
  },
})
