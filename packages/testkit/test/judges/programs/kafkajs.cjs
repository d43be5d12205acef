// KafkaJS as a judge: node kafkajs.cjs <bootstrap list> <folder with the package>; prints one line of JSON.
const { createRequire } = require('node:module')
const { join } = require('node:path')

const [bootstrap, home] = process.argv.slice(2)
const from = createRequire(join(home, 'package.json'))
const { Kafka, CompressionTypes, logLevel } = from('kafkajs')
const { version } = from('kafkajs/package.json')
const topic = 'judge-kafkajs'
const groupId = 'judge-kafkajs'

async function main() {
  const kafka = new Kafka({ clientId: 'judge', brokers: bootstrap.split(','), logLevel: logLevel.ERROR })
  const result = { judge: 'kafkajs', version }
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 3 }], waitForLeaders: true })
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  result.partitions = topics[0].partitions.length

  const producer = kafka.producer()
  await producer.connect()
  let sent = 0
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const messages = Array.from({ length: 200 }, (_, i) => ({ key: `k${i}`, value: `${compression}-${i}` }))
    await producer.send({ topic, messages, compression, acks: -1 })
    sent += messages.length
  }
  await producer.disconnect()
  result.sent = sent

  const transactional = kafka.producer({ transactionalId: 'judge-kafkajs', idempotent: true, maxInFlightRequests: 1 })
  await transactional.connect()
  for (const name of ['lost', 'kept']) {
    const transaction = await transactional.transaction()
    const messages = [0, 1, 2].map((i) => ({ partition: 0, value: `${name}-${i}` }))
    await transaction.send({ topic, messages })
    if (name === 'lost') await transaction.abort()
    else {
      const topics = [{ topic, partitions: [{ partition: 0, offset: '7' }] }]
      await transaction.sendOffsets({ consumerGroupId: `${groupId}-txn`, topics })
      await transaction.commit()
    }
  }
  await transactional.disconnect()

  // Two members share the partitions.
  const values = new Set()
  const members = [0, 1].map(() =>
    kafka.consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 }),
  )
  for (const member of members) {
    await member.connect()
    await member.subscribe({ topic, fromBeginning: true })
    await member.run({ eachMessage: async ({ message }) => void values.add(message.value.toString()) })
  }
  while (values.size < sent + 3) await new Promise((resolve) => setTimeout(resolve, 20))
  result.members = (await admin.describeGroups([groupId])).groups[0].members.length
  for (const member of members) await member.disconnect()
  result.received = values.size
  result.transactional = [...values].filter((value) => /^(lost|kept)/.test(value)).sort()

  const [fetched] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const ends = await admin.fetchTopicOffsets(topic)
  const sum = (offsets) => offsets.reduce((total, { offset }) => total + Number(offset), 0)
  result.committedUpTo = sum(ends) - sum(fetched.partitions)
  const [inTransaction] = await admin.fetchOffsets({ groupId: `${groupId}-txn`, topics: [topic] })
  result.offsetInTransaction = inTransaction.partitions.find(({ partition }) => partition === 0).offset
  await admin.deleteGroups([groupId])
  await admin.deleteTopics({ topics: [topic] })
  await admin.disconnect()
  console.log(JSON.stringify(result))
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
