import { apiOf } from '@ottla/codec'
import { expect, test } from 'vitest'
import { ruleOf, withoutRule } from './rules.ts'

const apis = Array.from({ length: 200 }, (_, key) => apiOf(key)).flatMap((api) => (api === undefined ? [] : [api.name]))

test('of each API it is written who may ask it', () => {
  expect(apis.length).toBeGreaterThan(80)
  expect(apis.filter((name) => ruleOf(name) === undefined && withoutRule[name] === undefined)).toEqual([])
})

test('what is said to need nothing has no rule', () => {
  expect(Object.keys(withoutRule).filter((name) => ruleOf(name) !== undefined)).toEqual([])
})
