import { type Decoded, DescribeClientQuotas, type Encodable, type ErrorName } from '@ottla/codec'
import { ordered } from '../controllers/quotas.ts'
import { entityTypes, type QuotaEntity } from '../state/quotas/client-quotas.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

type Component = Decoded<typeof DescribeClientQuotas.request>['components'][number]
type Response = Encodable<typeof DescribeClientQuotas.response>

const match = { exact: 0, default: 1, specified: 2 } as const

const handle: Handler<typeof DescribeClientQuotas> = ({ broker }, { components, strict }) => {
  const refusal = componentsRefusal(components)
  if (refusal !== undefined) return refusal
  const entries = [...broker.view.areas.clientQuotas.values()]
    .filter(({ entity }) => (strict ? entity.size === components.length : true))
    .filter(({ entity }) => components.every((component) => fits(entity, component)))
    .map(({ entity, values }) => ({
      entity: ordered(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
      values: Array.from(values, ([key, value]) => ({ key, value })),
    }))
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', entries }
}

function fits(entity: QuotaEntity, { entityType, matchType, match: name }: Component): boolean {
  const own = entity.get(entityType as (typeof entityTypes)[number])
  if (own === undefined) return false
  return matchType === match.specified || own === (matchType === match.default ? null : name)
}

function componentsRefusal(components: readonly Component[]): Response | undefined {
  const refuse = (message: string, error: ErrorName = 'INVALID_REQUEST'): Response => ({
    throttleTimeMs: 0,
    errorCode: codes.of(error),
    errorMessage: message,
    entries: null,
  })
  const seen = new Set<string>()
  for (const { entityType, matchType, match: name } of components) {
    if (entityType === '') return refuse('Invalid empty entity type.')
    if (seen.has(entityType)) return refuse(`Entity type ${entityType} cannot appear more than once in the filter.`)
    if (!(entityTypes as readonly string[]).includes(entityType)) {
      return refuse(`Unsupported entity type ${entityType}`, 'UNSUPPORTED_VERSION')
    }
    seen.add(entityType)
    if (matchType === match.exact && name === null) {
      return refuse('Request specified MATCH_TYPE_EXACT, but set match string to null.')
    }
    if (matchType < match.exact || matchType > match.specified) return refuse(`Unknown match type ${matchType}`)
    if (matchType === match.exact || name === null) continue
    const type = matchType === match.default ? 'DEFAULT' : 'SPECIFIED'
    return refuse(`Request specified MATCH_TYPE_${type}, but also specified a match string.`)
  }
  if (!seen.has('ip') || seen.size === 1) return undefined
  return refuse(
    'Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.',
  )
}

export const describeClientQuotasHandler = serves(DescribeClientQuotas, allVersions(DescribeClientQuotas), handle)
