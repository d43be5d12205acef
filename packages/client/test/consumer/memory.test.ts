import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { Kafka } from '../../src/index.ts'
import { silentLogger } from '../../src/logger.ts'
import { memoryOf } from '../support/memory-of.ts'

const mebibyte = 1 << 20
const partitionCount = 200
const maxBufferedBytes = 16 * mebibyte
const batchBytes = mebibyte
/** Of the requests and objects of 200 partitions, and of what the allocator does not return. */
const slackBytes = 20 * mebibyte

test('compressed data of 200 partitions with slow handlers takes no more memory than the budget', {
  timeout: 60_000,
}, async () => {
  const cluster = await createCluster({
    brokers: 3,
    listen: true,
    topics: [{ name: 't', partitions: partitionCount, replicationFactor: 1 }],
    config: { 'group.initial.rebalance.delay.ms': 0 },
  })
  const kafka = new Kafka({ brokers: cluster.bootstrap, logger: silentLogger })
  try {
    const producer = kafka.producer({ compression: 'gzip', maxBatchBytes: batchBytes })
    const value = Buffer.alloc(batchBytes - 10_000, 'a')
    for (let partition = 0; partition < partitionCount; partition++) {
      await Promise.all([0, 1].map(() => producer.send({ topic: 't', partition, value })))
    }
    const args = [cluster.bootstrap.join(','), String(maxBufferedBytes), '5000']
    const { count, grownBytes } = await memoryOf<{ count: number; grownBytes: number }>('memory-program', args)
    expect(count).toBeGreaterThan(20)
    // A response is far smaller than its records; four handlers have one batch each.
    expect(grownBytes / mebibyte).toBeLessThan((maxBufferedBytes + 4 * batchBytes + slackBytes) / mebibyte)
  } finally {
    await kafka.close()
    await cluster.close()
  }
})
