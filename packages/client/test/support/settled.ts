import { expect } from 'vitest'
import { KafkaError } from '../../src/errors.ts'

/** The KafkaError that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!KafkaError.is(error)) expect.fail(`expected a KafkaError, not ${String(error)}`)
  return error
}

/** What became of a promise when `settle` is done: its result, its error or 'pending'. */
export async function outcome(promise: Promise<unknown>, settle: () => Promise<void>): Promise<unknown> {
  let result: unknown = 'pending'
  promise.then(
    (value) => {
      result = value
    },
    (error: unknown) => {
      result = error
    },
  )
  await settle()
  return result
}
