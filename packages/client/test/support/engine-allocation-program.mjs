// Started by engine/allocation.test.ts with the built client, and with a young generation large enough that most rounds are without a
// collection: `node --min-semi-space-size=64 --max-semi-space-size=64 engine-allocation-program.mjs BOOTSTRAP RECORDS`.
// Prints the bytes that the JavaScript heap grows by for each record that a cursor passes.

import { PerformanceObserver } from 'node:perf_hooks'
import { Kafka } from 'ottla'
import { engineOf } from 'ottla/engine'

const [, , brokers = '', records = ''] = process.argv
const perBatch = 20_000

let collections = 0
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length
})
observer.observe({ entryTypes: ['gc'] })
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

const kafka = new Kafka({ brokers: brokers.split(',') })
const timestamp = 1_700_000_000_000
const given = Array.from({ length: perBatch }, (_, i) => ({
  topic: 't',
  key: `k${i}`,
  value: 'x'.repeat(20),
  timestamp,
}))
await kafka.producer({ maxBatchBytes: 4 << 20 }).send(given)
const consumer = kafka.consumer({
  assign: [{ topic: 't', partition: 0, offset: 'earliest' }],
  partitionMaxBytes: 4 << 20,
})
const { value: batch } = await engineOf(consumer)
  .batches({ maxBatchBytes: 8 << 20 })
  .next()

/** A variable of a closure would be a new object for each sum. */
const checksum = new Float64Array(1)
async function round() {
  collections = 0
  let count = 0
  const before = process.memoryUsage().heapUsed
  batch.forEach((record) => {
    const { offset, timestamp: time, buffer, keyStart, keyLength, valueStart, valueLength } = record
    checksum[0] += offset + time + buffer[keyStart] + keyLength + buffer[valueStart + valueLength - 1]
    count++
  })
  const bytes = process.memoryUsage().heapUsed - before
  // The observer is called later.
  await turn()
  return { count, bytes, collected: collections > 0 }
}

for (let warm = 0; warm < 20; warm++) await round()
const sum = { count: 0, bytes: 0, collected: 0 }
while (sum.count < Number(records) && sum.collected < 20) {
  const { count, bytes, collected } = await round()
  if (collected) sum.collected++
  else {
    sum.count += count
    sum.bytes += bytes
  }
}
observer.disconnect()
await kafka.close()
console.log(
  JSON.stringify({
    count: sum.count,
    perRecord: sum.bytes / sum.count,
    recordCount: batch.recordCount,
    checksum: checksum[0],
  }),
)
