import { expect, test } from 'vitest'
import { producerOptions, resolveProducerOptions } from './options.ts'

const resolve = (given?: object) => resolveProducerOptions(given, 30_000)

test('the defaults are safe: acks all, idempotent, nothing to configure', () => {
  expect(resolve()).toEqual({
    acks: 'all',
    idempotent: true,
    interceptors: [],
    lingerMs: 0,
    maxBatchBytes: 262_144,
    maxRequestBytes: 1_048_576,
    maxBufferedBytes: 33_554_432,
    deliveryTimeoutMs: 120_000,
    requestTimeoutMs: 30_000,
    silentMs: 30_000,
    maxInFlight: 5,
    compression: 'none',
    compressionLevel: undefined,
    topics: new Map(),
    partitioner: 'murmur2',
    transactional: false,
  })
  expect(Object.isFrozen(resolve()) && Object.isFrozen(producerOptions)).toBe(true)
})

test('takes the compression of single topics, each with its own level', () => {
  const topics = {
    a: { compression: 'gzip' },
    b: { compressionLevel: 19 },
    c: { compression: 'zstd', compressionLevel: 1 },
    d: {},
  }
  const resolved = resolve({ compression: 'zstd', compressionLevel: 9, topics })
  topics.d = { compression: 'lz4' }
  expect(Object.fromEntries(resolved.topics)).toEqual({
    a: { compression: 'gzip', compressionLevel: undefined },
    b: { compression: 'zstd', compressionLevel: 19 },
    c: { compression: 'zstd', compressionLevel: 1 },
    d: { compression: 'zstd', compressionLevel: 9 },
  })
})

test('limits an attempt to the delivery timeout, and a batch to a request', () => {
  expect(resolve({ deliveryTimeoutMs: 1000 }).requestTimeoutMs).toBe(1000)
  expect(resolve({ maxRequestBytes: 10_000 }).maxBatchBytes).toBe(10_000)
})

test('disables idempotence without acks from all replicas, and rejects it if requested', () => {
  expect(resolve({ acks: 1 }).idempotent).toBe(false)
  expect(resolve({ acks: 0 }).idempotent).toBe(false)
  expect(() => resolve({ acks: 0, idempotent: true })).toThrow(
    /'idempotent' of kafka.producer\(\) requires acks: 'all', not 0/,
  )
})

test.each([
  [{ acks: 2 }, "Option 'acks' of kafka.producer() must be one of 'all', 1, 0"],
  [{ acks: 'ALL' }, "Option 'acks' of kafka.producer()"],
  [{ lingerMs: -1 }, "Option 'lingerMs' of kafka.producer() must be whole milliseconds"],
  [{ lingerMS: 5 }, "Option 'lingerMS' of kafka.producer() does not exist"],
  [{ maxInFlight: 6 }, "Option 'maxInFlight' of kafka.producer() must be at most 5 with idempotence"],
  [{ maxInFlight: 0 }, "Option 'maxInFlight' of kafka.producer() must be an integer"],
  [
    { compression: 'brotli' },
    "Option 'compression' of kafka.producer() must be one of 'none', 'gzip', 'snappy', 'lz4', 'zstd'",
  ],
  [
    { compression: 'gzip', compressionLevel: 10 },
    "Option 'compressionLevel' of kafka.producer() must be at most 9 for gzip",
  ],
  [{ topics: ['orders'] }, "Option 'topics' of kafka.producer() must be an object: options by topic, not an array"],
  [{ topics: { orders: 'gzip' } }, "Option 'topics.orders' of kafka.producer() must be an object, not a string"],
  [
    { topics: { orders: { compression: 'brotli' } } },
    "Option 'topics.orders.compression' of kafka.producer() must be one of 'none', 'gzip', 'snappy', 'lz4', 'zstd', not a string",
  ],
  [
    { compression: 'gzip', topics: { orders: { compressionLevel: 12 } } },
    "Option 'topics.orders.compressionLevel' of kafka.producer() must be at most 9 for gzip, not 12",
  ],
  [
    { topics: { orders: { compressionType: 'gzip' } } },
    "Option 'topics.orders.compressionType' of kafka.producer() does not exist",
  ],
  [
    { partitioner: 'murmur' },
    "Option 'partitioner' of kafka.producer() must be a function or one of 'murmur2', 'round-robin', 'consistent-random'",
  ],
  [{ deliveryTimeoutMs: 0 }, "Option 'deliveryTimeoutMs' of kafka.producer()"],
  [
    { lingerMs: 5000, deliveryTimeoutMs: 5000 },
    "Option 'lingerMs' of kafka.producer() must be less than 'deliveryTimeoutMs' (5000), not 5000",
  ],
  [{ lingerMs: 120_000 }, "Option 'lingerMs' of kafka.producer() must be less than 'deliveryTimeoutMs'"],
])('rejects %j', (given, words) => {
  expect(() => resolve(given)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  expect(() => resolve(given)).toThrow(words)
})

test.each([
  { compression: 'canary' },
  { acks: 'canary' },
  { partitioner: 'canary' },
  { idempotent: 'canary' },
  { lingerMs: 'canary' },
])('shows no text of %j', (given) => {
  expect(() => resolve(given)).toThrow(expect.not.stringMatching('canary'))
  expect(() => resolve(given)).toThrow(/, not a string$/)
})
