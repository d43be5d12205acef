import { ApiVersions, type Encodable, ListGroups, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import { scramProof } from '../../support/login.ts'
import type { Wire } from '../../support/wire.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

type OwnStage = Stage<typeof SaslAuthenticate>
type Mechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

const alice = { name: 'alice', password: 'alice-secret' }
const listing = { statesFilter: [], typesFilter: [] }
const software = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1' }
const said = (text: string): Encodable<typeof SaslAuthenticate.request> => ({ authBytes: Buffer.from(text) })

async function chosen(stage: OwnStage, mechanism: Mechanism): Promise<Wire> {
  const wire = await stage.open({ sasl: true })
  await stage.do(SaslHandshake, 1, { mechanism }, { on: wire })
  return wire
}

const nonce = 'fyko+d2lbbFgONRv9qkxdawL'

/** Both client messages of SCRAM, the second one after `change`. */
async function scram(
  stage: OwnStage,
  mechanism: Exclude<Mechanism, 'PLAIN'>,
  label: string,
  { password = alice.password, extensions = '', change = (final: string) => final } = {},
): Promise<Wire> {
  const wire = await chosen(stage, mechanism)
  const bare = `n=alice,r=${nonce}${extensions}`
  const { authBytes } = await stage.ask(`${label}: first`, said(`n,,${bare}`), { on: wire })
  if (authBytes === undefined || authBytes.length === 0) return wire
  const challenge = Buffer.from(authBytes).toString()
  stage.saw(`${label}: challenge`, challenge.replace(/^r=([^,]{24})[^,]*,s=[^,]*,/, 'r=$1…,s=…,'))
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  await stage.ask(`${label}: final`, said(change(scramProof(hash, { bare, challenge, password }))), { on: wire })
  return wire
}

async function serves(stage: OwnStage, on: Wire): Promise<void> {
  const { errorCode } = await stage.do(ListGroups, 5, listing, { on })
  stage.saw('and then it serves', { errorCode })
}

export const saslAuthenticate = conformance(SaslAuthenticate, {
  async valid(stage) {
    const plain = await chosen(stage, 'PLAIN')
    await stage.ask('a password', said('\0alice\0alice-secret'), { on: plain })
    await serves(stage, plain)
    const named = await chosen(stage, 'PLAIN')
    await stage.ask('with an authorization id', said('alice\0alice\0alice-secret'), { on: named })
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
      await serves(stage, await scram(stage, mechanism, mechanism))
    }
    await scram(stage, 'SCRAM-SHA-256', 'unknown extension', { extensions: ',abc=def' })
    await scram(stage, 'SCRAM-SHA-256', 'not by a token', { extensions: ',tokenauth=false' })
  },

  async invalid(stage) {
    const plain = [
      ['wrong password', '\0alice\0wrong'],
      ['unknown user', '\0nobody\0alice-secret'],
      ['no user', '\0\0alice-secret'],
      ['no password', '\0alice\0'],
      ['one part', 'alice'],
      ['two parts', 'alice\0alice-secret'],
      ['five parts', 'a\0b\0c\0d\0e'],
      ['nothing', ''],
      ['of another user', 'bob\0alice\0alice-secret'],
    ] as const
    for (const [label, text] of plain) {
      const wire = await chosen(stage, 'PLAIN')
      await stage.ask(`PLAIN: ${label}`, said(text), { on: wire })
      await stage.ask('and again', said('\0alice\0alice-secret'), { on: wire })
    }
    const firsts = [
      ['unknown user', `n,,n=stranger,r=${nonce}`],
      ['no nonce', 'n,,n=alice'],
      ['no user', `n,,n=,r=${nonce}`],
      ['channel binding', `p=tls-unique,,n=alice,r=${nonce}`],
      ['of another user', `n,a=bob,n=alice,r=${nonce}`],
      ['a broken name', `n,,n=al=ice,r=${nonce}`],
      ['unknown token', `n,,n=alice,r=${nonce},tokenauth=true`],
      ['an extension without value', `n,,n=alice,r=${nonce},abc`],
      ['nothing', ''],
    ] as const
    for (const [label, text] of firsts) {
      const wire = await chosen(stage, 'SCRAM-SHA-512')
      await stage.ask(`SCRAM: ${label}`, said(text), { on: wire })
    }
    await scram(stage, 'SCRAM-SHA-256', 'wrong password', { password: 'wrong' })
    await scram(stage, 'SCRAM-SHA-256', 'other nonce', { change: (final) => final.replace('r=', 'r=x') })
    await scram(stage, 'SCRAM-SHA-256', 'no proof', { change: (final) => final.replace(/,p=.*/, '') })
    await scram(stage, 'SCRAM-SHA-256', 'short proof', { change: (final) => final.replace(/,p=.*/, ',p=AAAA') })
  },

  async wrongState(stage) {
    await stage.ask('without SASL', said('\0alice\0alice-secret'))
    const early = await stage.open({ sasl: true })
    await stage.ask('before the handshake', said('\0alice\0alice-secret'), { on: early })
    const late = await stage.open({ user: alice })
    await stage.ask('after logging in', said('\0alice\0alice-secret'), { on: late })
    await serves(stage, late)
    const begun = await chosen(stage, 'PLAIN')
    await stage.note('versions in between', ApiVersions, 4, software, { on: begun })
    await stage.ask('and then', said('\0alice\0alice-secret'), { on: begun })
  },
})

/** An unsigned token. */
function unsigned(claims: object, header: object = { alg: 'none' }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64').replace(/=+$/, '')
  return `${part(header)}.${part(claims)}.`
}

const hourMs = 3_600_000
const seconds = (offsetMs: number) => Math.round((Date.now() + offsetMs) / 1000)
const good = () => ({ sub: 'conformance', iat: seconds(-hourMs), exp: seconds(hourMs) })
const bearing = (token: string, about = '') => said(`n,${about},\x01auth=Bearer ${token}\x01\x01`)

async function bearer(stage: OwnStage, label: string, body: Encodable<typeof SaslAuthenticate.request>): Promise<Wire> {
  const wire = await stage.open({ sasl: true })
  await stage.do(SaslHandshake, 1, { mechanism: 'OAUTHBEARER' }, { on: wire })
  const { authBytes, errorCode } = await stage.ask(`bearer: ${label}`, body, { on: wire })
  if (errorCode !== 0 || authBytes.length === 0) return wire
  stage.saw(`bearer: ${label}, reason`, Buffer.from(authBytes).toString())
  await stage.ask(`bearer: ${label}, heard`, said('\x01'), { on: wire })
  return wire
}

export const bearerTokens = conformance(SaslAuthenticate, {
  async valid(stage) {
    // The remaining lifetime of the token.
    stage.drop('sessionLifetimeMs')
    await serves(stage, await bearer(stage, 'a token', bearing(unsigned(good()))))
    await bearer(stage, 'of whom it says', bearing(unsigned(good()), 'a=conformance'))
    await bearer(stage, 'without iat', bearing(unsigned({ sub: 'conformance', exp: seconds(hourMs) })))
    await bearer(stage, 'an extension', said(`n,,\x01auth=bearer ${unsigned(good())}\x01a=b\x01\x01`))
  },

  async invalid(stage) {
    const { sub, iat, exp } = good()
    const claims: Readonly<Record<string, object>> = {
      'no sub': { iat, exp },
      'a blank sub': { sub: ' ', iat, exp },
      'a number as sub': { sub: 1, iat, exp },
      'no exp': { sub, iat },
      'a text as exp': { sub, iat, exp: String(exp) },
      expired: { sub, iat, exp: seconds(-1000) },
      'of tomorrow': { sub, iat: seconds(hourMs), exp: seconds(2 * hourMs) },
      'exp before iat': { sub, iat: seconds(-1000), exp: seconds(-2000) },
    }
    for (const [label, body] of Object.entries(claims)) await bearer(stage, label, bearing(unsigned(body)))
    await bearer(stage, 'signed', bearing(`${unsigned(good())}c2lnbmF0dXJl`))
    await bearer(stage, 'alg', bearing(unsigned(good(), { alg: 'HS256' })))
    await bearer(stage, 'two parts', bearing('abc.def'))
    await bearer(stage, 'no JSON', bearing('abc.def.'))
    await bearer(stage, 'of another user', bearing(unsigned(good()), 'a=bob'))
    await bearer(stage, 'another scheme', said(`n,,\x01auth=Basic ${unsigned(good())}\x01\x01`))
    await bearer(stage, 'no auth', said('n,,\x01\x01'))
    await bearer(stage, 'nothing', said(''))
    await bearer(stage, 'only heard', said('\x01'))
  },
})
