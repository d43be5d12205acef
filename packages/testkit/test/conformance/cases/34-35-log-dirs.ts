import { AlterReplicaLogDirs, type Api, DescribeLogDirs, Produce } from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

async function bed<A extends Api>(stage: Stage<A>): Promise<string> {
  const topic = stage.name('t')
  await stage.createTopic(topic, { partitions: 2 })
  // The paths of logs and the disk space depend on the machine.
  stage.drop('logDir', 'totalBytes', 'usableBytes')
  return topic
}

async function produce<A extends Api>(stage: Stage<A>, topic: string): Promise<void> {
  const records = batchOf(['a', 'b', 'c'], { timestamp: 1_700_000_000_000 })
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
  await stage.do(Produce, 9, { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData })
}

const of = (topic: string, partitions: readonly number[] = [0, 1]) => ({ topic, partitions: [...partitions] })

export const describeLogDirs = conformance(DescribeLogDirs, {
  async valid(stage) {
    const topic = await bed(stage)
    await stage.ask('nothing in it', { topics: [of(topic)] })
    await produce(stage, topic)
    await stage.ask('a batch in it', { topics: [of(topic)] })
    await stage.ask('one partition', { topics: [of(topic, [1])] })
    const followers = await stage.open({ broker: 2 })
    await stage.ask('none here', { topics: [of(topic)] }, { on: followers })
  },
  async invalid(stage) {
    const topic = await bed(stage)
    await stage.ask('nothing asked', { topics: [] })
    await stage.ask('no partitions', { topics: [of(topic, [])] })
    await stage.ask('twice', { topics: [of(topic), of(topic)] })
  },
  async wrongState(stage) {
    const topic = await bed(stage)
    await stage.ask('no partition', { topics: [of(topic, [0, 9])] })
    await stage.ask('no topic', { topics: [of(stage.name('no'))] })
  },
})

async function ownDir(stage: Stage<typeof AlterReplicaLogDirs>): Promise<string> {
  const { results } = await stage.do(DescribeLogDirs, 4, { topics: [] })
  return results[0]?.logDir ?? ''
}

const moves = (path: string, name: string, partitions: readonly number[]) => ({
  path,
  topics: [{ name, partitions: [...partitions] }],
})

export const alterReplicaLogDirs = conformance(AlterReplicaLogDirs, {
  async valid(stage) {
    const topic = await bed(stage)
    const path = await ownDir(stage)
    await stage.ask('to where it is', { dirs: [moves(path, topic, [0, 1])] })
    await stage.note('is there', DescribeLogDirs, 4, { topics: [of(topic)] })
    await stage.ask('nothing', { dirs: [] })
  },
  async invalid(stage) {
    const topic = await bed(stage)
    await stage.ask('to no directory', { dirs: [moves('/nowhere', topic, [0, 1]), moves('/nowhere/else', topic, [9])] })
    await stage.ask('to a relative one', { dirs: [moves('data', topic, [0])] })
    await stage.ask('to none', { dirs: [moves('', topic, [0])] })
  },
  async wrongState(stage) {
    const topic = await bed(stage)
    const path = await ownDir(stage)
    await stage.ask('no partition, no topic', { dirs: [moves(path, topic, [9]), moves(path, stage.name('no'), [0])] })
    const elsewhere = stage.name('elsewhere')
    await stage.createTopic(elsewhere, { replicas: [2] })
    await stage.ask('not here', { dirs: [moves(path, elsewhere, [0])] })
  },
})
