// Started by allocation.test.ts with the built client, and with a young generation large enough that most rounds are without a
// collection: `node --min-semi-space-size=64 --max-semi-space-size=64 allocation-program.mjs BOOTSTRAP CASE RECORDS`.
// Prints the bytes that the JavaScript heap grows by for each record: of the calls, and with sending and settling.

import { PerformanceObserver } from 'node:perf_hooks'
import { Kafka } from 'ottla'

const [, , brokers = '', name = '', records = ''] = process.argv

const keyed = Array.from({ length: 1000 }, (_, i) => ({ topic: 't', key: `key-${i}`, value: 'x'.repeat(30) }))
const keyless = keyed.map(({ topic, value }) => ({ topic, value }))
const bytes = keyed.map(({ topic, key, value }) => ({ topic, key: Buffer.from(key), value: Buffer.from(value) }))
const stamped = keyed.map(({ topic, key, value }, i) => ({ topic, key, value, timestamp: 1_700_000_000_000 + i }))
const twoTopics = keyed.map(({ key, value }, i) => ({ topic: i % 2 === 0 ? 't' : 'u', key, value }))

/** @type {Record<string, [options: object, records: readonly import('ottla').ProducerRecord[]]>} */
const cases = {
  'with a key': [{}, keyed],
  'without a key': [{}, keyless],
  'of bytes': [{}, bytes],
  'with a timestamp': [{}, stamped],
  'of two topics in turn': [{}, twoTopics],
  'with a custom partitioner': [{ partitioner: ({ partitionCount }) => partitionCount - 1 }, keyed],
  'with the partitioner round-robin': [{ partitioner: 'round-robin' }, keyed],
  'with the partitioner consistent-random': [{ partitioner: 'consistent-random' }, keyed],
  'with the partitioner kafkajs-legacy': [{ partitioner: 'kafkajs-legacy' }, keyed],
}
const [options, given] = cases[name] ?? [{}, []]
const perRound = 50_000

let collections = 0
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length
})
observer.observe({ entryTypes: ['gc'] })
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

const kafka = new Kafka({ brokers: brokers.split(',') })
const producer = kafka.producer({ maxBufferedBytes: 1 << 28, ...options })
await producer.send(given.slice(0, 2))

async function round() {
  collections = 0
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < perRound; i++) producer.enqueue(given[i % given.length])
  const called = process.memoryUsage().heapUsed
  await producer.flush()
  const settled = process.memoryUsage().heapUsed
  // The observer is called later.
  await turn()
  return { callBytes: called - before, allBytes: settled - before, collected: collections > 0 }
}

for (let warm = 0; warm < 8; warm++) await round()
const sum = { records: 0, callBytes: 0, allBytes: 0, collected: 0 }
while (sum.records < Number(records) && sum.collected < 20) {
  const { callBytes, allBytes, collected } = await round()
  if (collected) sum.collected++
  else {
    sum.records += perRound
    sum.callBytes += callBytes
    sum.allBytes += allBytes
  }
}
observer.disconnect()
await kafka.close()
const { records: count, callBytes, allBytes, collected } = sum
console.log(JSON.stringify({ count, collected, perCall: callBytes / count, perRecord: allBytes / count }))
