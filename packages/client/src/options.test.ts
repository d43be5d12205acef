import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
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
  throw new Error('the options were accepted')
}

describe('the options of a client', () => {
  test('have defaults and are frozen', () => {
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

  test.each([
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
  ])('rejects %j with the reason', (given, message, hint) => {
    const error = errorOf(given)
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).toMatch(message)
    if (hint !== undefined) expect(error.hint).toMatch(hint)
  })

  test('rejects the names of built-in properties', () => {
    expect(errorOf({ brokers: 'a:1', constructor: 1 }).message).toMatch(/'constructor' of new Kafka\(\) does not exist/)
    expect(errorOf(JSON.parse('{"brokers":"a:1","__proto__":{"clientId":"x"}}')).message).toMatch(/'__proto__'/)
  })

  test.each([
    [{ brokers: 'a:1', sasl: 'canary' }],
    [{ brokers: 'a:1', tls: { passphrase: 12_345_678 } }],
    [{ brokers: 'a:1', clientId: 12_345_678 }],
    [{ brokers: 'a:1', allowPlaintextCredentials: 'canary' }],
    [{ brokers: 'a:1', requestTimeoutMs: 'canary' }],
    [{ brokers: 'a:1', tls: 'canary' }],
    [{ brokers: 'a:1', tls: { passphrase: 'canary', ca: 'canary' } }],
    [{ brokers: 'a:1', tls: { key: 'canary' } }],
  ])('shows no value of %j, for it may be a secret', (given) => {
    const { message, hint } = errorOf(given)
    expect(`${message} ${hint}`).not.toMatch(/canary|12345678/)
    expect(message).toMatch(/, not a (string|number)$/)
  })

  test.each(['user:canary', 'a:1,user:canary', 'kafka://user:canary@a:1'])(
    'shows no part of the brokers %s',
    (brokers) => {
      const { message, hint } = errorOf({ brokers })
      expect(message).toMatch(/contains an entry \(number \d\) which is not 'host:port'/)
      expect(`${message} ${hint}`).not.toMatch(/canary|user/)
    },
  )

  test('requires TLS for a cleartext password unless `allowPlaintextCredentials` is set', () => {
    expect(errorOf({ brokers: 'a:1', sasl: plain(credentials) }).message).toMatch(/SASL\/PLAIN without TLS/)
    resolveKafkaOptions({ brokers: 'a:1', sasl: plain(credentials), tls: true })
    resolveKafkaOptions({ brokers: 'a:1', sasl: plain(credentials), allowPlaintextCredentials: true })
    resolveKafkaOptions({ brokers: 'a:1', sasl: scramSha512(credentials) })
  })

  test('warns when certificates are not verified', () => {
    const warnings: string[] = []
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) }
    resolveKafkaOptions({ brokers: 'a:1', tls: { insecureSkipVerify: true }, logger })
    expect(warnings).toEqual([expect.stringContaining('not verified')])
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no space left on device')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no space left on device'))],
  ])('a logger that %s affects no caller', async (_, log) => {
    const logger = { debug: log, info: log, warn: log, error: log }
    const resolved = resolveKafkaOptions({ brokers: 'a:1', logger })
    for (const level of ['debug', 'info', 'warn', 'error'] as const) {
      expect(() => resolved.logger[level]('message', { field: 1 })).not.toThrow()
    }
  })

  test('shows no secret in inspection and JSON', async () => {
    const tls = { key: '-----BEGIN canary-key', passphrase: 'canary-phrase', pfx: Buffer.from('canary-pfx') }
    const resolved = resolveKafkaOptions({ brokers: 'a:1', tls, sasl: scramSha512(credentials) })
    const shown = inspect({ resolved, nested: { ...resolved } }, { depth: 9, showHidden: true })
    expect(shown + JSON.stringify({ resolved, ...resolved })).not.toMatch(/canary/)
    expect(shown).toContain('SCRAM-SHA-512')
    expect((await resolved.tls?.material())?.reveal().key).toBe('-----BEGIN canary-key')
  })

  test('calls a function for the brokers and validates its result', async () => {
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
  test('can be one text or several, with names, IPv4 and IPv6 addresses', () => {
    expect(parseBrokers('a:1, b.example:2 ,[::1]:3').map(({ host, port }) => `${host} ${port}`)).toEqual([
      'a 1',
      'b.example 2',
      '::1 3',
    ])
  })
})

test('codecs of the user replace the built-in ones', () => {
  const lz4 = { compress: () => Buffer.alloc(0), decompress: () => Buffer.alloc(0) }
  const { codecs } = resolveKafkaOptions({ brokers: 'a:1', codecs: { lz4: () => lz4 } })
  expect(codecs.of('lz4').compress(Buffer.from('x'))).toEqual(Buffer.alloc(0))
  expect(codecs.of(4).name).toBe('zstd')
})
