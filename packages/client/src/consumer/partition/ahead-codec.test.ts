import { crc32c } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { type AheadPlace, decodeAhead, encodeAhead, mostMetadataBytes } from './ahead-codec.ts'

const place: AheadPlace = { topic: 'orders', partition: 3, topicId: '0123' }

const run = (start: number, end: number, epoch = 5) => ({ start, end, epoch })

/** A text with these bytes and a checksum that fits. */
function textOf(bytes: readonly number[]): string {
  const body = Buffer.from(bytes)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32c(Buffer.concat([body, Buffer.from('orders\n3\n0123')])) >>> 0)
  return `ottla:1:${Buffer.concat([body, check]).toString('base64url')}`
}

describe('the metadata of a commit', () => {
  test.each([
    ['one run', 10, [run(11, 12)]],
    ['several runs', 0, [run(1, 3), run(4, 5), run(1_000, 90_000, 7)]],
    ['offsets above 2^32', 2 ** 52, [run(2 ** 52 + 1, 2 ** 52 + 2 ** 40)]],
    ['an unknown epoch', 7, [run(9, 10, -1)]],
  ])('has what it was made of: %s', (_, base, runs) => {
    const text = encodeAhead(place, base, runs)
    const done = runs.map(({ start, end }) => ({ start, end }))
    expect(decodeAhead(place, base, text)).toEqual({ runs: done, epoch: runs.at(-1)!.epoch })
  })

  test('is empty without a run', () => {
    expect(encodeAhead(place, 10, [])).toBe('')
  })

  test('has at most 4,000 bytes, and leaves out what is last', () => {
    const runs = Array.from({ length: 10_000 }, (_, i) => run(i * 300 + 1, i * 300 + 200, i))
    const text = encodeAhead(place, 0, runs)
    expect(text.length).toBeLessThanOrEqual(mostMetadataBytes)
    expect(text.length).toBeGreaterThan(mostMetadataBytes - 60)
    const found = decodeAhead(place, 0, text)!
    expect(found.runs).toEqual(runs.slice(0, found.runs.length).map(({ start, end }) => ({ start, end })))
    expect(found.epoch).toBe(found.runs.length - 1)
    expect(found.runs.length).toBeGreaterThan(700)
  })

  test('does not read runs that it cannot store', () => {
    let read = 0
    function* endless() {
      for (;;) yield run(++read * 2, read * 2 + 1)
    }
    expect(encodeAhead(place, 0, endless()).length).toBeLessThanOrEqual(mostMetadataBytes)
    expect(read).toBeLessThan(2_000)
  })

  test('is ignored for another offset, partition, topic, and for a topic that was created again', () => {
    const text = encodeAhead(place, 10, [run(11, 12)])
    expect(decodeAhead(place, 9, text)).toBeUndefined()
    expect(decodeAhead({ ...place, partition: 4 }, 10, text)).toBeUndefined()
    expect(decodeAhead({ ...place, topic: 'others' }, 10, text)).toBeUndefined()
    expect(decodeAhead({ ...place, topicId: '4567' }, 10, text)).toBeUndefined()
    expect(decodeAhead({ ...place, topicId: undefined }, 10, text)).toBeUndefined()
  })

  test.each([
    ['null', null],
    ['nothing', ''],
    ['a text of another writer', 'checkpoint 12'],
    ['the prefix alone', 'ottla:1:'],
    ['a later version', encodeAhead(place, 10, [run(11, 12)]).replace('ottla:1:', 'ottla:2:')],
    ['characters of no base64', `${encodeAhead(place, 10, [run(11, 12)])}!`],
    ['a text that is too long', `ottla:1:${'A'.repeat(40_000)}`],
    ['no run', textOf([10, 6])],
    ['a gap without a run after it', textOf([10, 6, 1])],
    ['an empty gap', textOf([10, 6, 0, 1])],
    ['an empty run', textOf([10, 6, 1, 0])],
    ['a number that is cut off', textOf([10, 6, 1, 0x81])],
    ['a number above 2^53', textOf([10, 6, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ['an endless number', textOf([10, 6, 1, ...Array.from({ length: 400 }, () => 0x80), 1])],
    ['runs beyond 2^53', textOf([10, 6, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['an epoch above 2^31', textOf([10, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1])],
  ])('is ignored if it is %s', (_, text) => {
    expect(decodeAhead(place, 10, text)).toBeUndefined()
  })

  test('is ignored after any change of a character', () => {
    const text = encodeAhead(place, 10, [run(11, 12), run(20, 200)])
    for (let at = 0; at < text.length; at++) {
      for (const other of 'A_z9 é') {
        if (text[at] === other) continue
        expect(decodeAhead(place, 10, text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined()
      }
      expect(decodeAhead(place, 10, text.slice(0, at))).toBeUndefined()
    }
  })
})
