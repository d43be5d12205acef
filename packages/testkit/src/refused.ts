import { type Api, type ErrorName, errorCode } from '@ottla/codec'
import { pick, withErrors } from './faults/answers.ts'
import { blank, type Struct } from './faults/blank.ts'
import { placeOf } from './faults/places.ts'

/** An answer that is an error for all that was asked; by default that of a cluster which has the API turned off. */
export function refusedAnswer(
  api: Api,
  version: number,
  request: Struct,
  error: ErrorName = 'UNSUPPORTED_VERSION',
): Struct {
  const nameOfTopic = () => undefined
  const at = placeOf(api.name, version).entities
  const picked = at === undefined ? [] : pick(at, request, {}, nameOfTopic)
  const answer = blank(api.response.fields, version)
  return withErrors(api, version, answer, { picked, errorCode: errorCode(error), nameOfTopic })
}
