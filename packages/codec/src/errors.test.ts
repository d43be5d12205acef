import { expect, test } from 'vitest'
import { goldenLines } from '../test/golden.ts'
import { allErrors, type ErrorName, errorCode, errorOf } from './errors.ts'

test("codes, names, retriable and refreshMetadata are Kafka's", () => {
  const kafkas = goldenLines('errors.tsv').map(([code, name, retriable, metadata]) => {
    return { code: Number(code), name, retriable: retriable === 'true', refreshMetadata: metadata === 'true' }
  })
  const ours = allErrors().map(({ code, name, retriable, refreshMetadata }) => {
    return { code, name, retriable, refreshMetadata }
  })
  expect(kafkas.length).toBe(135)
  expect(ours).toEqual(kafkas)
})

test('every error has its own message', () => {
  const messages = allErrors().map(({ message }) => message)
  expect(new Set(messages).size).toBe(messages.length)
})

test('names and codes map to each other', () => {
  expect(errorCode('NOT_LEADER_OR_FOLLOWER')).toBe(6)
  expect(errorOf(6)).toMatchObject({ name: 'NOT_LEADER_OR_FOLLOWER', retriable: true, refreshMetadata: true })
  expect(() => errorCode('NO_SUCH' as ErrorName)).toThrow('Kafka has no error NO_SUCH')
})

test('returns an unknown error with its number for a code of a later Kafka', () => {
  const error = errorOf(9999)
  expect(error).toMatchObject({ code: 9999, name: 'UNKNOWN_SERVER_ERROR', retriable: false })
  expect(error.message).toContain('9999')
})
