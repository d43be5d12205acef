import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { decoderOf } from '../src/schema/compile-decoder.ts'
import { encoderOf } from '../src/schema/compile-encoder.ts'
import { DecodeError } from '../src/wire/decode-error.ts'
import { Reader } from '../src/wire/reader.ts'
import { Writer } from '../src/wire/writer.ts'
import { goldenLines } from './golden.ts'
import { fromKafkaJson } from './kafka-json.ts'
import { allMessages, cases } from './messages.ts'
import { sample, seeded } from './samples.ts'

const samplesPerCase = 4

// Compared by Node and not by `expect`, which takes ten times as long; `expect` shows what differs.
function check(actual: unknown, expected: unknown, label: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, label).toStrictEqual(expected)
}

function refuses(read: () => unknown): boolean {
  try {
    read()
    return false
  } catch (error) {
    return error instanceof DecodeError
  }
}

test(`${cases.length} message versions: random values round-trip, and no truncation is accepted`, () => {
  cases.forEach(({ message, version }, index) => {
    const random = seeded(index)
    const decode = decoderOf(message, version)
    for (let i = 0; i < samplesPerCase; i++) {
      const value = sample(message, version, random)
      const label = `${message.name} v${version} #${i}`
      const writer = new Writer(16)
      encoderOf(message, version)(writer, value as never)
      const bytes = writer.finish()
      const reader = new Reader(bytes)
      check(decode(reader), value, label)
      check(reader.offset, bytes.length, label)
      const cut = random(bytes.length + 1)
      if (cut < bytes.length)
        check(
          refuses(() => decode(new Reader(bytes.subarray(0, cut)))),
          true,
          label,
        )
    }
  })
})

test('garbage is rejected with DecodeError or read, within bounded time and memory', () => {
  cases.forEach(({ message, version }, index) => {
    const random = seeded(index)
    const bytes = Buffer.from(Array.from({ length: 400 }, () => (random(3) === 0 ? 0x7f + random(129) : random(12))))
    try {
      decoderOf(message, version)(new Reader(bytes))
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError)
    }
  })
})

test("every message version as Kafka's classes wrote it", () => {
  const byName = new Map(allMessages.map((message) => [message.name, message]))
  const lines = goldenLines('messages.tsv.gz')
  expect(lines.length).toBe(cases.length)
  for (const [name, versionText, hex, json] of lines) {
    const message = byName.get(name!)!
    const version = Number(versionText)
    const value = fromKafkaJson(message, version, json!)
    const writer = new Writer()
    encoderOf(message, version)(writer, value as never)
    check(writer.finish().toString('hex'), hex, `${name} v${version}`)
    check(decoderOf(message, version)(new Reader(Buffer.from(hex!, 'hex'))), value, `${name} v${version}`)
  }
})
