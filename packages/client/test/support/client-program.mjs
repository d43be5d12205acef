// Started by leaves-nothing.test.ts with the built client: `node client-program.mjs BOOTSTRAP TOPIC`.

import { Kafka } from 'ottla'

const [, , brokers = '', topic = ''] = process.argv
const kafka = new Kafka({ brokers })
await kafka.admin().createTopics([{ name: topic, partitions: 1, replicationFactor: 1 }])
await kafka.producer().send({ topic, value: '1' })
const consumer = kafka.consumer({ groupId: topic, topics: [topic], offsetReset: 'earliest' })
for await (const message of consumer) {
  if (message.value?.toString() === '1') break
}
await kafka.close()
console.log('closed')
