import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { boolean, float32, float64, int16, int32, int64 } from './number-serdes.ts'
import type { AnySerde, DeserializeContext, Serde } from './serde.ts'
import { bytes, string, uuid } from './text-serdes.ts'
import { topic } from './topic.ts'

interface Golden {
  readonly serde: keyof typeof serdes
  readonly write?: string
  readonly bytes?: string
  readonly nullIsNull?: boolean
  readonly read?: string
  readonly result?: string | null
}

interface Named {
  readonly serde: Serde<unknown>
  /** The value from its text in Java. */
  parse(text: string): unknown
}

const named = (serde: AnySerde, parse: (text: string) => unknown): Named => ({ serde: serde as Serde<unknown>, parse })

const serdes = {
  int16: named(int16(), Number),
  int32: named(int32(), Number),
  int64: named(int64(), BigInt),
  float32: named(float32(), Number),
  float64: named(float64(), Number),
  boolean: named(boolean(), (text) => text === 'true'),
  string: named(string(), (text) => text),
  uuid: named(uuid(), (text) => text),
  bytes: named(bytes(), (text) => Buffer.from(text, 'hex')),
}

// Written by goldens/SerializerGoldens.java with the serializers of kafka-clients 4.3.1.
const goldens: Golden[] = readFileSync(new URL('./goldens/java-serializers.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const context: DeserializeContext = { topic: 't', field: 'value', partition: 0, offset: 0n, headers: [] }
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
/** An encoded surrogate: one U+FFFD in Java, one for each byte in JavaScript, as the standard of the web has it. */
const differs = (golden: Golden) => golden.serde === 'string' && golden.read === 'eda080'

describe("beside Java's serializers", () => {
  const written = goldens.filter((golden) => golden.write !== undefined)
  const read = goldens.filter((golden) => golden.read !== undefined && !differs(golden))

  test('has vectors of all serdes', () => {
    expect(written.length).toBeGreaterThan(50)
    expect(read.length).toBeGreaterThan(60)
    expect(new Set(written.map(({ serde }) => serde))).toEqual(new Set(Object.keys(serdes)))
  })

  test.each(written)(
    '$serde writes $write as Java does, and reads it',
    ({ serde: name, write = '', bytes: expected }) => {
      const { serde, parse } = serdes[name]
      const value = parse(write)
      const data = serde.serialize(value, context)
      expect(hex(data)).toBe(expected)
      const back = serde.deserialize(Buffer.from(data), context)
      // Half of a surrogate pair is written as '?'.
      if (name === 'string') expect(back).toBe(Buffer.from(data).toString())
      else expect(back).toEqual(value)
    },
  )

  test.each(read)('$serde reads $read as Java does: $result', ({ serde: name, read: given = '', result }) => {
    const { serde, parse } = serdes[name]
    const data = Buffer.from(given, 'hex')
    if (result === null) {
      expect(() => serde.deserialize(data, context)).toThrow(expect.objectContaining({ code: 'DESERIALIZE_FAILED' }))
    } else expect(serde.deserialize(data, context)).toEqual(parse(result ?? ''))
  })

  test('a null key or value is null, as in Java', () => {
    const nulls = goldens.filter(({ nullIsNull }) => nullIsNull !== undefined)
    expect(nulls).toHaveLength(Object.keys(serdes).length)
    for (const { serde: name, nullIsNull } of nulls) {
      expect(nullIsNull).toBe(true)
      const { serde } = serdes[name]
      expect(topic('t', { key: serde, value: serde }).record({ key: null, value: null })).toMatchObject({
        key: null,
        value: null,
      })
    }
  })
})

describe('values that a serde refuses', () => {
  test.each([
    ['int16', 32_768],
    ['int16', 1.5],
    ['int32', 2 ** 31],
    ['int32', -(2 ** 31) - 1],
    ['int32', Number.NaN],
    ['int32', 5n],
    ['int64', 2n ** 63n],
    ['int64', -(2n ** 63n) - 1n],
    ['int64', 2 ** 53],
    ['int64', 1.5],
    ['int64', '5'],
    ['float32', '1'],
    ['float64', 1n],
    ['boolean', 1],
    ['string', 5],
    ['string', Buffer.from('a')],
    ['uuid', '123e4567-e89b-12d3-a456'],
    ['uuid', 7],
    ['bytes', 'text'],
    ['bytes', [1, 2]],
  ] as const)('%s refuses %s', (name, value) => {
    const { serde } = serdes[name]
    const failure = expect.objectContaining({ code: 'SERIALIZE_FAILED', outcome: 'not-written' })
    expect(() => serde.serialize(value, context)).toThrow(failure)
  })

  test('are in no message, because they may be secrets', () => {
    for (const [name, { serde }] of Object.entries(serdes)) {
      const secret = name === 'string' ? 4_242.5 : 'hunter2'
      if (name === 'bytes') continue
      expect(() => serde.serialize(secret, context)).not.toThrow(String(secret))
    }
  })

  test('int64 takes the extreme safe integers, and negative zero is zero', () => {
    const { serde } = serdes.int64
    expect(hex(serde.serialize(Number.MAX_SAFE_INTEGER, context))).toBe('001fffffffffffff')
    expect(hex(serde.serialize(-0, context))).toBe('0000000000000000')
  })
})

test('a serde works without a context of its own, also on a plain Uint8Array', () => {
  const data = Uint8Array.from([0, 0, 0, 5])
  expect(int32().deserialize(data as Buffer, context)).toBe(5)
  expect(string().deserialize(Uint8Array.from([0x61]) as Buffer, context)).toBe('a')
})
