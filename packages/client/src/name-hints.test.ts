import { describe, expect, test } from 'vitest'
import { consumerOptions } from './consumer/options.ts'
import { KafkaError } from './errors.ts'
import { foreignNames } from './foreign-names.ts'
import { kafkaOptions, resolveKafkaOptions } from './options.ts'
import { producerOptions, resolveProducerOptions } from './producer/options.ts'

function hintOf(resolve: () => unknown): string | undefined {
  try {
    resolve()
  } catch (error) {
    if (KafkaError.is(error)) return error.hint
    throw error
  }
  throw new Error('the options were accepted')
}

const kafkaHint = (option: string) => hintOf(() => resolveKafkaOptions({ brokers: 'a:1', [option]: true } as never))
const producerHint = (option: string) => hintOf(() => resolveProducerOptions({ [option]: 1 } as never, 1000))

describe('an option with the name of another client', () => {
  test.each([
    ['ssl', "Did you mean 'tls'?"],
    ['bootstrap.servers', "Did you mean 'brokers'?"],
    ['bootstrapBrokers', "Did you mean 'brokers'?"],
    ['metadata.broker.list', "Did you mean 'brokers'?"],
    ['client.id', "Did you mean 'clientId'?"],
    ['connectionTimeout', "Did you mean 'connectTimeoutMs'?"],
    ['retry', "Did you mean 'retryBackoffMs' or 'retryBackoffMaxMs'?"],
    ['groupId', 'Choose one of the options'],
    ['enable.idempotence', "Set 'idempotent' of kafka.producer()."],
    ['sasl.mechanism', 'Set `sasl: plain({ username, password })`'],
  ])('%s of new Kafka()', (option, hint) => {
    expect(kafkaHint(option)).toContain(hint)
  })

  test.each([
    ['linger.ms', "Did you mean 'lingerMs'?"],
    ['queue.buffering.max.ms', "Did you mean 'lingerMs'?"],
    ['batch.size', "Did you mean 'maxBatchBytes'?"],
    ['buffer.memory', "Did you mean 'maxBufferedBytes'?"],
    ['max.in.flight.requests.per.connection', "Did you mean 'maxInFlight'?"],
    ['maxInFlightRequests', "Did you mean 'maxInFlight'?"],
    ['compression.type', "Did you mean 'compression'?"],
    ['retries', "Did you mean 'deliveryTimeoutMs'?"],
    ['createPartitioner', "Did you mean 'partitioner'?"],
    ['partitioner.class', "Did you mean 'partitioner'?"],
    ['partitioner.availability.timeout.ms', 'Leave it out'],
    ['partitioner.ignore.keys', "Set `partitioner: 'round-robin'`"],
    ['bootstrap.servers', "Set 'brokers' of new Kafka()."],
    ['lingerms', "Did you mean 'lingerMs'?"],
  ])('%s of kafka.producer()', (option, hint) => {
    expect(producerHint(option)).toContain(hint)
  })

  test('rejectUnauthorized of tls', () => {
    const tls = { 'enable.ssl.certificate.verification': true }
    const hint = hintOf(() => resolveKafkaOptions({ brokers: 'a:1', tls } as never))
    expect(hint).toContain('insecureSkipVerify')
  })

  test('has a hint that names options of ottla which exist', () => {
    const tables: Readonly<Record<string, object>> = {
      kafka: kafkaOptions,
      producer: producerOptions,
      consumer: consumerOptions,
    }
    let checked = 0
    for (const [name, targets] of foreignNames) {
      expect(name).toBe(name.toLowerCase().replace(/[._-]/g, ''))
      for (const { place, names, advice } of targets) {
        expect(names.length > 0 || advice !== undefined).toBe(true)
        for (const each of names) {
          if (tables[place] === undefined) continue
          expect(Object.keys(tables[place])).toContain(each.split('.')[0])
          checked++
        }
      }
    }
    expect(checked).toBeGreaterThan(40)
  })
})
