import { allApis } from '../src/api/registry.ts'
import * as everything from '../src/index.ts'
import type { MessageTable } from '../src/schema/api.ts'

export interface Case {
  readonly message: MessageTable
  readonly version: number
}

function isMessage(value: unknown): value is MessageTable {
  return typeof value === 'object' && value !== null && 'fields' in value && 'versions' in value
}

/** Every message of the package: both halves of the APIs, and the data kept inside records. */
export const allMessages: readonly MessageTable[] = [
  ...allApis.flatMap(({ request, response }) => [request, response]),
  ...Object.values<unknown>(everything).filter(isMessage),
]

/** Every message in every version. */
export const cases: readonly Case[] = allMessages.flatMap((message) => {
  const { min, max } = message.versions
  if (max === Number.POSITIVE_INFINITY) throw new RangeError(`${message.name} has no last version`)
  return Array.from({ length: max - min + 1 }, (_, index) => ({ message, version: min + index }))
})
