import { DescribeQuorum } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const metadataTopic = '__cluster_metadata'

const request = (...topics: readonly (readonly [string, readonly number[]])[]) => ({
  topics: topics.map(([topicName, partitions]) => ({
    topicName,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
  })),
})

/** Leader, epoch and offsets vary between runs; the testkit's controllers have no listener. */
const drop = (stage: Stage<typeof DescribeQuorum>) =>
  stage.drop('leaderId', 'leaderEpoch', 'highWatermark', 'logEndOffset', 'host', 'port')

export const describeQuorum = conformance(DescribeQuorum, {
  async valid(stage) {
    drop(stage)
    const before = await stage.ask('the quorum', request([metadataTopic, [0]]))
    await stage.createTopic(stage.name('t'))
    const after = await stage.ask('after a decision', request([metadataTopic, [0]]))
    const [old, now] = [before, after].map(({ topics }) => topics[0]?.partitions[0])
    stage.saw('its log', {
      isLonger: (now?.highWatermark ?? 0n) > (old?.highWatermark ?? 0n),
      isLed: [1, 2, 3].includes(now?.leaderId ?? 0) && (now?.leaderEpoch ?? 0) > 0,
      isKnownToAll: now?.currentVoters.every(({ logEndOffset }) => logEndOffset > 0n),
    })
  },
  async invalid(stage) {
    await stage.ask('nothing', request())
    await stage.ask('no partitions', request([metadataTopic, []]))
    await stage.ask('more than there is', request([metadataTopic, [0, 1]]))
    await stage.ask('another topic too', request([metadataTopic, [0]], [stage.name('t'), [0]]))
  },
  async wrongState(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('a topic', request([topic, [0, 1]]))
    await stage.ask('no topic', request([stage.name('no'), [0]]))
    await stage.ask('no partition', request([metadataTopic, [1]]))
  },
})
