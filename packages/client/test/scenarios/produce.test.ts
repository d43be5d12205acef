import { expect, test } from 'vitest'
import { plain, readTopic, take, textOf } from '../support/records.ts'
import { onTargetsWithQuirks } from '../support/targets.ts'

onTargetsWithQuirks('producing', (target) => {
  test('round-trips key, value, headers and timestamp', async () => {
    const topic = await target().createTopic('round-trip')
    const kafka = target().newKafka()
    const timestamp = 1_700_000_000_123

    const receipt = await kafka.producer().send({
      topic,
      key: 'schlüssel',
      value: 'wert €',
      timestamp,
      headers: [
        ['trace', 'abc'],
        ['trace', 'def'],
        ['empty', ''],
        ['nothing', null],
      ],
    })

    expect(receipt).toMatchObject({ topic, partition: 0, offset: 0n, timestamp })
    expect(await readTopic(kafka, topic)).toEqual([
      {
        partition: 0,
        offset: 0n,
        timestamp,
        key: 'schlüssel',
        value: 'wert €',
        headers: [
          ['trace', 'abc'],
          ['trace', 'def'],
          ['empty', ''],
          ['nothing', null],
        ],
      },
    ])
  })

  test('distinguishes null and empty keys and values', async () => {
    const topic = await target().createTopic('nulls')
    const kafka = target().newKafka()

    await kafka.producer().send([
      { topic, key: null, value: null },
      { topic, key: '', value: '' },
      { topic, value: 'no key' },
      { topic, key: 'no value', value: null },
    ])

    expect((await readTopic(kafka, topic)).map(({ key, value }) => [key, value])).toEqual([
      [null, null],
      ['', ''],
      [null, 'no key'],
      ['no value', null],
    ])
  })

  test('delivers all byte values and large records unchanged', async () => {
    const topic = await target().createTopic('large', { configs: { 'max.message.bytes': 4_000_000 } })
    const kafka = target().newKafka()
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const large = Buffer.alloc(3_000_000, 'large and not too uniform, ')
    const producer = kafka.producer({ maxRequestBytes: 4_000_000 })

    await producer.send([
      { topic, key: all, value: large },
      { topic, value: all },
    ])

    const consumer = kafka.consumer({ assign: [{ topic, partition: 0, offset: 0n }] })
    const [first, second] = await take(consumer, 2)
    expect(first?.key?.equals(all)).toBe(true)
    expect(first?.value?.equals(large)).toBe(true)
    expect(second?.value?.equals(all)).toBe(true)
  })

  test.each([['all'], [1]] as const)('acks=%s returns the offset', async (acks) => {
    const topic = await target().createTopic('acks')
    const producer = target().newKafka().producer({ acks })

    const receipts = await producer.send([1, 2, 3].map((n) => ({ topic, value: String(n) })))

    expect(receipts.map(({ offset }) => offset)).toEqual([0n, 1n, 2n])
  })

  test('acks=0 expects no response, and the records arrive', async () => {
    const topic = await target().createTopic('acks-0')
    const kafka = target().newKafka()
    const producer = kafka.producer({ acks: 0 })

    const receipts = await producer.send([1, 2, 3].map((n) => ({ topic, value: String(n) })))

    expect(receipts.map(({ offset }) => offset)).toEqual([undefined, undefined, undefined])
    const consumer = kafka.consumer({ assign: [{ topic, partition: 0, offset: 0n }] })
    expect((await take(consumer, 3)).map(textOf)).toEqual(['1', '2', '3'])
  })

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    '%s batches come back, also through a group',
    async (compression) => {
      const topic = await target().createTopic(compression)
      const kafka = target().newKafka()
      const producer = kafka.producer({ compression })
      const values = Array.from({ length: 500 }, (_, i) => `value ${i} ${'x'.repeat(50)}`)

      await producer.send(values.map((value) => ({ topic, value })))

      const groupId = target().uniqueName('group')
      const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
      expect((await take(consumer, 500)).map(textOf)).toEqual(values)
    },
  )

  test('sends a key always to the same partition, in order', async () => {
    const topic = await target().createTopic('keys', { partitions: 5 })
    const kafka = target().newKafka()
    const records = Array.from({ length: 300 }, (_, i) => ({ topic, key: `user-${i % 10}`, value: String(i) }))

    const producer = kafka.producer()
    await Promise.all(records.map((record) => producer.send(record)))

    const read = await readTopic(kafka, topic)
    expect(read).toHaveLength(300)
    for (let user = 0; user < 10; user++) {
      const own = read.filter(({ key }) => key === `user-${user}`)
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
      const order = own.map(({ value }) => Number(value))
      expect(order).toEqual([...order].sort((a, b) => a - b))
    }
    // The results of Java's DefaultPartitioner for these keys and 5 partitions.
    const partitionOf = (key: string) => read.find((record) => record.key === key)?.partition
    expect(['user-0', 'user-1', 'user-2', 'user-3', 'user-4'].map(partitionOf)).toEqual([3, 3, 1, 2, 2])
  })

  test('spreads records without a key over all partitions, batch by batch', async () => {
    const topic = await target().createTopic('sticky', { partitions: 4 })
    const kafka = target().newKafka()
    const producer = kafka.producer({ maxBatchBytes: 1024 })

    await producer.send(Array.from({ length: 2000 }, (_, i) => ({ topic, value: `${i}`.padEnd(50) })))

    const counts = [0, 0, 0, 0]
    const read = await readTopic(kafka, topic)
    for (const { partition } of read) counts[partition] = (counts[partition] ?? 0) + 1
    expect(read).toHaveLength(2000)
    for (const count of counts) expect(count).toBeGreaterThan(100)
  })

  test('uses a custom partitioner, unless the record has a partition', async () => {
    const topic = await target().createTopic('users', { partitions: 2 })
    const kafka = target().newKafka()
    const producer = kafka.producer({ partitioner: ({ key }) => ((key?.toString() ?? '') < 'N' ? 0 : 1) })

    const receipts = await producer.send([
      { topic, key: 'Anna', value: '1' },
      { topic, key: 'Zoe', value: '2' },
      { topic, key: 'Mia', value: '3' },
      { topic, key: 'Nora', value: '4' },
      { topic, key: 'Anna', value: '5', partition: 1 },
    ])

    expect(receipts.map(({ partition }) => partition)).toEqual([0, 1, 0, 1, 1])
  })

  test('enqueue accepts many records without a promise each, and flush waits for them', async () => {
    const topic = await target().createTopic('enqueue', { partitions: 3 })
    const kafka = target().newKafka()
    const producer = kafka.producer({ maxBufferedBytes: 64 << 10 })
    let settled = 0

    for (let i = 0; i < 5000; i++) {
      const more = producer.enqueue({ topic, key: String(i), value: `value ${i}` }, (error) => {
        if (!error) settled++
      })
      if (!more) await producer.room()
    }
    await producer.flush()

    expect(settled).toBe(5000)
    const read = await readTopic(kafka, topic)
    expect(new Set(read.map(({ value }) => value)).size).toBe(5000)
    expect(read).toHaveLength(5000)
  })

  test("a topic with LogAppendTime returns the broker's times", async () => {
    const topic = await target().createTopic('append-time', { configs: { 'message.timestamp.type': 'LogAppendTime' } })
    const kafka = target().newKafka()
    const before = Date.now()

    const receipt = await kafka.producer().send({ topic, value: '1', timestamp: 1000 })

    expect(receipt.timestamp).toBeGreaterThanOrEqual(before - 1000)
    const consumer = kafka.consumer({ assign: [{ topic, partition: 0, offset: 0n }] })
    const [message] = (await take(consumer, 1)).map(plain)
    expect(message?.timestamp).toBe(receipt.timestamp)
  })
})
