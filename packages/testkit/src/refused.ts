import { type Api, type ErrorName, errorCode } from '@ottla/codec'
import { blank, type Struct } from './faults/blank.ts'
import { placeOf } from './faults/places.ts'
import { pick, withErrors } from './faults/response-errors.ts'

/** An answer that is an error for all that was asked; by default that of a cluster which has the API turned off. */
export function refusedResponse(
  api: Api,
  version: number,
  request: Struct,
  error: ErrorName = 'UNSUPPORTED_VERSION',
): Struct {
  const nameOfTopic = () => undefined
  const at = placeOf(api.name, version).entities
  const picked = at === undefined ? [] : pick(at, request, {}, nameOfTopic)
  const response = blank(api.response.fields, version)
  return withErrors(api, version, response, { picked, errorCode: errorCode(error), nameOfTopic })
}
