import { AlterUserScramCredentials, ExpireDelegationToken } from '@ottla/codec'
import { conformance } from '../case.ts'
import { alice, createToken, openAs, there, withToken } from '../tokens.ts'
import { createUsers } from './50-describe-user-scram-credentials.ts'

export const expireDelegationToken = conformance(ExpireDelegationToken, {
  async valid(stage) {
    const on = await stage.open({ user: alice })
    const renewer = stage.name('renewer')
    await createUsers(stage, renewer)
    const token = await createToken(stage, on, { renewers: [renewer] })
    const { hmac } = token
    await stage.ask('in an hour', { hmac, expiryTimePeriodMs: 3_600_000n }, { on })
    await stage.ask('beyond its end', { hmac, expiryTimePeriodMs: 10n ** 15n }, { on })
    await stage.ask('by a renewer', { hmac, expiryTimePeriodMs: 60_000n }, { on: await openAs(stage, renewer) })
    await stage.ask('immediately', { hmac, expiryTimePeriodMs: -1n }, { on })
    await there(stage, on, token, false)
    stage.saw('it authenticates no client', await withToken(stage, token).catch((error: Error) => error.message))
    await stage.do(AlterUserScramCredentials, 0, { deletions: [{ name: renewer, mechanism: 1 }], upsertions: [] })
  },

  async invalid(stage) {
    const on = await stage.open({ user: alice })
    await stage.ask('no hmac', { hmac: Buffer.alloc(0), expiryTimePeriodMs: -1n }, { on })
    await stage.ask('a wrong hmac', { hmac: Buffer.alloc(64, 7), expiryTimePeriodMs: -1n }, { on })
    await stage.ask('a time of a wrong one', { hmac: Buffer.from('x'), expiryTimePeriodMs: 7n }, { on })
  },

  async wrongState(stage) {
    const on = await stage.open({ user: alice })
    const stranger = stage.name('stranger')
    await createUsers(stage, stranger)
    const token = await createToken(stage, on)
    const { hmac } = token
    await stage.ask('unauthenticated', { hmac, expiryTimePeriodMs: -1n })
    await stage.ask('by itself', { hmac, expiryTimePeriodMs: -1n }, { on: await withToken(stage, token) })
    await stage.ask('by a stranger', { hmac, expiryTimePeriodMs: -1n }, { on: await openAs(stage, stranger) })
    await stage.do(ExpireDelegationToken, 1, { hmac, expiryTimePeriodMs: -1n }, { on })
    await there(stage, on, token, false)
    await stage.ask('gone', { hmac, expiryTimePeriodMs: -1n }, { on })
    const short = await createToken(stage, on, { maxLifetimeMs: 1n })
    await new Promise((resolve) => setTimeout(resolve, 20))
    await stage.ask('later, when it has expired', { hmac: short.hmac, expiryTimePeriodMs: 1000n }, { on })
    await stage.ask('immediately, when it has expired', { hmac: short.hmac, expiryTimePeriodMs: -1n }, { on })
    await stage.do(AlterUserScramCredentials, 0, { deletions: [{ name: stranger, mechanism: 1 }], upsertions: [] })
  },
})
