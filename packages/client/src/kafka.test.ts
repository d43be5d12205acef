import { inspect } from 'node:util'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ManualRuntime } from '../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import type { ScriptedNetwork } from '../test/support/scripted-network.ts'
import { KafkaError } from './errors.ts'
import { Kafka } from './kafka.ts'
import { silentLogger } from './logger.ts'
import { scramSha512 } from './net/sasl/scram.ts'
import type { KafkaOptions } from './options.ts'

let runtime: ManualRuntime
let network: ScriptedNetwork
let peer: ScriptedBroker

const newKafka = (options: Partial<KafkaOptions> = {}) =>
  new Kafka({ brokers: peer.bootstrap, runtime, logger: silentLogger, ...options })

beforeEach(() => {
  runtime = new ManualRuntime()
  network = runtime.network
  peer = new ScriptedBroker(network, 3)
})

describe('a client', () => {
  test('opens nothing when it is created, nor when its children are', async () => {
    const kafka = newKafka()
    kafka.producer()
    kafka.admin()
    await runtime.settle()
    expect(network.dials).toEqual([])
    expect(kafka.health().status).toBe('idle')
    await kafka.close()
  })

  test('is ready when a broker responds', async () => {
    const kafka = newKafka()
    await kafka.ready()
    expect(kafka.health()).toMatchObject({ status: 'healthy' })
    expect(kafka.metrics().gauges).toMatchObject({ brokers: 3 })
    expect(kafka.metrics().apis.Metadata).toMatchObject({ requests: 1, errors: 0 })
    await kafka.close()
    expect(kafka.health().status).toBe('closed')
  })

  test('names the addresses it tried when ready() rejects', async () => {
    const kafka = newKafka({ brokers: ['gone:1', 'away:2'] })
    const failed = expect(kafka.ready({ timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'NO_BROKER_REACHABLE',
      message: expect.stringMatching(/gone:1.*away:2|away:2.*gone:1/),
      hint: expect.stringContaining('Check that the broker runs'),
    })
    await runtime.advance(2_000)
    await failed
    expect(kafka.health().status).toBe('unhealthy')
    await kafka.close()
    expect(runtime.pendingTimers).toBe(0)
  })

  test('stops waiting with the signal of the caller', async () => {
    const kafka = newKafka({ brokers: 'gone:1' })
    const controller = new AbortController()
    const failed = expect(kafka.ready({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    await runtime.advance(100)
    controller.abort()
    await failed
    await kafka.close()
  })

  test('emits events', async () => {
    const kafka = newKafka()
    const seen: string[] = []
    kafka.on('connected', ({ purpose }) => seen.push(`connected ${purpose}`))
    kafka.once('metadata', ({ brokers }) => seen.push(`metadata ${brokers}`))
    kafka.on('closed', () => seen.push('closed'))
    await kafka.ready()
    await kafka.close()
    expect(seen).toEqual(['connected general', 'metadata 3', 'closed'])
  })

  test('closes its children and creates no new ones', async () => {
    const kafka = newKafka()
    const producer = kafka.producer()
    const closing = kafka.close()
    expect(kafka.close()).toBe(closing)
    await closing
    expect(() => kafka.producer()).toThrow(KafkaError)
    expect(() => kafka.admin()).toThrow(/closed/)
    await expect(producer.send({ topic: 't', value: 'x' })).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(kafka.ready()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('drops children that are closed, without touching their methods', async () => {
    const kafka = newKafka()
    const children = [kafka.producer(), kafka.consumer({ groupId: 'g', topics: 't' }), kafka.admin()]
    for (const child of children) expect(Object.hasOwn(child, 'close')).toBe(false)
    const closes = children.map((child) => vi.spyOn(child, 'close'))
    for (const child of children) await child.close()
    await kafka.close()
    for (const close of closes) expect(close).toHaveBeenCalledTimes(1)
  })

  test('closes within its deadline, with calls still waiting', async () => {
    const kafka = newKafka({ brokers: 'gone:1' })
    const sent = kafka
      .producer()
      .send({ topic: 't', value: 'x' })
      .catch((error: unknown) => error)
    await runtime.advance(10)
    let closed = false
    const closing = kafka.close({ timeoutMs: 1_000 }).then(() => {
      closed = true
    })
    await runtime.advance(1_001)
    expect(closed).toBe(true)
    await closing
    expect(await sent).toMatchObject({ code: 'CLOSED' })
    expect(runtime.pendingTimers).toBe(0)
  })

  test('closes at the end of its scope', async () => {
    const kafka = newKafka()
    await kafka[Symbol.asyncDispose]()
    expect(kafka.health().status).toBe('closed')
  })

  test('shows no secret when printed', () => {
    const sasl = scramSha512({ username: 'canary', password: 'canary' })
    const kafka = newKafka({ sasl, tls: { key: '-----BEGIN canary', passphrase: 'canary' } })
    expect(`${inspect(kafka, { depth: 9, showHidden: true })}${JSON.stringify(kafka)}`).not.toContain('canary')
  })
})

describe('a KafkaError', () => {
  test('is recognised by its brand, also when another copy of the package created it', () => {
    const error = new KafkaError('CLOSED', 'closed')
    const foreign = Object.assign(new Error('closed'), { [Symbol.for('ottla.KafkaError')]: true })
    expect([error, foreign, new Error('x'), null, 'x'].map((value) => KafkaError.is(value))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test('contains no text of a peer that forges a log line', () => {
    expect(new KafkaError('CLOSED', 'a\r\nb\u001b[31m\u2028c\n').message).toBe('a b\ufffd[31m\ufffdc')
  })

  test('serialises to JSON with offsets as strings', () => {
    const error = new KafkaError('OFFSET_OUT_OF_RANGE', 'gone', { offset: 5n, topic: 't', cause: new Error('why') })
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ offset: '5', topic: 't', cause: { message: 'why' } })
  })
})
