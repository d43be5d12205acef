import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { KafkaError } from './errors.ts'
import { silentLogger } from './logger.ts'
import { plain } from './net/sasl/plain.ts'
import { scramSha512 } from './net/sasl/scram.ts'
import { kafkaOptions, parseBrokers, resolveKafkaOptions } from './options.ts'

const credentials = { username: 'canary-user', password: 'canary-password' }

function errorOf(given: unknown): KafkaError {
  try {
    resolveKafkaOptions(given as never)
  } catch (error) {
    if (KafkaError.is(error)) return error
    throw error
  }
  throw new Error('the options were taken')
}

describe('the options of a client', () => {
  it('have a default each, and are frozen', () => {
    const resolved = resolveKafkaOptions({ brokers: 'a:1' })
    expect(resolved).toMatchObject({
      clientId: 'ottla',
      requestTimeoutMs: 30_000,
      topicTimeoutMs: 5_000,
      tls: undefined,
    })
    expect(Object.isFrozen(resolved)).toBe(true)
    expect(Object.isFrozen(kafkaOptions)).toBe(true)
  })

  it.each([
    [{ brokers: 'a:1', clintId: 'x' }, /Option 'clintId' of new Kafka\(\) does not exist/, /'clientId'/],
    [{ brokers: 'a:1', requestTimeout: 5 }, /'requestTimeout' of new Kafka\(\) does not exist/, /'requestTimeoutMs'/],
    [
      { brokers: 'a:1', bananas: 5 },
      /'bananas' of new Kafka\(\) does not exist/,
      /Choose one of the options brokers, clientId/,
    ],
    [{}, /'brokers' of new Kafka\(\) is missing/, undefined],
    [undefined, /'brokers' of new Kafka\(\) is missing/, undefined],
    ['a:1', /must be an object/, undefined],
    [
      { brokers: [] },
      /'brokers' of new Kafka\(\) must be a list of 'host:port' addresses.*not an empty array/,
      undefined,
    ],
    [{ brokers: [5] }, /'brokers' of new Kafka\(\) must be a list/, undefined],
    [{ brokers: 'kafka://a:1' }, /not 'host:port'/, /scheme/],
    [{ brokers: 'a:99999' }, /not 'host:port'/, undefined],
    [
      { brokers: 'a:1', requestTimeoutMs: 0 },
      /'requestTimeoutMs' of new Kafka\(\) must be whole milliseconds, 1 or more, not 0/,
      undefined,
    ],
    [{ brokers: 'a:1', requestTimeoutMs: 1.5 }, /not 1.5/, undefined],
    [{ brokers: 'a:1', requestTimeoutMs: 2 ** 31 }, /must be whole milliseconds/, undefined],
    [{ brokers: 'a:1', requestTimeoutMs: '5' }, /must be whole milliseconds, 1 or more, not a string/, undefined],
    [
      { brokers: 'a:1', codecs: { lz5: {} } },
      /'codecs' of new Kafka\(\) must be codecs for some of 'gzip', 'snappy'/,
      undefined,
    ],
    [{ brokers: 'a:1', codecs: { lz4: {} } }, /'codecs' of new Kafka\(\) must be codecs/, undefined],
    [{ brokers: 'a:1', tls: { rejectUnauthorized: false } }, /rejectUnauthorized/, /insecureSkipVerify/],
    [{ brokers: 'a:1', tls: { caa: 'x' } }, /Option 'tls.caa' of new Kafka\(\) does not exist/, /'tls.ca'/],
    [
      { brokers: 'a:1', tls: { ca: './ca.pem' } },
      /'tls.ca' of new Kafka\(\) must be a PEM text \(not a path\)/,
      undefined,
    ],
    [
      { brokers: 'a:1', tls: { minVersion: 'TLSv1' } },
      /'tls.minVersion' of new Kafka\(\) must be 'TLSv1.2' or 'TLSv1.3'/,
      undefined,
    ],
    [{ brokers: 'a:1', sasl: { mechanism: 'plain' } }, /'sasl' of new Kafka\(\) must come from plain\(\)/, undefined],
    [{ brokers: 'a:1', logger: console.log }, /'logger' of new Kafka\(\) must have the methods/, undefined],
  ])('%j is refused with a reason', (given, message, hint) => {
    const error = errorOf(given)
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).toMatch(message)
    if (hint !== undefined) expect(error.hint).toMatch(hint)
  })

  it('has no option by the name of a built-in', () => {
    expect(errorOf({ brokers: 'a:1', constructor: 1 }).message).toMatch(/'constructor' of new Kafka\(\) does not exist/)
    expect(errorOf(JSON.parse('{"brokers":"a:1","__proto__":{"clientId":"x"}}')).message).toMatch(/'__proto__'/)
  })

  it('does not send a password in the clear unless told to', () => {
    expect(errorOf({ brokers: 'a:1', sasl: plain(credentials) }).message).toMatch(/SASL\/PLAIN without TLS/)
    resolveKafkaOptions({ brokers: 'a:1', sasl: plain(credentials), tls: true })
    resolveKafkaOptions({ brokers: 'a:1', sasl: plain(credentials), allowPlaintextCredentials: true })
    resolveKafkaOptions({ brokers: 'a:1', sasl: scramSha512(credentials) })
  })

  it('says loudly that certificates are not checked', () => {
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) }
    resolveKafkaOptions({ brokers: 'a:1', tls: { insecureSkipVerify: true }, logger })
    expect(warnings).toEqual([expect.stringContaining('not verified')])
  })

  it('shows no secret, wherever it is printed', () => {
    const tls = { key: '-----BEGIN canary-key', passphrase: 'canary-phrase', pfx: Buffer.from('canary-pfx') }
    const resolved = resolveKafkaOptions({ brokers: 'a:1', tls, sasl: scramSha512(credentials) })
    const shown = inspect({ resolved, nested: { ...resolved } }, { depth: 9, showHidden: true })
    expect(shown + JSON.stringify({ resolved, ...resolved })).not.toMatch(/canary/)
    expect(shown).toContain('SCRAM-SHA-512')
    expect(resolved.tls?.reveal().key).toBe('-----BEGIN canary-key')
  })

  it('asks a function for the brokers, and checks what it gives', async () => {
    let list: unknown = ['a:1', 'b']
    const { brokers } = resolveKafkaOptions({ brokers: async () => list as string[] })
    expect(await brokers()).toEqual([
      { id: -1, host: 'a', port: 1 },
      { id: -2, host: 'b', port: 9092 },
    ])
    list = [{ host: 'a' }]
    await expect(brokers()).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

describe('a list of brokers', () => {
  it('may be one text or several, with addresses of either kind', () => {
    expect(parseBrokers('a:1, b.example:2 ,[::1]:3').map(({ host, port }) => `${host} ${port}`)).toEqual([
      'a 1',
      'b.example 2',
      '::1 3',
    ])
  })
})

it('codecs of the user take the place of those built in', () => {
  const lz4 = { compress: () => Buffer.alloc(0), decompress: () => Buffer.alloc(0) }
  const { codecs } = resolveKafkaOptions({ brokers: 'a:1', codecs: { lz4: () => lz4 } })
  expect(codecs.of('lz4').compress(Buffer.from('x'))).toEqual(Buffer.alloc(0))
  expect(codecs.of(4).name).toBe('zstd')
})
