import { CreateTopics, DeleteTopics, Metadata, zeroUuid } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

type Named = { readonly name: string | null; readonly topicId: string }

const strangeId = 'BBBBBBBBBBBBBBBBBBBBBA'
const named = (name: string | null, topicId = zeroUuid): Named => ({ name, topicId })

function request(
  version: number,
  topics: readonly Named[] | null,
  more: { allow?: boolean; operations?: boolean } = {},
) {
  const { allow = false, operations = false } = more
  return {
    topics: topics?.map(({ name, topicId }) => (version >= 10 ? { name, topicId } : { name })) ?? null,
    ...(version >= 4 && { allowAutoTopicCreation: allow }),
    ...(version >= 8 && { includeTopicAuthorizedOperations: operations }),
    ...(version >= 8 && version <= 10 && { includeClusterAuthorizedOperations: operations }),
  }
}

/** A random live broker: each accepts requests to the controller. */
const dropProbability = (stage: Stage<typeof Metadata>) => stage.drop('controllerId')

export const metadata = conformance(Metadata, {
  async valid(stage, version) {
    dropProbability(stage)
    const one = stage.name('one')
    const two = stage.name('two')
    await stage.createTopic(one, { partitions: 2, replicas: [1, 2, 3] })
    await stage.createTopic(two, { replicas: [3] })
    await stage.ask('one topic', request(version, [named(one)]))
    await stage.ask('two topics', request(version, [named(one), named(two)]))
    await stage.ask('one topic twice', request(version, [named(one), named(one)]))
    if (version >= 1) await stage.ask('no topics', request(version, []))
    if (version >= 12) await stage.ask('by id', request(version, [named(null, await stage.topicId(two))]))
    if (version >= 8) await stage.ask('what may be done', request(version, [named(one)], { operations: true }))
    const elsewhere = await stage.open({ broker: 3 })
    await stage.ask('on another broker', request(version, [named(two)]), { on: elsewhere })
  },
  async invalid(stage, version) {
    dropProbability(stage)
    await stage.ask('a name with a blank', request(version, [named('not a name')]))
    await stage.ask('no name', request(version, [named('')]))
    await stage.ask('dots', request(version, [named('..')]))
    await stage.ask('a long name', request(version, [named('x'.repeat(250))]))
    await stage.ask('a name with a blank, to be created', request(version, [named('not a name')], { allow: true }))
    if (version >= 12) await stage.ask('neither name nor id', request(version, [named(null)]))
    if (version >= 10) await stage.ask('an id and a name', request(version, [named(stage.name('x'), strangeId)]))
    if (version >= 10 && version < 12) await stage.ask('an id', request(version, [named(null, strangeId)]))
  },
  async wrongState(stage, version) {
    dropProbability(stage)
    const none = stage.name('none')
    if (version >= 4) await stage.ask('no such topic', request(version, [named(none)]))
    if (version >= 12) await stage.ask('no such id', request(version, [named(null, strangeId)]))
    const made = stage.name('made')
    await stage.ask('a topic to be created', request(version, [named(made)], { allow: true }))
    await stage.until('it is there', async () => {
      const { topics } = await stage.do(Metadata, 12, request(12, [named(made)]))
      return topics[0]?.errorCode === 0 && (topics[0].partitions[0]?.leaderId ?? -1) >= 0
    })
    const { topics } = await stage.do(Metadata, 12, request(12, [named(made)]))
    stage.saw('what was created', { partitions: topics[0]?.partitions.map(({ replicaNodes }) => replicaNodes.length) })
    const topicId = topics[0]?.topicId ?? ''
    const configs: never[] = []
    const gone = stage.name('gone')
    const plan = { name: gone, numPartitions: 1, replicationFactor: 1, assignments: [], configs }
    await stage.do(CreateTopics, 7, { topics: [plan], timeoutMs: 5000 })
    for (const name of [gone, made]) {
      await stage.do(DeleteTopics, 5, { topicNames: [name], timeoutMs: 5000 })
      await stage.until(`${name} is gone`, async () => {
        const response = await stage.do(Metadata, 12, request(12, [named(name)]))
        return response.topics[0]?.errorCode === 3
      })
    }
    if (version >= 4) await stage.ask('a deleted topic', request(version, [named(gone)]))
    if (version >= 12) await stage.ask('the id of a deleted topic', request(version, [named(null, topicId)]))
  },
})
