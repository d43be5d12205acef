import { expect, test } from 'vitest'
import { compileRe2, re2Problem } from './re2.ts'

// The messages are those of Kafka 4.3.1 (RE2/J).
test.each([
  ['(', 'missing closing )'],
  [')', 'regexp/syntax: internal error'],
  ['[a', 'missing closing ]'],
  ['a**', 'invalid nested repetition operator'],
  ['*', 'missing argument to repetition operator'],
  ['(?=a)', 'invalid or unsupported Perl syntax'],
  ['(?<!a)', 'invalid or unsupported Perl syntax'],
  ['\\1', 'invalid escape sequence'],
  ['\\', 'trailing backslash at end of expression'],
  ['a{1001}', 'invalid repeat count'],
  ['[b-a]', 'invalid character class range'],
  ['(?<n', 'invalid named capture'],
  ['\\pX', 'invalid character class range'],
])('rejects %s: %s', (pattern, problem) => {
  expect(re2Problem(pattern)).toBe(problem)
  expect(compileRe2(pattern)).toBeUndefined()
})

test.each([
  ['orders', 'orders', 'orders-2'],
  ['orders.*', 'orders-2', 'my-orders'],
  ['a|bc', 'bc', 'abc'],
  ['[[:alpha:]]+', 'abc', 'a1'],
  ['[^a-c]', 'd', 'b'],
  ['(?P<x>a){2,3}?', 'aaa', 'a'],
  ['(?i)ORDERS', 'orders', 'order'],
  ['\\Qa.b\\E', 'a.b', 'axb'],
  ['a{,2}', 'a{,2}', 'aa'],
  ['\\p{Lu}\\d', 'A1', 'a1'],
  ['\\Aab\\z', 'ab', 'abc'],
])('%s matches %s and not %s, anchored at both ends', (pattern, yes, no) => {
  expect(re2Problem(pattern)).toBeUndefined()
  expect(compileRe2(pattern)?.test(yes)).toBe(true)
  expect(compileRe2(pattern)?.test(no)).toBe(false)
})
