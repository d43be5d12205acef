// Started by producer/memory.test.ts with the built client: `node --expose-gc producer-memory-program.mjs BOOTSTRAP MAX_BUFFERED_BYTES HOW`.
// Prints how many records were accepted, and by how many bytes RSS grew at most over the idle client.

import { Kafka } from 'ottla'

const [, , brokers = '', maxBufferedBytes = '', how = ''] = process.argv
const kafka = new Kafka({ brokers, logger: { debug() {}, info() {}, warn() {}, error() {} } })
const options = { maxBufferedBytes: Number(maxBufferedBytes), lingerMs: how === 'linger' ? 5_000 : 0 }
const producer = kafka.producer(options)
await producer.send({ topic: 't', value: 'a' })
globalThis.gc()
const idleBytes = process.memoryUsage().rss
let mostBytes = idleBytes
let count = 0
let settled = 0

function sample() {
  globalThis.gc()
  mostBytes = Math.max(mostBytes, process.memoryUsage().rss)
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** One callback a record, until the buffer is full. */
function enqueueAll(topic) {
  while (producer.enqueue({ topic, value: 'x' }, () => settled++)) count++
}

/** Calls that are not awaited, until one is refused. */
async function sendAll() {
  let refused = false
  while (!refused) {
    for (let i = 0; i < 1_000; i++) {
      count++
      producer.send({ topic: 't', value: 'x' }).then(
        () => settled++,
        (error) => {
          refused ||= error.code === 'BUFFER_FULL'
        },
      )
    }
    await pause(0)
  }
}

/** Sixty megabytes through the buffer: batches that were sent do not remain. */
async function sendMuch() {
  const value = Buffer.alloc(10_000, 'a')
  for (; count < 6_000; count++) if (!producer.enqueue({ topic: 't', value }, () => settled++)) await producer.room()
}

async function sendToTopics() {
  for (; count < 3_000; count++) {
    if (!producer.enqueue({ topic: `topic-${count}`, value: 'x' }, () => settled++)) await producer.room()
    if (count % 500 === 0) sample()
  }
  await producer.flush()
}

if (how === 'enqueue') enqueueAll('t')
else if (how === 'unknown') enqueueAll('unknown')
else if (how === 'send') await sendAll()
else if (how === 'topics') await sendToTopics()
else await sendMuch()
sample()
await pause(300)
sample()
console.log(JSON.stringify({ count, settled, grownBytes: mostBytes - idleBytes }))
process.exit(0)
