import { CreatePartitions, DeleteTopics } from '@ottla/codec'
import { conformance } from '../case.ts'
import { exhausted, relieved } from '../quotas.ts'

interface Growth {
  readonly name: string
  readonly count: number
  readonly replicas?: readonly (readonly number[])[]
}

const request = (grown: readonly Growth[], validateOnly = false) => ({
  topics: grown.map(({ name, count, replicas }) => ({
    name,
    count,
    assignments: replicas?.map((brokerIds) => ({ brokerIds: [...brokerIds] })) ?? null,
  })),
  timeoutMs: 10_000,
  validateOnly,
})

export const createPartitions = conformance(CreatePartitions, {
  async valid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name, { replicas: [1, 2] })
    await stage.ask('only looked at', request([{ name, count: 5 }], true))
    await stage.ask('one more', request([{ name, count: 2 }]))
    await stage.ask(
      'two more, placed',
      request([
        {
          name,
          count: 4,
          replicas: [
            [1, 3],
            [3, 2],
          ],
        },
      ]),
    )
    const other = stage.name('other')
    await stage.createTopic(other)
    const both = [
      { name, count: 5 },
      { name: other, count: 2 },
    ]
    await stage.ask('two topics', request(both))
    await stage.ask('none', request([]))
  },
  async invalid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name, { partitions: 2 })
    await stage.ask('fewer', request([{ name, count: 1 }]))
    await stage.ask('none at all', request([{ name, count: 0 }]))
    await stage.ask('below 0', request([{ name, count: -1 }]))
    await stage.ask('no such broker', request([{ name, count: 3, replicas: [[77]] }]))
    await stage.ask('too few assignments', request([{ name, count: 4, replicas: [[1]] }]))
    await stage.ask('too many assignments', request([{ name, count: 3, replicas: [[1], [2]] }]))
    await stage.ask('no assignments', request([{ name, count: 3, replicas: [] }]))
    await stage.ask('no broker', request([{ name, count: 3, replicas: [[]] }]))
    await stage.ask('a broker twice', request([{ name, count: 3, replicas: [[1, 1]] }]))
    await stage.ask('not as many replicas', request([{ name, count: 4, replicas: [[1], [1, 2]] }]))
    await stage.ask('more replicas', request([{ name, count: 3, replicas: [[1, 2]] }]))
    const twice = { name, count: 3 }
    await stage.ask('one name twice', request([twice, twice]))
    await stage.ask('a name that cannot be', request([{ name: 'not a name', count: 3 }]))
    await stage.ask('no name', request([{ name: '', count: 3 }]))
  },
  async wrongState(stage) {
    await stage.ask('no such topic', request([{ name: stage.name('none'), count: 3 }]))
    const name = stage.name('t')
    await stage.createTopic(name, { partitions: 2 })
    await stage.ask('as many', request([{ name, count: 2 }]))
    await stage.ask('as many, only looked at', request([{ name, count: 2 }], true))
    const on = await exhausted(stage)
    const response = await stage.ask('more than the quota', request([{ name, count: 3 }]), { on })
    stage.saw('is throttled', response.throttleTimeMs > 0)
    await relieved(stage)
    await stage.do(DeleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 })
    await stage.until('it is gone', async () => {
      const { results } = await stage.do(CreatePartitions, 3, request([{ name, count: 9 }], true))
      return results[0]?.errorCode === 3
    })
    await stage.ask('a deleted topic', request([{ name, count: 3 }]))
  },
})
