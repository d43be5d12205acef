import { type Api, errorCode } from '@ottla/codec'
import { pick, withErrors } from './faults/answers.ts'
import { blank, type Struct } from './faults/blank.ts'
import { placeOf } from './faults/places.ts'

/** The answer of a broker whose release has the API, but whose cluster has it turned off. */
export function refusedAnswer(api: Api, version: number, request: Struct): Struct {
  const nameOfTopic = () => undefined
  const at = placeOf(api.name, version).entities
  const picked = at === undefined ? [] : pick(at, request, {}, nameOfTopic)
  const answer = blank(api.response.fields, version)
  return withErrors(api, version, answer, { picked, errorCode: errorCode('UNSUPPORTED_VERSION'), nameOfTopic })
}
