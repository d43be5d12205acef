import { AlterPartitionReassignments, DescribeTopicPartitions, ElectLeaders } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const preferred = 0
const unclean = 1

/** Version 0 has only one election type. */
const request = (
  version: number,
  topics: readonly (readonly [string, readonly number[]])[],
  electionType = preferred,
) => ({
  topicPartitions: topics.map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  timeoutMs: 10_000,
  ...(version >= 1 && { electionType }),
})

/** A topic whose leader is not the preferred replica. */
async function movedTopic(stage: Stage<typeof ElectLeaders>): Promise<string> {
  const topic = stage.name('t')
  await stage.createTopic(topic, { partitions: 2, replicas: [1, 2] })
  const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, replicas: [2, 1] }))
  await stage.do(AlterPartitionReassignments, 0, { timeoutMs: 10_000, topics: [{ name: topic, partitions }] })
  return topic
}

export const electLeaders = conformance(ElectLeaders, {
  async valid(stage, version) {
    const topic = await movedTopic(stage)
    await stage.ask('the preferred one', request(version, [[topic, [0]]]))
    const isMoved = async () => {
      const { topics } = await stage.do(DescribeTopicPartitions, 0, { topics: [{ name: topic }], cursor: null })
      return topics[0]?.partitions[0]?.leaderId === 2
    }
    await stage.until('broker 2 leads', isMoved)
    await stage.note('leads', DescribeTopicPartitions, 0, { topics: [{ name: topic }], cursor: null })
    await stage.ask('again, and the other', request(version, [[topic, [0, 1]]]))
  },
  async invalid(stage, version) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('nothing', request(version, []))
    await stage.ask('no partition', request(version, [[topic, [-1]]]))
    await stage.ask('twice', request(version, [[topic, [0, 0]]]))
    await stage.ask('no name', request(version, [['', [0]]]))
    if (version === 0) return
    await stage.ask(
      'no such kind',
      request(
        version,
        [
          [topic, [0]],
          [stage.name('no'), [0]],
        ],
        5,
      ),
    )
    await stage.ask('a negative kind', request(version, [[topic, [0]]], -1))
  },
  async wrongState(stage, version) {
    const topic = stage.name('t')
    await stage.createTopic(topic, { partitions: 2 })
    await stage.ask('leads already', request(version, [[topic, [0, 1]]]))
    await stage.ask(
      'unknown',
      request(version, [
        [topic, [7]],
        [stage.name('no'), [0]],
      ]),
    )
    if (version === 0) return
    await stage.ask('has a leader', request(version, [[topic, [0]]], unclean))
    await stage.ask(
      'unclean, unknown',
      request(
        version,
        [
          [topic, [7]],
          [stage.name('no'), [0]],
        ],
        unclean,
      ),
    )
  },
})
