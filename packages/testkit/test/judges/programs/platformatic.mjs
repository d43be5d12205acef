// @platformatic/kafka as a judge: node platformatic.mjs <bootstrap list> <folder with the package>; prints one line of JSON.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// It uses features of Node 22.
Promise.withResolvers ??= () => {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}

const [bootstrap, home] = process.argv.slice(2)
const from = createRequire(join(home, 'package.json'))
const { Admin, Consumer, FetchIsolationLevels, Producer, stringDeserializers, stringSerializers } = await import(
  pathToFileURL(from.resolve('@platformatic/kafka')).href
)
const topic = 'judge-platformatic'
const groupId = 'judge-platformatic'
const base = { clientId: 'judge', bootstrapBrokers: bootstrap.split(',') }
const result = { judge: 'platformatic' }

const isUnsupported = (error) =>
  error.code === 'PLT_KFK_UNSUPPORTED_COMPRESSION' ||
  (error.errors ?? [error.cause]).some((one) => one && isUnsupported(one))

const admin = new Admin(base)
await admin.createTopics({ topics: [topic], partitions: 3, replicas: 3 })
const metadata = await admin.metadata({ topics: [topic] })
result.partitions = metadata.topics.get(topic).partitionsCount

let sent = 0
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  let producer
  try {
    producer = new Producer({ ...base, serializers: stringSerializers, compression })
    const messages = Array.from({ length: 100 }, (_, i) => ({ topic, key: `k${i}`, value: `${compression}-${i}` }))
    await producer.send({ messages, acks: -1 })
    sent += messages.length
  } catch (error) {
    // Node 20 has no zstd.
    if (!isUnsupported(error)) throw error
  } finally {
    await producer?.close()
  }
}
result.isSent = sent >= 200

const transactional = new Producer({
  ...base,
  serializers: stringSerializers,
  transactionalId: 'judge-platformatic',
  idempotent: true,
})
for (const name of ['lost', 'kept']) {
  const transaction = await transactional.beginTransaction()
  const messages = [0, 1, 2].map((i) => ({ topic, partition: 0, value: `${name}-${i}` }))
  await transaction.send({ messages, acks: -1 })
  if (name === 'lost') await transaction.abort()
  else await transaction.commit()
}
await transactional.close()

const consumer = new Consumer({
  ...base,
  groupId,
  deserializers: stringDeserializers,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED,
})
const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 200 })
const values = new Set()
for await (const message of stream) {
  values.add(message.value)
  await message.commit()
  if (values.size === sent + 3) break
}
await stream.close()
await consumer.close()
result.isReceived = values.size === sent + 3
result.transactional = [...values].filter((value) => /^(lost|kept)/.test(value)).sort()

const groups = await admin.listGroups()
result.groupIsListed = groups.has(groupId)
await admin.deleteGroups({ groups: [groupId] })
await admin.deleteTopics({ topics: [topic] })
await admin.close()
console.log(JSON.stringify(result))
process.exit(0)
