import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { type ConsumerOptions, Kafka, type Message } from '../../src/index.ts'
import { silentLogger } from '../../src/logger.ts'

const sessionTimeoutMs = 600

/** The event loop is blocked, as in a process that is frozen. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Everything runs until it has delivered this number of messages. */
async function play(
  read: (
    kafka: Kafka,
    options: ConsumerOptions,
    seen: (message: Message) => Promise<void> | undefined,
    isOver: () => boolean,
  ) => Promise<void>,
): Promise<void> {
  const cluster = await createCluster({
    brokers: 1,
    topics: [{ name: 't', partitions: 1 }],
    config: { 'group.min.session.timeout.ms': 100, 'group.initial.rebalance.delay.ms': 0 },
  })
  const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, logger: silentLogger })
  try {
    await kafka.producer().send(Array.from({ length: 200 }, (_, i) => ({ topic: 't', partition: 0, value: String(i) })))
    let lostAt = -1
    const offsets: number[] = []
    let isFrozen = false
    const options: ConsumerOptions = {
      ...{ groupId: 'g', topics: ['t'], offsetReset: 'earliest', commit: 'none', sessionTimeoutMs },
      heartbeatIntervalMs: 100,
      onLost: () => {
        if (lostAt < 0) lostAt = offsets.length
      },
    }
    await read(
      kafka,
      options,
      (message) => {
        offsets.push(Number(message.offset))
        if (offsets.length !== 10 || isFrozen) return undefined
        isFrozen = true
        block(sessionTimeoutMs + 300)
        // The session is checked once per turn of the event loop.
        return new Promise((resolve) => setImmediate(resolve))
      },
      () => offsets.length >= 20,
    )
    expect(offsets.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, i) => i))
    expect(lostAt, 'nothing between the pause and the loss').toBe(10)
    expect(offsets[10], 'from the committed position, not from the old session').toBe(0)
  } finally {
    await kafka.close()
    await cluster.close()
  }
}

test('for await delivers nothing of a session that ended while the event loop was blocked', () =>
  play(async (kafka, options, seen, isOver) => {
    for await (const message of kafka.consumer(options)) {
      await seen(message)
      if (isOver()) break
    }
  }))

test('run delivers nothing of a session that ended while the event loop was blocked', () =>
  play(async (kafka, options, seen, isOver) => {
    const stop = new AbortController()
    await kafka.consumer(options).run({
      signal: stop.signal,
      each: async (message) => {
        if (isOver()) return
        await seen(message)
        if (isOver()) stop.abort()
      },
    })
  }))

test('poll delivers nothing of a session that ended while the event loop was blocked', () =>
  play(async (kafka, options, seen, isOver) => {
    const consumer = kafka.consumer(options)
    while (!isOver()) {
      for (const message of await consumer.poll({ maxRecords: 1, timeoutMs: 200 })) await seen(message)
    }
  }))
