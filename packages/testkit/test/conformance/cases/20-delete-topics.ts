import { CreateTopics, DeleteTopics, Metadata, zeroUuid } from '@ottla/codec'
import { conformance } from '../case.ts'
import { exhausted, relieved } from '../quotas.ts'
import type { Stage } from '../stage.ts'

type DeleteStage = Stage<typeof DeleteTopics>

const strangeId = 'BBBBBBBBBBBBBBBBBBBBBA'
const timeoutMs = 10_000

const byName = (version: number, ...names: readonly string[]) =>
  version >= 6
    ? { topics: names.map((name) => ({ name, topicId: zeroUuid })), timeoutMs }
    : { topicNames: [...names], timeoutMs }

const byId = (...ids: readonly string[]) => ({ topics: ids.map((topicId) => ({ name: null, topicId })), timeoutMs })

async function create(stage: DeleteStage, hint: string): Promise<string> {
  const name = stage.name(hint)
  await stage.createTopic(name)
  return name
}

async function gone(stage: DeleteStage, name: string): Promise<void> {
  const topics = [{ name, topicId: zeroUuid }]
  await stage.until(`${name} is gone`, async () => {
    const response = await stage.do(Metadata, 12, {
      topics,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    })
    return response.topics[0]?.errorCode === 3
  })
}

export const deleteTopics = conformance(DeleteTopics, {
  async valid(stage, version) {
    const one = await create(stage, 'one')
    await stage.ask('one', byName(version, one))
    await gone(stage, one)
    const [a, b] = [await create(stage, 'a'), await create(stage, 'b')]
    await stage.ask('two', byName(version, a, b))
    await stage.ask('none', byName(version))
    if (version < 6) return
    const c = await create(stage, 'c')
    await stage.ask('by id', byId(await stage.topicId(c)))
    await gone(stage, c)
  },
  async invalid(stage, version) {
    await stage.ask('a name with a blank', byName(version, 'not a name'))
    await stage.ask('no name', byName(version, ''))
    const name = await create(stage, 't')
    await stage.ask('one name twice', byName(version, name, name))
    if (version >= 6) {
      const topicId = await stage.topicId(name)
      await stage.ask('name and id', { topics: [{ name, topicId }], timeoutMs })
      await stage.ask('neither', { topics: [{ name: null, topicId: zeroUuid }], timeoutMs })
      await stage.ask('one id twice', byId(topicId, topicId))
      await stage.ask('by name and by id', {
        topics: [
          { name, topicId: zeroUuid },
          { name: null, topicId },
        ],
        timeoutMs,
      })
    }
    await stage.do(DeleteTopics, 5, byName(5, name))
  },
  async wrongState(stage, version) {
    await stage.ask('no such topic', byName(version, stage.name('none')))
    const name = await create(stage, 't')
    const topicId = await stage.topicId(name)
    await stage.do(DeleteTopics, 5, byName(5, name))
    await gone(stage, name)
    await stage.ask('it is gone', byName(version, name))
    if (version >= 6) {
      await stage.ask('no such id', byId(strangeId))
      await stage.ask('the id of one that is gone', byId(topicId))
    }
    const late = stage.name('late')
    const plan = { name: late, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    await stage.do(CreateTopics, 7, { topics: [plan], timeoutMs })
    const on = await exhausted(stage)
    const response = await stage.ask('more than the quota', byName(version, late), { on })
    stage.saw('is throttled', response.throttleTimeMs > 0)
    await relieved(stage)
    await stage.do(DeleteTopics, 5, byName(5, late))
  },
})
