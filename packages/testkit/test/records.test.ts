import { CreatePartitions, errorOf, Fetch } from '@ottla/codec'
import { BatchWriter, crc32c } from '@ottla/codec/records'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

let cluster: TestCluster
let client: TopicClient
let number = 0

beforeAll(async () => {
  cluster = await createCluster({ brokers: 1, onDiagnostic: () => {} })
})

afterAll(() => cluster.close())

beforeEach(() => topicWith())

/** Creates a new topic for each test. */
async function topicWith(configs: Readonly<Record<string, string | number>> = {}): Promise<void> {
  const name = `t${number++}`
  await cluster.createTopic({ name, partitions: 1, configs })
  client = await TopicClient.connect(cluster, name)
}

const nameOf = ({ errorCode }: { readonly errorCode: number }) => errorOf(errorCode).name

function patched(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  return bytes
}

/** A batch of one record with another record count in its header and a valid checksum. */
function recounted(count: number): Uint8Array {
  const bytes = patched(batchOf(['a']), (view) => view.setInt32(57, count))
  return patched(bytes, (view) => view.setUint32(17, crc32c(bytes, 0, 21)))
}

describe('a batch is rejected', () => {
  test.each([
    ['with a wrong checksum', () => patched(batchOf(['a']), (view) => view.setUint8(62, 99)), 'CORRUPT_MESSAGE'],
    ['that is incomplete', () => batchOf(['a']).subarray(0, 65), 'INVALID_RECORD'],
    ['of another format', () => patched(batchOf(['a']), (view) => view.setUint8(16, 1)), 'INVALID_RECORD'],
    [
      'with a base offset other than 0',
      () => patched(batchOf(['a']), (view) => view.setBigInt64(0, 5n)),
      'INVALID_RECORD',
    ],
    ['together with another one', () => Buffer.concat([batchOf(['a']), batchOf(['b'])]), 'INVALID_RECORD'],
    ['that is empty', () => new Uint8Array(0), 'INVALID_RECORD'],
    ['with a wrong record count', () => recounted(2), 'INVALID_RECORD'],
    ['with a record count of 0', () => recounted(0), 'INVALID_RECORD'],
    ['that is too large', () => batchOf(['x'.repeat(1_048_577)]), 'MESSAGE_TOO_LARGE'],
    ['from far in the future', () => batchOf(['a'], { timestamp: Date.now() + 3_700_000 }), 'INVALID_TIMESTAMP'],
    ['with control records', () => batchOf(['a'], { control: true }), 'INVALID_RECORD'],
    [
      'without a sequence from an idempotent producer',
      () => batchOf(['a'], { producerId: 1n, producerEpoch: 0 }),
      'INVALID_RECORD',
    ],
  ])('%s', async (_, make, error) => {
    expect(nameOf(await client.produce(make()))).toBe(error)
    expect((await client.fetch()).highWatermark).toBe(0n)
  })

  test('with a list of the invalid records', async () => {
    const writer = new BatchWriter()
    writer.append(Date.now(), 'k', 'now', [])
    writer.append(Date.now() + 7_200_000, 'k', 'later', [])
    const response = await client.produce(writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1 }))
    expect(nameOf(response)).toBe('INVALID_TIMESTAMP')
    expect(response.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1])
  })

  test('without a key on a compacted topic', async () => {
    await topicWith({ 'cleanup.policy': 'compact' })
    expect(nameOf(await client.produce(batchOf(['a'], { key: null })))).toBe('INVALID_RECORD')
    expect(nameOf(await client.produce(batchOf(['a'])))).toBe('NONE')
  })

  test('when its records are unreadable, where they are validated', async () => {
    const garbled = () => {
      const bytes = patched(batchOf(['a']), (view) => view.setUint8(61, 0x7f))
      return patched(bytes, (view) => view.setUint32(17, crc32c(bytes, 0, 21)))
    }
    await topicWith({ 'cleanup.policy': 'compact' })
    expect(nameOf(await client.produce(garbled()))).toBe('INVALID_RECORD')
    await topicWith()
    await client.produce(garbled())
    expect(nameOf(await client.listOffset(0n))).toBe('CORRUPT_MESSAGE')
  })

  test('when it is larger than the topic allows, as soon as the config changes', async () => {
    await topicWith({ 'max.message.bytes': 100 })
    expect(nameOf(await client.produce(batchOf(['x'.repeat(100)])))).toBe('MESSAGE_TOO_LARGE')
  })
})

describe('acks=0', () => {
  test('gets no response, and appends the records', async () => {
    client.send(batchOf(['a']))
    expect(await client.produce(batchOf(['b']))).toMatchObject({ baseOffset: 1n })
  })

  test('closes the connection on an error', async () => {
    client.send(batchOf(['x'.repeat(1_048_577)]))
    await client.wire.closed
    expect(client.wire.isClosed).toBe(true)
  })
})

test('with LogAppendTime records have the broker’s time, which the response contains', async () => {
  await topicWith({ 'message.timestamp.type': 'LogAppendTime' })
  const before = Date.now()
  const { logAppendTimeMs } = await client.produce(batchOf(['a'], { timestamp: 5 }))
  expect(Number(logAppendTimeMs)).toBeGreaterThanOrEqual(before)
  expect((await client.listOffset(-3n)).timestamp).toBe(logAppendTimeMs)
  expect((await client.fetch()).values).toEqual(['a'])
})

describe('a fetch', () => {
  test('waits for minBytes, at most maxWaitMs', async () => {
    const size = batchOf(['a']).length
    await client.produce(batchOf(['a']))
    const patient = await TopicClient.connect(cluster, `t${number - 1}`)
    let hasResponse = false
    const held = patient.fetch({ minBytes: size * 3, maxWaitMs: 60_000 }).then((response) => {
      hasResponse = true
      return response
    })
    await client.produce(batchOf(['b']))
    expect(hasResponse).toBe(false)
    await client.produce(batchOf(['c']))
    expect((await held).values).toEqual(['a', 'b', 'c'])
    expect((await client.fetch({ fetchOffset: 3, maxWaitMs: 5 })).values).toEqual([])
  })

  test('mutes its connection while it waits: the next request is served after it', async () => {
    const order: string[] = []
    const held = client.fetch({ maxWaitMs: 30 }).then(() => order.push('fetch'))
    const after = client.listOffset(-1n).then(() => order.push('list'))
    await Promise.all([held, after])
    expect(order).toEqual(['fetch', 'list'])
  })

  test('returns whole batches up to maxBytes, at least one, and may start before its offset', async () => {
    for (const values of [['a', 'b'], ['c'], ['d']]) await client.produce(batchOf(values))
    expect((await client.fetch({ fetchOffset: 1, maxBytes: 1 })).values).toEqual(['a', 'b'])
    expect((await client.fetch({ fetchOffset: 2, maxBytes: batchOf(['c']).length * 2 })).values).toEqual(['c', 'd'])
  })

  test('divides maxBytes among partitions: only the first with records must return at least one batch', async () => {
    const name = `t${number - 1}`
    await client.wire.request(CreatePartitions, {
      topics: [{ name, count: 3, assignments: null }],
      timeoutMs: 1000,
      validateOnly: false,
    })
    for (const index of [1, 2]) await client.produce(batchOf(['a']), { index })
    const partitions = [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0n, partitionMaxBytes: 1000 }))
    const sizes = async (maxBytes: number) => {
      const body = {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes,
        topics: [{ topic: name, partitions }],
        forgottenTopicsData: [],
      }
      const { responses } = await client.wire.request(Fetch, body, 12)
      return responses.flatMap((topic) => topic.partitions.map(({ records }) => records?.byteLength))
    }
    const size = batchOf(['a']).length
    expect(await sizes(1)).toEqual([0, size, 0])
    expect(await sizes(size * 2 - 1)).toEqual([0, size, 0])
    expect(await sizes(size * 2)).toEqual([0, size, size])
  })

  test('outside the log fails immediately', async () => {
    await client.produce(batchOf(['a']))
    expect(nameOf(await client.fetch({ fetchOffset: 2, maxWaitMs: 60_000 }))).toBe('OFFSET_OUT_OF_RANGE')
    expect(nameOf(await client.fetch({ fetchOffset: -1, maxWaitMs: 60_000 }))).toBe('OFFSET_OUT_OF_RANGE')
    expect(nameOf(await client.fetch({ fetchOffset: 1 }))).toBe('NONE')
  })
})

describe('offsets by time', () => {
  beforeEach(async () => {
    const writer = new BatchWriter()
    for (const timestamp of [1000, 2000, 1500]) writer.append(timestamp, 'k', String(timestamp), [])
    await client.produce(writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1 }))
    await client.produce(batchOf(['e', 'f'], { timestamp: 3000 }))
  })

  test.each([
    [0n, 0n, 1000n],
    [1000n, 0n, 1000n],
    [1001n, 1n, 2000n],
    [2001n, 3n, 3000n],
    [3001n, -1n, -1n],
    [-1n, 5n, -1n],
    [-2n, 0n, -1n],
    [-3n, 3n, 3000n],
  ])('finds %s at %s', async (timestamp, offset, found) => {
    expect(await client.listOffset(timestamp)).toMatchObject({ errorCode: 0, offset, timestamp: found })
  })

  test('are found in compressed batches', async () => {
    await topicWith()
    const { codecOf } = await import('@ottla/codec/records')
    const writer = new BatchWriter()
    for (const timestamp of [10, 20, 30]) writer.append(timestamp, 'k', 'v', [])
    await client.produce(
      await writer.sealCompressed({ producerId: -1n, producerEpoch: -1, baseSequence: -1 }, codecOf('gzip')),
    )
    expect(await client.listOffset(15n)).toMatchObject({ errorCode: 0, offset: 1n, timestamp: 20n })
  })
})
