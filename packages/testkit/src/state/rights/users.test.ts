import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/support/fake-clock.ts'
import { Users, usersOf } from './users.ts'
import { ScramExchange, scramCredential } from './users-scram.ts'

const users = (passwords: Record<string, string>, mechanisms?: string[]) => {
  const options = { users: passwords, ...(mechanisms && { mechanisms }) }
  const clock = new FakeClock()
  const known = { scramUsers: usersOf(options, clock), delegationTokens: new Map() }
  return new Users(options, clock, () => known)
}

const noUsers = { scramUsers: new Map(), delegationTokens: new Map() }

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')

describe('PLAIN', () => {
  const plain = (sent: string, passwords: Record<string, string> = { alice: 'alice-secret' }) =>
    users(passwords).begin('PLAIN')?.step(Buffer.from(sent))

  test('accepts the right password', () => {
    expect(plain('\0alice\0alice-secret')).toMatchObject({ kind: 'done', user: 'alice' })
    expect(plain('alice\0alice\0alice-secret')).toMatchObject({ kind: 'done', user: 'alice' })
  })

  test.each([
    ['\0alice\0wrong', 'Authentication failed: Invalid username or password'],
    ['\0bob\0alice-secret', 'Authentication failed: Invalid username or password'],
    ['\0__proto__\0x', 'Authentication failed: Invalid username or password'],
    ['\0\0alice-secret', 'Authentication failed: username not specified'],
    ['\0alice\0', 'Authentication failed: password not specified'],
    ['alice', 'Invalid SASL/PLAIN response: expected 3 tokens, got 1'],
    ['a\0b\0c\0d\0e', 'Invalid SASL/PLAIN response: expected 3 tokens, got 4'],
    [
      'bob\0alice\0alice-secret',
      'Authentication failed: Client requested an authorization id that is different from username',
    ],
  ])('rejects %j', (sent, message) => {
    expect(plain(sent)).toEqual({ kind: 'failed', message })
  })
})

describe('SCRAM', () => {
  test('matches the example of RFC 7677', () => {
    const credential = scramCredential('SCRAM-SHA-256', 'pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))
    const nonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
    const exchange = new ScramExchange(
      'SCRAM-SHA-256',
      () => nonce,
      (name) => (name === 'user' ? { user: name, credential, isToken: false, expiresAtMs: undefined } : undefined),
    )
    const first = exchange.step(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
    expect(first.kind === 'continue' && textOf(first.bytes)).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    )
    const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
    const final = `c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=${proof}`
    const last = exchange.step(Buffer.from(final))
    expect(last.kind === 'done' && textOf(last.bytes)).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  })

  /** An independent client, so that server and client cannot have the same bug. */
  function login(mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512', user: string, password: string, tamper = '') {
    const exchange = users({ alice: 'alice-secret', 'a,b=c': 'odd' }).begin(mechanism)
    const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
    const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C')
    const bare = `n=${name},r=clientnonce`
    const first = exchange?.step(Buffer.from(`n,,${bare}`))
    if (first?.kind !== 'continue') return first
    const challenge = textOf(first.bytes)
    const [, nonce = '', salt = ''] = /^r=([^,]*),s=([^,]*),i=4096$/.exec(challenge) ?? []
    expect(nonce).toMatch(/^clientnonce.{20,}/)
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), 4096, hash === 'sha256' ? 32 : 64, hash)
    const clientKey = createHmac(hash, salted).update('Client Key').digest()
    const unproven = `c=biws,r=${nonce}${tamper}`
    const signed = `${bare},${challenge},${unproven}`
    const signature = createHmac(hash, createHash(hash).update(clientKey).digest()).update(signed).digest()
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64')
    const last = exchange?.step(Buffer.from(`${unproven},p=${proof}`))
    const serverKey = createHmac(hash, salted).update('Server Key').digest()
    if (last?.kind === 'done') {
      expect(textOf(last.bytes)).toBe(`v=${createHmac(hash, serverKey).update(signed).digest('base64')}`)
    }
    return last
  }

  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    '%s checks the password, the user and the nonce',
    (mechanism) => {
      expect(login(mechanism, 'alice', 'alice-secret')).toMatchObject({ kind: 'done', user: 'alice' })
      expect(login(mechanism, 'alice', 'wrong')).toEqual({ kind: 'failed', message: undefined })
      expect(login(mechanism, 'bob', 'alice-secret')).toEqual({ kind: 'failed', message: undefined })
      expect(login(mechanism, 'alice', 'alice-secret', 'x')).toEqual({ kind: 'failed', message: undefined })
    },
  )

  test('unescapes names with a comma or an equals sign', () => {
    expect(login('SCRAM-SHA-256', 'a,b=c', 'odd')).toMatchObject({ kind: 'done', user: 'a,b=c' })
  })

  test('rejects malformed messages', () => {
    for (const sent of ['', 'n,,n=alice', 'y,,n=alice,r=x', 'n,,n=al=ice,r=x', 'p=tls-unique,,n=alice,r=x']) {
      expect(users({ alice: 'alice-secret' }).begin('SCRAM-SHA-256')?.step(Buffer.from(sent)).kind, sent).toBe('failed')
    }
  })
})

describe('mechanisms', () => {
  test('are all three by default, the configured ones otherwise, none without SASL', () => {
    expect(users({ a: 'b' }).mechanisms).toEqual(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
    expect(users({ a: 'b' }, ['PLAIN']).begin('SCRAM-SHA-256')).toBeUndefined()
    expect(new Users(undefined, new FakeClock(), () => noUsers).mechanisms).toEqual([])
  })

  test('reject an unknown mechanism and an empty password', () => {
    expect(() => users({ a: 'b' }, ['GSSAPI'])).toThrow(TypeError)
    expect(() => users({ a: '' })).toThrow(TypeError)
  })
})
