// Started by memory.test.ts with the built client: `node --expose-gc memory-program.mjs BOOTSTRAP MAX_BUFFERED_BYTES DURATION_MS`.
// Prints by how many bytes RSS grew at most over the idle client.

import { Kafka } from 'ottla'

const [, , brokers = '', maxBufferedBytes = '', durationMs = ''] = process.argv
const kafka = new Kafka({ brokers })
await kafka.admin().listTopics()
globalThis.gc()
const idleBytes = process.memoryUsage().rss
const consumer = kafka.consumer({
  groupId: 'memory',
  topics: ['t'],
  offsetReset: 'earliest',
  maxBufferedBytes: Number(maxBufferedBytes),
})
let mostBytes = idleBytes
const sampling = setInterval(() => {
  globalThis.gc()
  mostBytes = Math.max(mostBytes, process.memoryUsage().rss)
}, 100)
let count = 0
const running = consumer.run({
  concurrency: { limit: 4 },
  eachBatch: async () => {
    count++
    await new Promise((resolve) => setTimeout(resolve, 50))
  },
})
await new Promise((resolve) => setTimeout(resolve, Number(durationMs)))
clearInterval(sampling)
await consumer.close({ timeoutMs: 1_000 })
await running
await kafka.close()
console.log(JSON.stringify({ count, grownBytes: mostBytes - idleBytes }))
