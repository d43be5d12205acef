import { Writable } from 'node:stream'
import { createCluster } from '@ottla/testkit'
import { Kafka, type Logger, pinoLogger, scramSha256 } from 'ottla'
import pino from 'pino'
import { expect, test } from 'vitest'
import winston from 'winston'

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

/** The records that a logger writes, parsed. */
function collector(): { readonly stream: Writable; readonly text: () => string } {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  return { stream, text: () => written.join('') }
}

const loggers: readonly (readonly [string, (stream: Writable) => Logger])[] = [
  ['pino', (stream) => pinoLogger(pino({ level: 'debug' }, stream))],
  [
    'winston',
    (stream) => winston.createLogger({ level: 'debug', transports: [new winston.transports.Stream({ stream })] }),
  ],
]

test.each(loggers)('%s writes the fields of a client, and no secret', async (_, loggerFor) => {
  const { stream, text } = collector()
  await eventfulRun(loggerFor(stream))
  const records: Record<string, unknown>[] = text()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const failure = records.find(({ event }) => event === 'connected')
  expect(failure).toMatchObject({
    error: 'Error: the listener fails',
    stack: expect.stringContaining('logging.test.ts'),
  })
  expect(records.some(({ purpose, backoffMs }) => typeof purpose === 'string' && typeof backoffMs === 'number')).toBe(
    true,
  )
  for (const secret of [wrongPassword, rightPassword, 'private-key', 'private-value'])
    expect(text()).not.toContain(secret)
})
