import { Writable } from 'node:stream'
import { createCluster } from '@ottla/testkit'
import { consoleLogger, Kafka, type LogFields, type Logger, pinoLogger, scramSha256 } from 'ottla'
import pino from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import winston from 'winston'

afterEach(() => vi.restoreAllMocks())

/** Collects the lines that a logger writes. */
function lines(): { readonly stream: Writable; read(): Record<string, unknown>[] } {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  return {
    stream,
    read: () =>
      written
        .join('')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
  }
}

const fields: LogFields = {
  topic: 'orders',
  partition: 3,
  offset: 12n,
  topics: ['a', 'b'],
  broker: { id: 1, host: 'b1', port: 9092 },
  error: 'TypeError: boom',
  stack: 'TypeError: boom\n    at somewhere',
}

const levels = ['debug', 'info', 'warn', 'error'] as const

/** Logs at each level, and once without fields. */
function logAll(logger: Logger): void {
  for (const level of levels) logger[level](`a ${level} message`, fields)
  logger.info('no fields')
}

describe('keeps every field', () => {
  const expected = { ...fields, offset: expect.anything() }

  test('with pino', () => {
    const { stream, read } = lines()
    logAll(pinoLogger(pino({ level: 'debug' }, stream)))
    const records = read()
    expect(records).toHaveLength(5)
    for (const [i, level] of levels.entries()) {
      expect(records[i]).toMatchObject({ ...expected, msg: `a ${level} message`, level: pino.levels.values[level] })
      expect(Number(records[i]?.offset)).toBe(12)
    }
    expect(records[4]).toMatchObject({ msg: 'no fields' })
  })

  test('with a child of a pino logger, beside the fields of the child', () => {
    const { stream, read } = lines()
    pinoLogger(pino(stream).child({ service: 'billing' })).warn('a message', { topic: 'orders' })
    expect(read()).toMatchObject([{ service: 'billing', topic: 'orders', msg: 'a message' }])
  })

  test('with winston', () => {
    const { stream, read } = lines()
    const transports = [new winston.transports.Stream({ stream })]
    logAll(winston.createLogger({ level: 'debug', format: winston.format.json(), transports }))
    const records = read()
    expect(records).toHaveLength(5)
    for (const [i, level] of levels.entries()) {
      expect(records[i]).toMatchObject({ ...expected, message: `a ${level} message`, level })
      expect(Number(records[i]?.offset)).toBe(12)
    }
    expect(records[4]).toMatchObject({ message: 'no fields' })
  })

  test('with console', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const logger: Logger = console
    logger.warn('a message', fields)
    expect(warn.mock.calls).toEqual([['a message', fields]])
  })

  test('with consoleLogger, on one line', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    logAll(consoleLogger('warn'))
    const [line = ''] = error.mock.calls[0] ?? []
    expect(error).toHaveBeenCalledTimes(2)
    expect(line).toMatch(
      /^ottla warn: a warn message topic="orders" partition=3 offset=12 topics=\["a","b"\] broker=\{"id":1/,
    )
    expect(line).toContain('error="TypeError: boom" stack="TypeError: boom\\n')
    expect(line).not.toContain('\n')
  })
})

describe('a pino logger without the adapter', () => {
  const options = { brokers: ['localhost:9092'] }

  test('is rejected with a hint, because its fields would be lost', () => {
    const { stream } = lines()
    for (const logger of [pino(stream), pino(stream).child({ service: 'billing' })]) {
      expect(() => new Kafka({ ...options, logger: logger as unknown as Logger })).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          message: expect.stringContaining("Option 'logger'"),
          hint: expect.stringContaining('pinoLogger(logger)'),
        }),
      )
    }
  })

  test('is accepted through it; winston and console are accepted as they are', async () => {
    const { stream } = lines()
    const transports = [new winston.transports.Stream({ stream })]
    for (const logger of [pinoLogger(pino(stream)), winston.createLogger({ transports }), console]) {
      await new Kafka({ ...options, logger }).close()
    }
  })
})

const wrongPassword = 'correct-horse-battery-staple'
const rightPassword = 'incorrect-donkey'

/** A program whose client logs at every level: brokers that are down, a wrong password, a listener that throws. */
async function eventfulRun(logger: Logger): Promise<void> {
  const cluster = await createCluster({
    brokers: 2,
    sasl: { users: { alice: rightPassword } },
    topics: [{ name: 'secrets', partitions: 1, replicationFactor: 2 }],
  })
  const common = { brokers: cluster.bootstrap, runtime: cluster.runtime, logger, allowPlaintextCredentials: true }
  const wrong = new Kafka({ ...common, sasl: scramSha256({ username: 'alice', password: wrongPassword }) })
  await expect(wrong.ready({ timeoutMs: 2_000 })).rejects.toThrow()
  await wrong.close()
  const kafka = new Kafka({ ...common, sasl: scramSha256({ username: 'alice', password: rightPassword }) })
  kafka.on('connected', () => {
    throw new Error('the listener fails')
  })
  await kafka.producer().send({ topic: 'secrets', key: 'private-key', value: 'private-value' })
  for (const broker of cluster.brokers) await broker.kill()
  await expect(kafka.admin().listTopics({ timeoutMs: 1_000 })).rejects.toThrow()
  await kafka.close()
  await cluster.close()
}

const loggers: readonly (readonly [string, (stream: Writable) => Logger])[] = [
  ['pino', (stream) => pinoLogger(pino({ level: 'debug' }, stream))],
  [
    'winston',
    (stream) => winston.createLogger({ level: 'debug', transports: [new winston.transports.Stream({ stream })] }),
  ],
]

test.each(loggers)('%s writes the fields of a client, and no secret', async (_, loggerFor) => {
  const { stream, read } = lines()
  await eventfulRun(loggerFor(stream))
  const records = read()
  const failure = records.find(({ event }) => event === 'connected')
  expect(failure).toMatchObject({
    error: 'Error: the listener fails',
    stack: expect.stringContaining('logging.test.ts'),
  })
  expect(records.some(({ purpose, backoffMs }) => typeof purpose === 'string' && typeof backoffMs === 'number')).toBe(
    true,
  )
  for (const secret of [wrongPassword, rightPassword, 'private-key', 'private-value'])
    expect(JSON.stringify(records)).not.toContain(secret)
})
