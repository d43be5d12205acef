import { describe, expect, expectTypeOf, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import type { ProducerRecord } from '../producer/record-input.ts'
import { json } from './json-serde.ts'
import { int32, int64 } from './number-serdes.ts'
import type { Serde } from './serde.ts'
import { string } from './text-serdes.ts'
import { isTopic, topic } from './topic.ts'

const secret = 'hunter2'
const orders = topic('orders', { key: string(), value: json<{ total: number }>() })

function failure(work: () => unknown): KafkaError {
  try {
    work()
  } catch (error) {
    if (KafkaError.is(error)) return error
    throw error
  }
  throw new Error('it did not throw')
}

/** A serde of an application. */
function custom(overrides: Partial<Serde<string>> = {}): Serde<string> {
  return { serialize: (value) => Buffer.from(value), deserialize: (bytes) => bytes.toString(), ...overrides }
}

describe('record', () => {
  test('serialises key and value, and passes the other fields on', () => {
    const headers = { trace: '1' }
    const record = orders.record({ key: 'o-1', value: { total: 12 }, headers, partition: 3, timestamp: 5 })
    expectTypeOf(record).toEqualTypeOf<ProducerRecord>()
    expect(record).toEqual({ topic: 'orders', key: 'o-1', value: '{"total":12}', headers, partition: 3, timestamp: 5 })
  })

  test('writes null as null: no key, and a tombstone', () => {
    expect(orders.record({ key: null, value: null })).toMatchObject({ key: null, value: null })
  })

  test('a field without a serde takes text and bytes, and its key may be left out', () => {
    const values = topic('values', { value: int32() })
    expect(values.record({ value: 1 })).toMatchObject({ key: null, value: Buffer.from([0, 0, 0, 1]) })
    expect(values.record({ key: 'k', value: 1 }).key).toBe('k')
    const keys = topic('keys', { key: int32() })
    expect(keys.record({ key: 1, value: 'v' }).value).toBe('v')
  })

  test.each([
    [{ key: 'o-1' }, /topic 'orders' has no 'value'/],
    [{ value: { total: 1 } }, /topic 'orders' has no 'key'/],
    [{ key: 'o-1', value: undefined }, /topic 'orders' has no 'value'/],
    [{ key: 'o-1', value: null, topic: 'other' }, /unknown field 'topic'/],
    [{ key: 'o-1', vlaue: null, value: null }, /unknown field 'vlaue'/],
    ['text', /must be an object, not a string/],
    [[], /must be an object, not an array/],
    [null, /must be an object, not null/],
  ])('refuses %j', (fields, message) => {
    const error = failure(() => orders.record(fields as never))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', topic: 'orders', outcome: 'not-written' })
    expect(error.message).toMatch(message)
  })

  test('a value that cannot be written fails with its place and without its content', () => {
    const error = failure(() => orders.record({ key: 'k', value: { total: 1, id: 5n, secret } as never }))
    expect(error).toMatchObject({ code: 'SERIALIZE_FAILED', topic: 'orders', outcome: 'not-written' })
    expect(error.message).toBe("Serializing the value for topic 'orders' failed: the value cannot be written as JSON")
    expect(JSON.stringify(error)).not.toContain(secret)
    for (const value of [() => {}, Symbol('s')]) {
      expect(failure(() => orders.record({ key: 'k', value: value as never })).code).toBe('SERIALIZE_FAILED')
    }
  })

  test('a circular value fails without its content', () => {
    const value: Record<string, unknown> = { [secret]: 1 }
    value.self = value
    const error = failure(() => orders.record({ key: 'k', value: value as never }))
    expect(JSON.stringify(error)).not.toContain(secret)
  })
})

describe("a serde of the application's own", () => {
  test('receives where it writes, and its bytes are written', () => {
    const contexts: unknown[] = []
    const serialize: Serde<string>['serialize'] = (value, context) => {
      contexts.push({ ...context })
      return Buffer.from(value.toUpperCase())
    }
    const own = topic('own', { key: custom({ serialize }), value: custom({ serialize }) })
    expect(own.record({ key: 'a', value: 'b' })).toMatchObject({ key: Buffer.from('A'), value: Buffer.from('B') })
    expect(contexts).toEqual([
      { topic: 'own', field: 'key' },
      { topic: 'own', field: 'value' },
    ])
  })

  test('what it throws is the cause, and not part of the message', () => {
    const cause = new Error(`cannot encode ${secret}`)
    const own = topic('own', {
      value: custom({
        serialize: () => {
          throw cause
        },
      }),
    })
    const error = failure(() => own.record({ value: 'v' }))
    expect(error).toMatchObject({ code: 'SERIALIZE_FAILED', cause })
    expect(error.message).toBe("Serializing the value for topic 'own' failed: the serde threw")
  })

  test('a KafkaError that it throws names the reason', () => {
    const serialize = () => {
      throw new KafkaError('SERIALIZE_FAILED', 'Schema 7 has no field for it', { hint: 'Register it.' })
    }
    const error = failure(() => topic('own', { value: custom({ serialize }) }).record({ value: 'v' }))
    expect(error.message).toBe("Serializing the value for topic 'own' failed: schema 7 has no field for it")
    expect(error).toMatchObject({ topic: 'own', hint: 'Register it.' })
  })

  test('one that returns a promise, or no bytes, is refused', async () => {
    const late = custom({ serialize: (() => Promise.reject(new Error('late'))) as never })
    const error = failure(() => topic('own', { value: late }).record({ value: 'v' }))
    expect(error).toMatchObject({ code: 'INVALID_OPTION', fatal: true })
    expect(error.message).toContain('asynchronous')
    const wrong = custom({ serialize: (() => 'text') as never })
    expect(failure(() => topic('own', { value: wrong }).record({ value: 'v' })).message).toContain('returned a string')
    // No rejection is left unhandled.
    await new Promise((resolve) => setImmediate(resolve))
  })

  test('ready awaits prepare of key and value, for writing', async () => {
    const calls: unknown[] = []
    const prepare: Serde<string>['prepare'] = async ({ topic: name, field, purpose, data }) => {
      calls.push([name, field, purpose, [...data]])
    }
    await topic('own', { key: custom({ prepare }), value: custom({ prepare }) }).ready()
    expect(calls).toEqual([
      ['own', 'key', 'write', []],
      ['own', 'value', 'write', []],
    ])
    await orders.ready()
  })

  test('ready rejects with what prepare rejects with, and ends with its signal', async () => {
    const cause = new Error('registry down')
    const failing = topic('own', { value: custom({ prepare: () => Promise.reject(cause) }) })
    await expect(failing.ready()).rejects.toMatchObject({ code: 'SERIALIZE_FAILED', retriable: true, cause })
    const stop = new AbortController()
    const hanging = topic('own', { value: custom({ prepare: () => new Promise(() => {}) }) })
    const ready = hanging.ready({ signal: stop.signal })
    stop.abort()
    await expect(ready).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(hanging.ready({ signal: stop.signal })).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

describe('topic()', () => {
  test.each(['', 'a b', 'x'.repeat(250), 5, undefined])('refuses the name %j', (name) => {
    expect(failure(() => topic(name as string, {})).code).toBe('INVALID_ARGUMENT')
  })

  test.each([
    [{ value: 'json' }, /'value' of topic\(\) must be a serde/],
    [{ key: { serialize: () => '' } }, /'key' of topic\(\) must be a serde/],
    [{ vlaue: string() }, /'vlaue' of topic\(\) does not exist/],
    [undefined, /'serdes' of topic\(\) must be an object/],
  ])('refuses the serdes %j', (serdes, message) => {
    const error = failure(() => topic('t', serdes as never))
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).toMatch(message)
  })

  test('is branded, so that a topic of the other build of this package is one', () => {
    expect(isTopic(orders)).toBe(true)
    expect(isTopic({ name: 'orders', [Symbol.for('ottla.Topic')]: true })).toBe(true)
    for (const value of [{ name: 'orders' }, 'orders', null, undefined]) expect(isTopic(value)).toBe(false)
  })
})

describe('types', () => {
  test('refuse other shapes', () => {
    const counts = topic('counts', { key: int64(), value: int32() })
    counts.record({ key: 1n, value: 2 })
    counts.record({ key: 1, value: 2 })
    const refused = [
      // @ts-expect-error A string is no int64.
      () => counts.record({ key: '1', value: 2 }),
      // @ts-expect-error The value is missing.
      () => counts.record({ key: 1n }),
      // @ts-expect-error The key is missing: where there is none, it is null.
      () => counts.record({ value: 1 }),
      // @ts-expect-error Undefined is no value.
      () => counts.record({ key: 1n, value: undefined }),
      // @ts-expect-error The topic has its name.
      () => counts.record({ key: 1n, value: 1, topic: 'other' }),
      // @ts-expect-error A property of the value is wrong.
      () => orders.record({ key: 'k', value: { total: '1' } }),
      // @ts-expect-error An object is neither text nor bytes.
      () => topic('plain', {}).record({ value: { total: 1 } }),
    ]
    expect(refused).toHaveLength(7)
  })

  test('refuse a serde that returns promises', () => {
    const late = { serialize: (value: string) => Buffer.from(value), deserialize: async () => 'late' }
    // @ts-expect-error deserialize() returns a promise.
    topic('late', { value: late })
    const writesLate = { serialize: async (value: string) => Buffer.from(value), deserialize: () => 'late' }
    // @ts-expect-error serialize() returns a promise.
    topic('late', { value: writesLate })
  })
})
