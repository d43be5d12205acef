import { expect, test } from 'vitest'
import { allApis, apiOf } from './registry.ts'

test('every API is found under its key', () => {
  for (const api of allApis) expect(apiOf(api.key)).toBe(api)
  expect(new Set(allApis.map(({ key }) => key)).size).toBe(allApis.length)
  expect(allApis.length).toBe(89)
})

test('removed and unknown keys have no API', () => {
  for (const key of [-1, 4, 5, 6, 7, 93, 1000]) expect(apiOf(key)).toBeUndefined()
})

test('all version ranges are bounded, and contain their flexible versions', () => {
  for (const { name, versions, flexible } of allApis) {
    expect(versions.min, name).toBeLessThanOrEqual(versions.max)
    expect(versions.max, name).toBeLessThan(100)
    if (flexible.min !== Number.POSITIVE_INFINITY) expect(flexible.min, name).toBeLessThanOrEqual(versions.max)
  }
})
