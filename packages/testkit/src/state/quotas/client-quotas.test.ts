import { expect, test } from 'vitest'
import { type ClientQuotas, entityTypes, noQuotas, type QuotaEntity, withQuotas } from './client-quotas.ts'

type Changes = Readonly<Record<string, number | undefined>>
type Change = readonly [entity: Readonly<Record<string, string | null>>, ...deltas: readonly Changes[]]

const entityOf = (entity: Change[0]): QuotaEntity =>
  new Map(entityTypes.flatMap((type) => (entity[type] === undefined ? [] : [[type, entity[type]] as const])))

function changed(image: ClientQuotas, [entity, ...deltas]: Change): ClientQuotas {
  return deltas.reduce((all, delta) => withQuotas(all, entityOf(entity), new Map(Object.entries(delta))), image)
}

/** One line for each entity: the entity, then its quotas without the suffixes. */
const shown = (image: ClientQuotas): string[] =>
  Array.from(image.values(), ({ entity, values }) => {
    const names = Array.from(values.keys(), (name) => name.replace(/_(byte_rate|percentage|mutation_rate|rate)$/, ''))
    return `${Array.from(entity, ([type, name]) => `${type}=${name}`).join(' ')}: ${names.join(' ')}`
  })

const all = { producer_byte_rate: 1, consumer_byte_rate: 2, request_percentage: 3, controller_mutation_rate: 4 }
const each = Object.entries(all).map(([name, value]) => ({ [name]: value }))

/** The expected orders were printed by the classes of Apache Kafka 4.3.1 for the same changes. */
const steps: readonly (readonly [what: string, changes: readonly Change[], expected: readonly string[]])[] = [
  ['quotas set together', [[{ user: 'alice' }, all]], ['user=alice: producer consumer controller request']],
  [
    'quotas set one by one',
    [[{ user: 'bob' }, ...each]],
    ['user=alice: producer consumer controller request', 'user=bob: producer consumer controller request'],
  ],
  [
    'a quota that replaces another',
    [
      [
        { user: 'carol' },
        { controller_mutation_rate: 1 },
        { request_percentage: 1, controller_mutation_rate: undefined, producer_byte_rate: 5 },
      ],
    ],
    [
      'user=alice: producer consumer controller request',
      'user=bob: producer consumer controller request',
      'user=carol: request producer',
    ],
  ],
  [
    'entities of all types',
    [
      [
        { 'client-id': 'c', user: 'alice' },
        { consumer_byte_rate: 1, producer_byte_rate: 2 },
      ],
      [{ 'client-id': null }, { request_percentage: 1, consumer_byte_rate: 1 }],
      [{ user: null }, { producer_byte_rate: 1, request_percentage: 2 }],
      [{ ip: '127.0.0.1' }, { connection_creation_rate: 5 }],
    ],
    [
      'user=alice: producer consumer controller request',
      'client-id=c user=alice: consumer producer',
      'user=bob: producer consumer controller request',
      'ip=127.0.0.1: connection_creation',
      'user=null: request producer',
      'client-id=null: consumer request',
      'user=carol: request producer',
    ],
  ],
  [
    'removed quotas',
    [
      [{ user: 'bob' }, Object.fromEntries(Object.keys(all).map((name) => [name, undefined]))],
      [{ user: 'alice' }, { request_percentage: undefined }],
    ],
    [
      'client-id=c user=alice: consumer producer',
      'ip=127.0.0.1: connection_creation',
      'user=null: request producer',
      'user=alice: consumer controller producer',
      'client-id=null: consumer request',
      'user=carol: request producer',
    ],
  ],
  [
    'many entities',
    Array.from(
      { length: 12 },
      (_, i): Change => [{ 'client-id': `client-${i}` }, { consumer_byte_rate: 1, producer_byte_rate: 2 }],
    ),
    [
      'client-id=client-7: consumer producer',
      'client-id=c user=alice: consumer producer',
      ...[2, 5, 4, 6, 9, 8].map((i) => `client-id=client-${i}: consumer producer`),
      'user=carol: request producer',
      'client-id=client-3: consumer producer',
      'user=alice: consumer controller producer',
      ...[1, 0].map((i) => `client-id=client-${i}: consumer producer`),
      'ip=127.0.0.1: connection_creation',
      'client-id=client-10: consumer producer',
      'user=null: request producer',
      'client-id=null: consumer request',
      'client-id=client-11: consumer producer',
    ],
  ],
]

test('entities and their quotas are in the order of Kafka', () => {
  let image = noQuotas
  for (const [what, changes, expected] of steps) {
    image = changes.reduce(changed, image)
    expect([what, ...shown(image)]).toEqual([what, ...expected])
  }
})
