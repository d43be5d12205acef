import { expect, test } from 'vitest'
import { WriterPool } from './writer-pool.ts'

const batchBytes = 256 << 10

test('a writer starts small and ends at the size of a batch, not at twice that', () => {
  const pool = new WriterPool(batchBytes, 1 << 20)
  const writer = pool.take(100)
  expect(writer.capacity).toBeLessThan(2048)
  while (writer.byteLength + 130 <= batchBytes) writer.append(1, null, new Uint8Array(100), [])
  expect(writer.capacity).toBeLessThan(batchBytes + 1024)
  expect(pool.take(batchBytes).capacity).toBe(batchBytes + 64)
})

test('keeps returned writers, empty, up to its bound', () => {
  const pool = new WriterPool(batchBytes, 600_000)
  const writers = [1, 2, 3].map(() => pool.take(batchBytes))
  for (const writer of writers) {
    writer.append(1, 'k', 'v', [])
    pool.give(writer)
  }
  expect(pool.pooledBytes).toBeLessThanOrEqual(600_000)
  const again = pool.take(10)
  expect(writers).toContain(again)
  expect(again.count).toBe(0)
  pool.take(10)
  expect(writers).not.toContain(pool.take(10))
  expect(pool.pooledBytes).toBe(0)
})

test('does not keep one that grew for a large record', () => {
  const pool = new WriterPool(batchBytes, 100 << 20)
  const writer = pool.take(10)
  writer.append(1, null, new Uint8Array(2 << 20), [])
  pool.give(writer)
  expect(pool.pooledBytes).toBe(0)
})
