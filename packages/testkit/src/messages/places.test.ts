import { errorCode } from '@ottla/codec'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { WireClient } from '../../test/support/wire-client.ts'
import { createCluster } from '../cluster/cluster.ts'
import { handlers } from '../handlers/registry.ts'
import type { ApiName } from './api-name.ts'
import { blank, type Struct } from './blank.ts'
import { placeOf, withoutErrors } from './places.ts'

const cluster = await createCluster({ brokers: 1, topics: [{ name: 't' }], onDiagnostic: () => {} })
const code = errorCode('POLICY_VIOLATION')

beforeEach(() => cluster.reset())
afterAll(() => cluster.close())

/** A request for one entity. */
function requestOf(api: (typeof handlers)[number]['api'], version: number): Struct {
  const request = asAcl(blank(api.request.fields, version))
  const at = placeOf(api.name, version).entities
  if (at === undefined) return request
  const fields = api.request.fields[at.request]?.element?.fields
  if (at.requestName === undefined || fields === undefined) return { ...request, [at.request]: ['t'] }
  const entity = asAcl(blank(fields, version))
  const isCombined = Array.isArray(entity[at.requestName])
  if (at.requestName in entity && !isCombined) entity[at.requestName] = 't'
  else entity.topicId = cluster.state().topics[0]?.topicId
  // 2: a topic.
  if ('resourceType' in entity) entity.resourceType = 2
  if (at.partitions !== undefined) {
    const { request: list, requestIndex } = at.partitions
    const partition = fields[list]?.element?.fields
    entity[list] = [partition && requestIndex ? { ...blank(partition, version), [requestIndex]: 0 } : 0]
  }
  return { ...request, ...('acks' in request && { acks: 1 }), [at.request]: [entity] }
}

/** The fields of ACLs have no valid defaults. */
function asAcl(struct: Struct): Struct {
  if (!('permissionType' in struct)) return struct
  const type = 'resourceTypeFilter' in struct ? { resourceTypeFilter: 2 } : { resourceType: 2 }
  return { ...struct, ...type, operation: 3, permissionType: 3 }
}

/** The number of errors in a response. */
function errorsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const { errorCode: own, partitionErrorCode } = value as Struct
  const here = own === code || partitionErrorCode === code ? 1 : 0
  return Object.values(value).reduce((sum: number, one) => sum + errorsIn(one), here)
}

const cases = handlers
  .flatMap(({ api, minVersion, maxVersion }) =>
    Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => [api.name, minVersion + i, api] as const),
  )
  .filter(([name, version]) => !withoutErrors.includes(`${name} v${version}`))

describe('an injected error appears once in a response that can be decoded', () => {
  test.each(cases)('%s v%i', async (name, version, api) => {
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    for (const action of [{ error: 'POLICY_VIOLATION' }, { errorAfterWork: 'POLICY_VIOLATION' }] as const) {
      const fault = cluster.faults.add({ match: { api: name as ApiName, version }, action })
      const response = await wire.request(api, requestOf(api, version) as never, version)
      expect([fault.hits, errorsIn(response)]).toEqual([1, 1])
      fault.remove()
    }
    wire.close()
  })
})
