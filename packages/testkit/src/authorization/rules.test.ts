import { apiOf } from '@ottla/codec'
import { expect, test } from 'vitest'
import { ruleOf, withoutRule } from './rules.ts'

const apis = Array.from({ length: 200 }, (_, key) => apiOf(key)).flatMap((api) => (api === undefined ? [] : [api.name]))

test('every API has a rule, or is listed as having none', () => {
  expect(apis.length).toBeGreaterThan(80)
  expect(apis.filter((name) => ruleOf(name) === undefined && withoutRule[name] === undefined)).toEqual([])
})

test('an API that is listed as having no rule has none', () => {
  expect(Object.keys(withoutRule).filter((name) => ruleOf(name) !== undefined)).toEqual([])
})
