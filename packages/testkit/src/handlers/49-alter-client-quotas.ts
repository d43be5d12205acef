import { AlterClientQuotas } from '@ottla/codec'
import { alterQuotas, entityText, ordered } from '../controllers/quotas.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

interface Wanted {
  readonly entity: ReadonlyMap<string, string | null>
  readonly operations: { readonly key: string; readonly value: number; readonly remove: boolean }[]
  isRepeated: boolean
}

const handle: Handler<typeof AlterClientQuotas> = ({ cluster }, { entries, validateOnly }) => {
  // An entity may appear only once in a request.
  const wanted = new Map<string, Wanted>()
  for (const { entity: components, ops } of entries) {
    const entity = new Map(
      ordered(new Map(components.map(({ entityType, entityName }) => [entityType, entityName] as const))),
    )
    const key = JSON.stringify([...entity])
    const before = wanted.get(key)
    const isRepeated = before !== undefined || new Set(ops.map((op) => op.key)).size < ops.length
    wanted.set(key, { entity, operations: [...ops], isRepeated })
  }
  const responses = Array.from(wanted.values(), ({ entity, operations, isRepeated }) => {
    const problem = isRepeated
      ? `Ignoring duplicate entity ${entityText(entity)}`
      : alterQuotas(cluster.controller, { entity, operations }, validateOnly)
    return {
      errorCode: codes.of(problem === undefined ? undefined : 'INVALID_REQUEST'),
      errorMessage: problem ?? null,
      entity: Array.from(entity, ([entityType, entityName]) => ({ entityType, entityName })),
    }
  })
  return { throttleTimeMs: 0, entries: responses }
}

export const alterClientQuotasHandler = serves(AlterClientQuotas, allVersions(AlterClientQuotas), handle)
