import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { Kafka } from '../../src/index.ts'
import { silentLogger } from '../../src/logger.ts'

const program = fileURLToPath(new URL('../support/memory-program.mjs', import.meta.url))
const mebibyte = 1 << 20
const partitionCount = 200
const maxBufferedBytes = 16 * mebibyte
const batchBytes = mebibyte
/** Of the requests and objects of 200 partitions, and of what the allocator does not return. */
const slackBytes = 20 * mebibyte

/** glibc keeps freed blocks below its threshold, which otherwise rises to the size of the batches: what is measured is what is held. */
const returningAllocator = { MALLOC_MMAP_THRESHOLD_: String(128 << 10) }

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
    // A small young generation: V8 lets it grow to 48 MiB, whatever is held.
    const args = [
      '--expose-gc',
      '--max-semi-space-size=2',
      program,
      cluster.bootstrap.join(','),
      String(maxBufferedBytes),
      '5000',
    ]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...returningAllocator },
    })
    const { count, grownBytes } = JSON.parse(stdout) as { count: number; grownBytes: number }
    expect(count).toBeGreaterThan(20)
    // A response is far smaller than its records; four handlers have one batch each.
    expect(grownBytes / mebibyte).toBeLessThan((maxBufferedBytes + 4 * batchBytes + slackBytes) / mebibyte)
  } finally {
    await kafka.close()
    await cluster.close()
  }
})
