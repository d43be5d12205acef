import { describe, expect, test } from 'vitest'
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts'

describe('tagged JSON', () => {
  test.each([
    ['plain data', { a: [1, 'x', null, true], b: { c: -1.5 } }],
    ['maps in maps', new Map([['', new Map([['k', 1n]])]])],
    ['sets of bigints', { set: new Set([1n, -(2n ** 70n)]) }],
    ['bytes', { salt: Buffer.from([0, 255, 128]) }],
    ['objects with names that start with the mark', { $map: 1, other: { $bigint: 'x' } }],
  ])('restores %s', (_what, value) => {
    expect(fromTaggedJson(toTaggedJson(value))).toEqual(value)
  })

  test('rejects values that it could not restore', () => {
    class Clock {}
    expect(() => toTaggedJson({ clock: new Clock() })).toThrow('A Clock cannot be stored')
    expect(() => toTaggedJson([() => 1])).toThrow('A function cannot be stored')
    expect(() => fromTaggedJson('{"$date":[]}')).toThrow('Unknown tag $date')
  })
})
