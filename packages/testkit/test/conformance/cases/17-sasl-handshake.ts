import { ApiVersions, ListGroups, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import { conformance } from '../case.ts'

const alice = { name: 'alice', password: 'alice-secret' }
const listing = { statesFilter: [], typesFilter: [] }
const software = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }

export const saslHandshake = conformance(SaslHandshake, {
  async valid(stage, version) {
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      const wire = await stage.open({ sasl: true })
      await stage.ask(mechanism, { mechanism }, { on: wire })
    }
    const wire = await stage.open({ sasl: true })
    await stage.do(ApiVersions, 4, software, { on: wire })
    await stage.ask('after the versions', { mechanism: 'PLAIN' }, { on: wire })
    const token = Buffer.from('\0alice\0alice-secret')
    if (version === 0) stage.saw('the response to a bare token', await wire.raw(token))
    else await stage.note('a token', SaslAuthenticate, 2, { authBytes: token }, { on: wire })
    const { errorCode } = await stage.do(ListGroups, 5, listing, { on: wire })
    stage.saw('and then it serves', { errorCode })
  },

  async invalid(stage, version) {
    for (const mechanism of ['GSSAPI', 'OAUTHBEARER-', 'plain', 'SCRAM-SHA-1', '']) {
      const wire = await stage.open({ sasl: true })
      await stage.ask(`mechanism '${mechanism}'`, { mechanism }, { on: wire })
      await stage.ask('and again', { mechanism: 'PLAIN' }, { on: wire })
    }
    const wire = await stage.open({ sasl: true })
    await stage.ask('to tell a wrong password', { mechanism: 'PLAIN' }, { on: wire })
    const token = Buffer.from('\0alice\0wrong')
    if (version > 0) await stage.note('wrong', SaslAuthenticate, 2, { authBytes: token }, { on: wire })
    else stage.saw('wrong', await wire.raw(token).catch((error: Error) => error.message))
  },

  async wrongState(stage) {
    await stage.ask('without SASL', { mechanism: 'PLAIN' })
    await stage.ask('without SASL, of an unknown mechanism', { mechanism: 'none' })
    const wire = await stage.open({ user: alice })
    await stage.ask('after logging in', { mechanism: 'PLAIN' }, { on: wire })
    await stage.ask('and still', { mechanism: 'GSSAPI' }, { on: wire })
    const twice = await stage.open({ sasl: true })
    await stage.ask('once', { mechanism: 'SCRAM-SHA-256' }, { on: twice })
    await stage.ask('twice', { mechanism: 'SCRAM-SHA-256' }, { on: twice })
    await stage.ask('thrice', { mechanism: 'SCRAM-SHA-256' }, { on: twice })
    const curious = await stage.open({ sasl: true })
    await stage.do(ApiVersions, 4, software, { on: curious })
    await stage.note('versions twice', ApiVersions, 4, software, { on: curious })
    const early = await stage.open({ sasl: true })
    await stage.note('something else before', ListGroups, 5, listing, { on: early })
    await stage.ask('on what is closed', { mechanism: 'PLAIN' }, { on: early })
  },
})
