import { Writable } from 'node:stream'
import pino from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import winston from 'winston'
import { Kafka } from './kafka.ts'
import { consoleLogger, errorFields, type LogFields, type Logger, pinoLogger } from './logger.ts'

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
  ...errorFields(new TypeError('boom')),
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
