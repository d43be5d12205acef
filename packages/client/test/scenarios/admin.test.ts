import { expect, test } from 'vitest'
import { Member } from '../support/member.ts'
import { kafkaRelease } from '../support/real-kafka.ts'
import { take } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

onTargets('admin', (target) => {
  test('creates, lists, describes and deletes topics', async () => {
    const admin = target().newKafka().admin()
    const name = target().uniqueName('users')

    const [created] = await admin.createTopics([
      { name, partitions: 2, replicationFactor: 3, configs: { 'retention.ms': 60_000 } },
    ])
    expect(created).toMatchObject({ name, partitions: 2, replicationFactor: 3 })
    await until('it is listed', async () => (await admin.listTopics()).some((topic) => topic.name === name))
    const [described] = await admin.describeTopics([name])
    expect(described).toMatchObject({ name, isInternal: false })
    if (target().hasTopicIds) expect(described?.topicId).toBe(created?.topicId)
    expect(described?.partitions.map(({ partition }) => partition)).toEqual([0, 1])
    for (const { leader, replicas, isr } of described?.partitions ?? []) {
      expect([...replicas].sort()).toEqual([1, 2, 3])
      expect([...isr].sort()).toEqual([1, 2, 3])
      expect(replicas).toContain(leader)
    }

    await admin.deleteTopics([name])
    await until('it is gone', async () => !(await admin.listTopics()).some((topic) => topic.name === name))
  })

  test('reports why a topic cannot be created', async () => {
    const admin = target().newKafka().admin()
    const name = await target().createTopic('taken')

    await expect(admin.createTopics([{ name, partitions: 1, replicationFactor: 3 }])).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
      topic: name,
    })
    await expect(
      admin.createTopics([{ name: 'no spaces', partitions: 1, replicationFactor: 3 }]),
    ).rejects.toMatchObject({
      code: 'INVALID_TOPIC_EXCEPTION',
    })
    const tooMany = { name: target().uniqueName('many'), partitions: 1, replicationFactor: 9 }
    await expect(admin.createTopics([tooMany])).rejects.toMatchObject({ code: 'INVALID_REPLICATION_FACTOR' })
    await expect(admin.deleteTopics([target().uniqueName('never')])).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  })

  test('adds partitions', async () => {
    const admin = target().newKafka().admin()
    const name = await target().createTopic('growing', { partitions: 1 })

    await admin.createPartitions({ [name]: 3 })

    await until('there are three', async () => (await admin.describeTopics([name]))[0]?.partitions.length === 3)
  })

  test('describes the cluster', async () => {
    const description = await target().newKafka().admin().describeCluster()

    expect(description.clusterId).not.toBe('')
    expect(description.brokers.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(description.brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(target().advertised)
    expect([1, 2, 3]).toContain(description.controllerId)
  })

  test('lists offsets by position and by time', async () => {
    const kafka = target().newKafka()
    const topic = await target().createTopic('offsets')
    await kafka.producer().send([1000, 2000, 3000].map((timestamp) => ({ topic, value: `${timestamp}`, timestamp })))

    const of = async (at: 'earliest' | 'latest' | 'max-timestamp' | { timestamp: number }) =>
      (await kafka.admin().listOffsets([{ topic, partition: 0, at }]))[0]?.offset

    expect(await of('earliest')).toBe(0n)
    expect(await of('latest')).toBe(3n)
    if (kafkaRelease >= 3) expect(await of('max-timestamp')).toBe(2n)
    else await expect(of('max-timestamp')).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION' })
    expect(await of({ timestamp: 2000 })).toBe(1n)
    expect(await of({ timestamp: 2001 })).toBe(2n)
    expect(await of({ timestamp: 3001 })).toBe(-1n)
  })

  test('lists, describes and deletes groups', async () => {
    const kafka = target().newKafka({ clientId: 'kitchen-1' })
    const admin = kafka.admin()
    const topic = await target().createTopic('groups', { partitions: 2 })
    const groupId = target().uniqueName('kitchen')
    const member = new Member(kafka, { groupId, topics: [topic] })
    await until('it has its partitions', () => member.assigned?.length === 2)

    expect((await admin.listGroups()).find((group) => group.groupId === groupId)).toMatchObject({
      protocolType: 'consumer',
      state: kafkaRelease >= 2.6 ? 'Stable' : '',
    })
    const [described] = await admin.describeConsumerGroups([groupId])
    expect(described).toMatchObject({ groupId, state: 'Stable', protocolType: 'consumer', assignor: 'range' })
    expect(described?.members).toHaveLength(1)
    expect(described?.members[0]?.clientId).toBe('kitchen-1')
    expect(described?.members[0]?.assignment).toEqual([
      { topic, partition: 0 },
      { topic, partition: 1 },
    ])
    await expect(admin.deleteConsumerGroups([groupId])).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' })

    await member.leave()
    await admin.deleteConsumerGroups([groupId])
    expect((await admin.listGroups()).some((group) => group.groupId === groupId)).toBe(false)
  })

  test('lists, alters and deletes the offsets of a group', async () => {
    const kafka = target().newKafka()
    const admin = kafka.admin()
    const topic = await target().createTopic('group-offsets', { partitions: 2 })
    const groupId = target().uniqueName('accounting')
    await kafka.producer().send([0, 1, 0, 1].map((partition, i) => ({ topic, partition, value: String(i) })))

    await admin.alterConsumerGroupOffsets(groupId, [
      { topic, partition: 0, offset: 1n, metadata: 'by hand' },
      { topic, partition: 1, offset: 2 },
    ])
    const offsets = await admin.listConsumerGroupOffsets(groupId)
    expect([...offsets].sort((a, b) => a.partition - b.partition)).toMatchObject([
      { topic, partition: 0, offset: 1n, metadata: 'by hand' },
      { topic, partition: 1, offset: 2n, metadata: '' },
    ])
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    const [message] = await take(consumer, 1)
    expect(message).toMatchObject({ partition: 0, offset: 1n })
    await consumer.close()

    if (kafkaRelease < 2.4) return
    await admin.deleteConsumerGroupOffsets(groupId, [{ topic, partition: 0 }])
    expect((await admin.listConsumerGroupOffsets(groupId)).map(({ partition }) => partition)).toEqual([1])
  })
})
