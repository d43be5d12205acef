import { AlterClientQuotas, DescribeClientQuotas, Fetch, Produce } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import { setQuota } from '../quotas.ts'
import type { Stage } from '../stage.ts'

type Entity = Readonly<Record<string, string | null>>
type Operation = readonly [key: string, value: number, remove?: true]
type Component = readonly [entityType: string, matchType: number, match: string | null]

const exact = 0
const byDefault = 1
const any = 2

const entityOf = (entity: Entity) =>
  Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }))

const alteration = (entity: Entity, operations: readonly Operation[], validateOnly = false) => ({
  entries: [
    { entity: entityOf(entity), ops: operations.map(([key, value, remove = false]) => ({ key, value, remove })) },
  ],
  validateOnly,
})

const filter = (components: readonly Component[], strict = false) => ({
  components: components.map(([entityType, matchType, match]) => ({ entityType, matchType, match })),
  strict,
})

/** Quotas of a user, a client id, and both, and their removal. */
async function quotas(stage: Stage, user: string, clientId: string) {
  const all: readonly (readonly [Entity, string, number])[] = [
    [{ user }, 'producer_byte_rate', 1000],
    [{ user }, 'request_percentage', 12.5],
    [{ user, 'client-id': clientId }, 'consumer_byte_rate', 2000],
    [{ user, 'client-id': null }, 'consumer_byte_rate', 3000],
    [{ 'client-id': clientId }, 'controller_mutation_rate', 5],
  ]
  const alter = async (remove: boolean) => {
    for (const [entity, key, value] of all) {
      const operation: Operation = remove ? [key, 0, true] : [key, value]
      await stage.do(AlterClientQuotas, 1, alteration(entity, [operation]))
    }
    await stage.until('the quotas are known', async () => {
      const { entries } = await stage.do(DescribeClientQuotas, 1, filter([['user', exact, user]]))
      const others = await stage.do(DescribeClientQuotas, 1, filter([['client-id', exact, clientId]], true))
      return entries?.length === (remove ? 0 : 3) && others.entries?.length === (remove ? 0 : 1)
    })
  }
  await alter(false)
  return { undo: () => alter(true) }
}

export const describeClientQuotas = conformance(DescribeClientQuotas, {
  async valid(stage) {
    const [user, clientId] = [stage.name('user'), stage.name('client')]
    const { undo } = await quotas(stage, user, clientId)
    const filters: readonly (readonly Component[])[] = [
      [['user', exact, user]],
      [['client-id', exact, clientId]],
      [
        ['user', exact, user],
        ['client-id', exact, clientId],
      ],
      [
        ['user', exact, user],
        ['client-id', byDefault, null],
      ],
      [
        ['user', exact, user],
        ['client-id', any, null],
      ],
      [
        ['user', any, null],
        ['client-id', exact, clientId],
      ],
      [['user', exact, stage.name('none')]],
      [['ip', exact, '127.0.0.77']],
    ]
    for (const components of filters) {
      const label = components.map(([type, match]) => `${type} ${match}`).join(', ')
      await stage.ask(label, filter(components))
      await stage.ask(`${label}, strict`, filter(components, true))
    }
    await undo()
  },
  async invalid(stage) {
    const user = stage.name('user')
    const wrong: Readonly<Record<string, readonly Component[]>> = {
      'exactly nothing': [['user', exact, null]],
      'the default with a name': [['user', byDefault, 'x']],
      'any with a name': [['user', any, 'x']],
      'an address and a user': [
        ['ip', exact, '127.0.0.1'],
        ['user', exact, user],
      ],
      'a user twice': [
        ['user', exact, user],
        ['user', exact, user],
      ],
      'no type': [['', exact, user]],
      'no such type': [['group', exact, user]],
      'no such match': [['user', 7, user]],
    }
    for (const [label, components] of Object.entries(wrong)) await stage.ask(label, filter(components))
  },
  async wrongState(stage) {
    const [user, clientId] = [stage.name('user'), stage.name('client')]
    await stage.ask('none yet', filter([['user', exact, user]]))
    const { undo } = await quotas(stage, user, clientId)
    await undo()
    await stage.ask('none any more', filter([['user', exact, user]]))
    await stage.ask('of a client, none any more', filter([['client-id', exact, clientId]]))
  },
})

export const alterClientQuotas = conformance(AlterClientQuotas, {
  async valid(stage) {
    const user = stage.name('user')
    const note = (label: string) => stage.note(label, DescribeClientQuotas, 1, filter([['user', exact, user]]))
    const settled = (count: number) =>
      stage.until('the quotas are known', async () => {
        const { entries } = await stage.do(DescribeClientQuotas, 1, filter([['user', exact, user]]))
        return (entries ?? []).reduce((sum, { values }) => sum + values.length, 0) === count
      })
    await stage.ask('only looked at', alteration({ user }, [['producer_byte_rate', 7]], true))
    await stage.ask(
      'sets two',
      alteration({ user }, [
        ['producer_byte_rate', 1000],
        ['request_percentage', 0.5],
      ]),
    )
    await settled(2)
    await note('set')
    await stage.ask(
      'of a client of it',
      alteration({ user, 'client-id': stage.name('c') }, [['controller_mutation_rate', 0.1]]),
    )
    await settled(3)
    await stage.ask(
      'changes one, takes one',
      alteration({ user }, [
        ['producer_byte_rate', 5],
        ['request_percentage', 0, true],
      ]),
    )
    await settled(2)
    await note('changed')
    await stage.ask('takes all', alteration({ user }, [['producer_byte_rate', 0, true]]))
    await stage.ask(
      'takes the client’s',
      alteration({ user, 'client-id': stage.name('c') }, [['controller_mutation_rate', 0, true]]),
    )
    await settled(0)
    await note('taken')
    await stage.ask('an address', alteration({ ip: '127.0.0.77' }, [['connection_creation_rate', 5]], true))
    await stage.ask('all addresses', alteration({ ip: null }, [['connection_creation_rate', 5]], true))
    await stage.ask(
      'all users and clients',
      alteration({ user: null, 'client-id': null }, [['consumer_byte_rate', 5]], true),
    )
    await stage.ask('nothing', alteration({ user }, []))
    await stage.ask('none', { entries: [], validateOnly: false })
    await throttled(stage)
  },
  async invalid(stage) {
    const user = stage.name('user')
    const wrong: Readonly<Record<string, readonly [Entity, readonly Operation[]]>> = {
      'a rate of 0': [{ user }, [['producer_byte_rate', 0]]],
      'below 0': [{ user }, [['consumer_byte_rate', -1]]],
      'a part of a byte': [{ user }, [['producer_byte_rate', 1.5]]],
      'too much': [{ user }, [['consumer_byte_rate', 1e19]]],
      'no such quota': [{ user }, [['no_such_quota', 1]]],
      'that of an address': [{ user }, [['connection_creation_rate', 5]]],
      'that of a user': [{ ip: '127.0.0.77' }, [['producer_byte_rate', 5]]],
      'too many connections': [{ ip: '127.0.0.77' }, [['connection_creation_rate', 1e12]]],
      'a part of a connection': [{ ip: '127.0.0.77' }, [['connection_creation_rate', 1.5]]],
      'no address': [{ ip: 'no.such.host.invalid' }, [['connection_creation_rate', 5]]],
      'an address and a user': [{ ip: '127.0.0.77', user }, [['producer_byte_rate', 5]]],
      'an empty user': [{ user: '' }, [['producer_byte_rate', 5]]],
      'an empty client': [{ 'client-id': '' }, [['producer_byte_rate', 5]]],
      'an empty address': [{ ip: '' }, [['connection_creation_rate', 5]]],
      'no such type': [{ group: 'x' }, [['producer_byte_rate', 5]]],
      'of no client': [{}, [['producer_byte_rate', 5]]],
      'one quota twice': [
        { user },
        [
          ['producer_byte_rate', 5],
          ['producer_byte_rate', 6],
        ],
      ],
    }
    for (const [label, [entity, operations]] of Object.entries(wrong)) {
      await stage.ask(label, alteration(entity, operations, true))
    }
    const [entry] = alteration({ user }, [['producer_byte_rate', 5]]).entries
    if (entry !== undefined) await stage.ask('one user twice', { entries: [entry, entry], validateOnly: true })
  },
  async wrongState(stage) {
    const user = stage.name('user')
    await stage.ask('takes what is not there', alteration({ user }, [['producer_byte_rate', 0, true]]))
    await stage.ask('takes what cannot be there', alteration({ user }, [['no_such_quota', 0, true]]))
    await stage.note('nothing is there', DescribeClientQuotas, 1, filter([['user', exact, user]]))
  },
})

/** A client above its quota is throttled; a consumer gets no records in that time. */
async function throttled(stage: Stage<typeof AlterClientQuotas>): Promise<void> {
  const name = stage.name('t')
  const clientId = stage.name('busy')
  await stage.createTopic(name)
  const records = batchOf(['x'.repeat(3000)], { timestamp: 1_700_000_000_000 })
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const produce = { transactionalId: null, acks: 1, timeoutMs: 5000, topicData }
  const free = await stage.do(Produce, 9, produce, { on: await stage.open({ clientId }) })
  await setQuota(stage, clientId, 'producer_byte_rate', 100)
  const limited = await stage.do(Produce, 9, produce, { on: await stage.open({ clientId }) })
  const other = await stage.do(Produce, 9, produce)
  const isThrottled = ({ throttleTimeMs }: { readonly throttleTimeMs: number }) => throttleTimeMs > 0
  stage.saw('produce is throttled', [free, limited, other].map(isThrottled))
  await setQuota(stage, clientId, 'producer_byte_rate', null)
  await setQuota(stage, clientId, 'consumer_byte_rate', 500)
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }]
  const fetch = { maxWaitMs: 0, minBytes: 0, topics: [{ topic: name, partitions }], forgottenTopicsData: [] }
  const wires = [await stage.open({ clientId }), await stage.open({ clientId })]
  for (const on of wires) {
    const response = await stage.do(Fetch, 12, fetch, { on })
    const bytes = response.responses[0]?.partitions[0]?.records?.length ?? 0
    stage.saw('fetch is throttled', { isThrottled: isThrottled(response), isEmpty: bytes === 0 })
  }
  await setQuota(stage, clientId, 'consumer_byte_rate', null)
}
