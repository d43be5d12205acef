import { CreateTopics, DeleteTopics } from '@ottla/codec'
import { conformance } from '../case.ts'
import { exhausted, relieved } from '../quotas.ts'
import type { Stage } from '../stage.ts'

type CreateStage = Stage<typeof CreateTopics>

interface Plan {
  readonly name: string
  readonly numPartitions?: number
  readonly replicationFactor?: number
  readonly assignments?: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[]
  readonly configs?: Readonly<Record<string, string | null>>
}

const request = (plans: readonly Plan[], validateOnly = false) => ({
  topics: plans.map(({ name, numPartitions = 1, replicationFactor = 1, assignments = [], configs = {} }) => ({
    name,
    numPartitions,
    replicationFactor,
    assignments: assignments.map(({ partitionIndex, brokerIds }) => ({ partitionIndex, brokerIds: [...brokerIds] })),
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  })),
  timeoutMs: 10_000,
  validateOnly,
})

const placed = (...brokerIds: readonly (readonly number[])[]) => ({
  numPartitions: -1,
  replicationFactor: -1,
  assignments: brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids })),
})

/** All validations of a version, one topic each. */
function wrong(stage: CreateStage): Readonly<Record<string, Plan>> {
  const name = stage.name('wrong')
  return {
    'a name with a blank': { name: 'not a name' },
    'no name': { name: '' },
    'a dot': { name: '.' },
    'a long name': { name: 'x'.repeat(250) },
    'no partitions': { name, numPartitions: 0 },
    'partitions below 0': { name, numPartitions: -2 },
    'no replicas': { name, replicationFactor: 0 },
    'replicas below 0': { name, replicationFactor: -2 },
    'too many replicas': { name, replicationFactor: 99 },
    'counts and assignments': { ...placed([1]), name, numPartitions: 1, replicationFactor: 1 },
    'a count of partitions and assignments': { ...placed([1]), name, numPartitions: 1 },
    'a gap': { ...placed([1]), name, assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
    'a partition twice': {
      ...placed([1]),
      name,
      assignments: [0, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] })),
    },
    'no such broker': { ...placed([77]), name },
    'a broker twice': { ...placed([1, 1]), name },
    'no broker': { ...placed([]), name },
    'not as many replicas': { ...placed([1, 2], [1]), name },
    'no such config': { name, configs: { 'no.such.config': '1' } },
    'no number': { name, configs: { 'retention.ms': 'soon' } },
    'too small': { name, configs: { 'segment.bytes': '1' } },
    'no such choice': { name, configs: { 'cleanup.policy': 'forget' } },
    'no truth': { name, configs: { preallocate: 'perhaps' } },
    null: { name, configs: { 'retention.ms': null } },
    'configs that contradict': { name, configs: { 'min.compaction.lag.ms': '9', 'max.compaction.lag.ms': '5' } },
  }
}

export const createTopics = conformance(CreateTopics, {
  async valid(stage, version) {
    const names: string[] = []
    const create = async (label: string, hint: string, plan: Omit<Plan, 'name'>, validateOnly = false) => {
      const name = stage.name(hint)
      if (!validateOnly) names.push(name)
      await stage.ask(label, request([{ name, ...plan }], validateOnly))
    }
    await create('by counts', 'counts', { numPartitions: 3, replicationFactor: 2 })
    await create('by assignments', 'placed', placed([1, 2], [2, 3]))
    await create('with configs', 'configs', {
      configs: { 'retention.ms': ' 1000 ', 'cleanup.policy': 'compact, delete', 'min.insync.replicas': '2' },
    })
    if (version >= 4) await create('by defaults', 'defaults', { numPartitions: -1, replicationFactor: -1 })
    await create('only looked at', 'dry', { numPartitions: 2 }, true)
    await create('looked at and not there', 'dry', {})
    names.push(stage.name('a'), stage.name('b'))
    await stage.ask('two', request([{ name: stage.name('a') }, { name: stage.name('b') }]))
    await stage.ask('none', request([]))
    await stage.do(DeleteTopics, 5, { topicNames: names, timeoutMs: 10_000 })
  },
  async invalid(stage, version) {
    for (const [label, plan] of Object.entries(wrong(stage))) await stage.ask(label, request([plan]))
    if (version < 4)
      await stage.ask('defaults', request([{ name: stage.name('d'), numPartitions: -1, replicationFactor: -1 }]))
    const twice = { name: stage.name('twice') }
    await stage.ask('one name twice', request([twice, twice, { name: 'not a name' }]))
    await stage.ask('only looked at', request([{ name: stage.name('dry'), numPartitions: 0 }], true))
  },
  async wrongState(stage, version) {
    const name = stage.name('t.t')
    await stage.createTopic(name)
    await stage.ask('it is there', request([{ name }]))
    await stage.ask('it is there, only looked at', request([{ name }], true))
    await stage.ask('its metrics would have the same names', request([{ name: stage.name('t_t') }]))
    const on = await exhausted(stage)
    const response = await stage.ask('more than the quota', request([{ name: stage.name('late') }]), { on })
    stage.saw('is throttled', version >= 2 && response.throttleTimeMs > 0)
    await relieved(stage)
    await stage.do(DeleteTopics, 5, { topicNames: [name, stage.name('late')], timeoutMs: 10_000 })
  },
})
