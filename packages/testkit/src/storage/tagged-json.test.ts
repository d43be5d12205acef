import { describe, expect, test } from 'vitest'
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts'

describe('tagged JSON', () => {
  test.each([
    ['plain data', { a: [1, 'x', null, true], b: { c: -1.5 } }],
    ['maps in maps', new Map([['', new Map([['k', 1n]])]])],
    ['sets of bigints', { set: new Set([1n, -(2n ** 70n)]) }],
    ['bytes', { salt: Buffer.from([0, 255, 128]) }],
    ['objects with names that begin with the mark', { $map: 1, other: { $bigint: 'x' } }],
  ])('brings back %s', (_what, value) => {
    expect(fromTaggedJson(toTaggedJson(value))).toEqual(value)
  })

  test('refuses what would come back as something else', () => {
    class Clock {}
    expect(() => toTaggedJson({ clock: new Clock() })).toThrow('a Clock cannot be kept')
    expect(() => toTaggedJson([() => 1])).toThrow('a function cannot be kept')
    expect(() => fromTaggedJson('{"$date":[]}')).toThrow('$date is not known')
  })
})
