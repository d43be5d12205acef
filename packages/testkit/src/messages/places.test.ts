import { errorCode, type MessageTable } from '@ottla/codec'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { WireClient } from '../../test/support/wire-client.ts'
import { createCluster } from '../cluster/cluster.ts'
import type { FaultRule } from '../faults/rule.ts'
import { handlers } from '../handlers/registry.ts'
import type { ApiName } from './api-name.ts'
import { blank, isIn, type Struct } from './blank.ts'
import type { EntityPlace, ErrorPlace } from './error-place.ts'
import { placesIn } from './places.ts'

const cluster = await createCluster({ brokers: 1, topics: [{ name: 't' }], onDiagnostic: () => {} })
const code = errorCode('POLICY_VIOLATION')

beforeEach(() => cluster.reset())
afterAll(() => cluster.close())

type Fields = MessageTable['fields']
type Served = (typeof handlers)[number]['api']

/** Errors that no rule can inject on their own, with the reason. */
const notInjectable: ReadonlyMap<string, string> = new Map([
  [
    'CreateTopics topics[].topicConfigErrorCode',
    'it accompanies a topic without errors: its configs may not be described',
  ],
  ['DeleteAcls filterResults[].matchingAcls[].errorCode', 'the request has filters, not ACLs'],
  ['ShareFetch responses[].partitions[].acknowledgeErrorCode', 'it accompanies the error of the partition'],
])

/** The paths of all error codes in a version of a response. */
function errorPaths(fields: Fields, version: number, path = ''): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    if (!isIn(field.options.versions, version)) return []
    if (/errorcode$/i.test(name)) return [path + name]
    const inner = field.element?.fields
    if (field.type === 'array') return inner === undefined ? [] : errorPaths(inner, version, `${path}${name}[].`)
    return field.fields === undefined ? [] : errorPaths(field.fields, version, `${path}${name}.`)
  })
}

/** The path of the error code of a place. */
function pathOf({ entities }: ErrorPlace): string {
  if (entities === undefined) return 'errorCode'
  const { within, response, partitions } = entities
  const lists = [within?.response, response, partitions?.response].filter((list) => list !== undefined)
  return `${lists.map((list) => `${list}[].`).join('')}${partitions?.errorField ?? 'errorCode'}`
}

/** The paths at which a response has the injected error. */
function injectedAt(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  if (Array.isArray(value)) return value.flatMap((each) => injectedAt(each, `${path}[]`))
  return Object.entries(value).flatMap(([name, inner]) => {
    const here = path === '' ? name : `${path}.${name}`
    if (/errorcode$/i.test(name)) return inner === code ? [here] : []
    return injectedAt(inner, here)
  })
}

/** A request for one entity of a place. */
function requestOf({ request: { fields } }: Served, version: number, { entities: at }: ErrorPlace): Struct {
  const request = asAcl(blank(fields, version))
  const all = { ...request, ...('acks' in request && { acks: 1 }) }
  if (at?.request === undefined) return all
  if (at.within === undefined) return { ...all, [at.request]: [entityOf(at, fields, version)] }
  const { request: list, requestName } = at.within
  const outer = fields[list]?.element?.fields ?? {}
  const element = { ...blank(outer, version), [requestName]: outer[requestName]?.type === 'int64' ? 7n : 'outer' }
  return { ...all, [list]: [{ ...element, [at.request]: [entityOf(at, outer, version)] }] }
}

function entityOf(at: EntityPlace, parent: Fields, version: number): unknown {
  const fields = parent[at.request ?? '']?.element?.fields
  if (at.requestName === undefined || fields === undefined) return 't'
  const entity = asAcl(blank(fields, version))
  const isCombined = Array.isArray(entity[at.requestName])
  if (at.requestName in entity && !isCombined) entity[at.requestName] = 't'
  else entity.topicId = cluster.state().topics.find(({ name }) => name === 't')?.topicId
  // 2: a topic.
  if ('resourceType' in entity) entity.resourceType = 2
  const { request: list, requestIndex } = at.partitions ?? {}
  if (list !== undefined) {
    const partition = fields[list]?.element?.fields
    entity[list] = [partition && requestIndex ? { ...blank(partition, version), [requestIndex]: 0 } : 0]
  }
  return entity
}

/** The fields of ACLs have no valid defaults. */
function asAcl(struct: Struct): Struct {
  if (!('permissionType' in struct)) return struct
  const type = 'resourceTypeFilter' in struct ? { resourceTypeFilter: 2 } : { resourceType: 2 }
  return { ...struct, ...type, operation: 3, permissionType: 3 }
}

/** What a rule says to reach a place. */
function selecting({ entities: at }: ErrorPlace): { match: object; level: object } {
  const level = at === undefined ? { at: 'response' } : {}
  if (at?.kind === 'topic') return { match: { topic: 't', ...(at.partitions && { partition: 0 }) }, level }
  if (at?.kind === 'resource') return { match: { topic: 't' }, level }
  if (at?.kind === 'group') return { match: { group: 't' }, level }
  if (at?.kind === 'transaction') return { match: { transactionalId: 't' }, level }
  return { match: {}, level: at === undefined ? level : { at: 'entities' } }
}

const served = handlers.flatMap(({ api, minVersion, maxVersion }) =>
  Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => [api.name, minVersion + i, api] as const),
)

test('every error code of every version has a place, or a reason why not', () => {
  const missing = served.flatMap(([name, version, api]) => {
    const places = placesIn(name, version).map(pathOf)
    const paths = errorPaths(api.response.fields, version)
    const absent = paths.filter((path) => !places.includes(path) && !notInjectable.has(`${name} ${path}`))
    const invented = places.filter((path) => !paths.includes(path))
    return [
      ...absent.map((path) => `${name} v${version}: ${path}`),
      ...invented.map((path) => `${name} v${version}: no ${path}`),
    ]
  })
  expect(missing).toEqual([])
})

const cases = served.flatMap(([name, version, api]) =>
  placesIn(name, version).map((place) => [name, version, pathOf(place), place, api] as const),
)

describe('an injected error appears once, at its place, in a response that can be decoded', () => {
  test.each(cases)('%s v%i: %s', async (name, version, path, place, api) => {
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    const { match, level } = selecting(place)
    for (const kind of ['error', 'errorAfterWork']) {
      const action = { [kind]: 'POLICY_VIOLATION', ...level } as FaultRule['action']
      const fault = cluster.faults.add({ match: { api: name as ApiName, version, ...match }, action })
      const response = await wire.request(api, requestOf(api, version, place) as never, version)
      expect([kind, fault.hits, injectedAt(response)]).toEqual([kind, 1, [path]])
      fault.remove()
    }
    wire.close()
  })
})

describe('a rule for another topic does not match', () => {
  const named = cases.filter(([, , , { entities }]) => entities?.kind === 'topic' || entities?.kind === 'resource')
  test.each(named)('%s v%i: %s', async (name, version, _, place, api) => {
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    const match = { api: name as ApiName, version, topic: 'other' }
    const fault = cluster.faults.add({ match, trigger: 'always', action: { error: 'POLICY_VIOLATION' } })
    const response = await wire.request(api, requestOf(api, version, place) as never, version)
    expect([fault.hits, injectedAt(response)]).toEqual([0, []])
    fault.remove()
    wire.close()
  })
})

test.each(served.map(([name, version, api]) => [name, version, api] as const))(
  'a rule without entities has an effect on %s v%i',
  async (name, version, api) => {
    const [place] = placesIn(name, version)
    if (place === undefined) throw new Error('No place')
    const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
    const action = { error: 'POLICY_VIOLATION' } as const
    const fault = cluster.faults.add({ match: { api: name as ApiName, version }, action })
    const response = await wire.request(api, requestOf(api, version, place) as never, version)
    expect([fault.hits, injectedAt(response)]).toEqual([1, [pathOf(place)]])
    fault.remove()
    wire.close()
  },
)
