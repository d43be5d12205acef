import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../../test/support/manual-runtime.ts'
import { KafkaError } from '../../errors.ts'
import type { SaslMechanism } from './mechanism.ts'
import { plain } from './plain.ts'
import { escapeName, scramSha256, scramSha512 } from './scram.ts'

const broker = { id: 1, host: 'broker', port: 9092 }
const credentials = { username: 'user', password: 'pencil' }

/** Runs an authentication against a server of a few lines; returns the messages of the client. */
async function converse(
  mechanism: SaslMechanism,
  server: (message: string, round: number) => string,
  runtime = new ManualRuntime(),
): Promise<string[]> {
  const sent: string[] = []
  const send = async (bytes: Uint8Array) => {
    const message = Buffer.from(bytes).toString('utf8')
    sent.push(message)
    return Buffer.from(server(message, sent.length), 'utf8')
  }
  await mechanism.authenticate({ runtime, broker, send })
  return sent
}

/** The server's half of RFC 5802, written apart from the client's. */
function scramServer(
  digest: 'sha256' | 'sha512',
  password: string,
  iterations = 4096,
  salt = Buffer.from('salty-salt'),
) {
  let first = ''
  let challenge = ''
  return (message: string, round: number): string => {
    if (round === 1) {
      first = message.slice(3)
      challenge = `r=${/r=([^,]+)/.exec(first)![1]}SERVER,s=${salt.toString('base64')},i=${iterations}`
      return challenge
    }
    const [, withoutProof, proof] = /^(.*),p=(.*)$/.exec(message)!
    const size = digest === 'sha256' ? 32 : 64
    const salted = pbkdf2Sync(password, salt, iterations, size, digest)
    const hmac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest()
    const clientKey = hmac(salted, 'Client Key')
    const signed = `${first},${challenge},${withoutProof}`
    const signature = hmac(createHash(digest).update(clientKey).digest(), signed)
    const expected = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')
    if (proof !== expected) return 'e=invalid-proof'
    return `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`
  }
}

describe('SCRAM', () => {
  test('sends the messages of RFC 7677, byte for byte', async () => {
    const runtime = new ManualRuntime()
    // The nonce of the example is not base64 of our length: the nonce of these bytes starts with it.
    const nonce = 'rOprNGfwEbeRWgbNEkqOrOprNGfwEbeR'
    runtime.secureRandom = () => Buffer.from(nonce, 'base64')
    const salt = 'W22ZaJ0SNY7soEsUEjb6gQ=='
    const sent = await converse(
      scramSha256(credentials),
      scramServer('sha256', 'pencil', 4096, Buffer.from(salt, 'base64')),
      runtime,
    )
    expect(sent[0]).toBe(`n,,n=user,r=${nonce}`)
    expect(sent[1]).toMatch(new RegExp(`^c=biws,r=${nonce}SERVER,p=[A-Za-z0-9+/]{43}=$`))
  })

  test('derives the keys of the example in RFC 7677', () => {
    // The server of these tests matches the RFC, so a client that matches the server matches the RFC.
    const server = scramServer('sha256', 'pencil', 4096, Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))
    const nonce = 'rOprNGfwEbeRWgbNEkqO'
    const challenge = server(`n,,n=user,r=${nonce}`, 1)
    expect(challenge).toBe(`r=${nonce}SERVER,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`)
    const salted = pbkdf2Sync('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), 4096, 32, 'sha256')
    const clientKey = createHmac('sha256', salted).update('Client Key').digest()
    const full = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
    const signed = `n=user,r=${nonce},r=${full},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${full}`
    const signature = createHmac('sha256', createHash('sha256').update(clientKey).digest()).update(signed).digest()
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')
    expect(proof).toBe('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=')
  })

  test.each([
    ['SCRAM-SHA-256', scramSha256, 'sha256'],
    ['SCRAM-SHA-512', scramSha512, 'sha512'],
  ] as const)('authenticates with %s, at other iteration counts too', async (name, make, digest) => {
    expect(make(credentials).name).toBe(name)
    await converse(make(credentials), scramServer(digest, 'pencil'))
    await converse(make(credentials), scramServer(digest, 'pencil', 16_384))
    await expect(converse(make(credentials), scramServer(digest, 'other'))).rejects.toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
      message: expect.stringContaining('invalid-proof'),
    })
  })

  // What the first draw of a fresh runtime returns.
  const nonce = Buffer.from(new ManualRuntime().secureRandom(24)).toString('base64')
  const good = `r=${nonce}x,s=c2FsdA==,i=4096`
  test.each([
    ['the nonce of the client only', good.replace(`${nonce}x`, nonce), /does not continue/],
    ['a nonce of another conversation', good.replace(nonce, 'AAAA'), /does not continue/],
    ['too few iterations', good.replace('4096', '4095'), /fewer than 4096/],
    ['too many iterations', good.replace('4096', '65537'), /more than maxIterations/],
    ['a huge count', good.replace('4096', '9999999999'), /more than maxIterations/],
    ['a count that is no integer', good.replace('4096', '4096.5'), /malformed/],
    ['a count with a sign', good.replace('4096', '+4096'), /malformed/],
    ['an empty salt', good.replace('c2FsdA==', ''), /malformed/],
    ['a salt that is not strict base64', good.replace('c2FsdA==', 'c2FsdA='), /base64/],
    ['an extension that must be understood', `m=x,${good}`, /extension/],
    ['an error', 'e=unknown-user', /unknown-user/],
    ['nothing', '', /malformed/],
    ['a message that is too long', `${good},${'x'.repeat(5000)}`, /too long/],
  ])('refuses a challenge with %s', async (_, challenge, message) => {
    let rounds = 0
    const server = () => {
      rounds++
      return challenge
    }
    const failed = converse(scramSha256(credentials), server)
    await expect(failed).rejects.toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
      retriable: false,
      message: expect.stringMatching(message),
    })
    expect(rounds).toBe(1)
  })

  test.each([
    ['no signature', 'r=x', /did not prove/],
    ['an empty message', '', /did not prove/],
    ['a wrong signature', `v=${Buffer.alloc(32).toString('base64')}`, /signature/],
    ['a short signature', `v=${Buffer.alloc(31).toString('base64')}`, /signature/],
    ['an error', 'e=other-error', /other-error/],
  ])('rejects a broker whose final message is %s', async (_, final, message) => {
    const server = scramServer('sha256', 'pencil')
    const lying = (text: string, round: number) => (round === 1 ? server(text, round) : final)
    await expect(converse(scramSha256(credentials), lying)).rejects.toThrow(message)
  })

  test('derives the salted password once for the same salt and count', async () => {
    const runtime = new ManualRuntime()
    let jobs = 0
    const { work } = runtime
    runtime.work = (job) => {
      jobs++
      return work.call(runtime, job) as never
    }
    const mechanism = scramSha512(credentials)
    await converse(mechanism, scramServer('sha512', 'pencil'), runtime)
    await converse(mechanism, scramServer('sha512', 'pencil'), runtime)
    expect(jobs).toBe(1)
    await converse(mechanism, scramServer('sha512', 'pencil', 8192), runtime)
    expect(jobs).toBe(2)
  })

  test('calls a function for the credentials each time', async () => {
    const passwords = ['old', 'new']
    const mechanism = scramSha256(() => ({ username: 'user', password: passwords.shift()! }))
    await converse(mechanism, scramServer('sha256', 'old'))
    await converse(mechanism, scramServer('sha256', 'new'))
  })

  test('escapes the delimiters of the user name', () => {
    expect(escapeName('a,b=c,=')).toBe('a=2Cb=3Dc=2C=3D')
  })
})

describe('PLAIN', () => {
  test('sends name and password once', async () => {
    expect(await converse(plain({ username: 'al', password: 'pass:wörd' }), () => '')).toEqual(['\0al\0pass:wörd'])
  })

  test.each([
    [{ username: '', password: 'x' }],
    [{ username: 'x' }],
    [{ username: 'a\0b', password: 'x' }],
    [undefined],
  ])('refuses %j immediately', (given) => {
    expect(() => plain(given as never)).toThrow(KafkaError)
    expect(() => scramSha256(given as never)).toThrow(KafkaError)
  })
})

describe('a mechanism', () => {
  test.each([plain, scramSha256, scramSha512])('shows no secret', (make) => {
    const mechanism = make({ username: 'canary-user', password: 'canary-password' })
    const shown = `${inspect(mechanism, { depth: 9, showHidden: true })} ${JSON.stringify({ mechanism })} ${mechanism}`
    expect(shown).not.toContain('canary')
  })
})
