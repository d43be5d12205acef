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

const samplesPerCase = 8

test(`${cases.length} message versions: random values survive a round trip, and no cut of them is taken for whole`, () => {
  cases.forEach(({ message, version }, index) => {
    const random = seeded(index)
    for (let i = 0; i < samplesPerCase; i++) {
      const value = sample(message, version, random)
      const label = `${message.name} v${version} #${i}`
      const writer = new Writer(16)
      encoderOf(message, version)(writer, value as never)
      const bytes = writer.finish()
      const reader = new Reader(bytes)
      expect(decoderOf(message, version)(reader), label).toEqual(value)
      expect(reader.offset, label).toBe(bytes.length)
      const cut = random(bytes.length + 1)
      if (cut === bytes.length) continue
      expect(() => decoderOf(message, version)(new Reader(bytes.subarray(0, cut))), label).toThrow(DecodeError)
    }
  })
})

test('garbage is refused with DecodeError or read, in little time and memory', () => {
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
    expect(writer.finish().toString('hex'), `${name} v${version}`).toBe(hex)
    expect(decoderOf(message, version)(new Reader(Buffer.from(hex!, 'hex'))), `${name} v${version}`).toEqual(value)
  }
})
