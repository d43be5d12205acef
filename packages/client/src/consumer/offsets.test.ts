import { expect, test } from 'vitest'
import type { Broker } from '../cluster/broker.ts'
import { OffsetLookup, type OffsetsCluster } from './offsets.ts'

interface ListOffsetsBody {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly { partitionIndex: number }[] }[]
}

test('looks up the offsets of many partitions in linear time', async () => {
  const request = async (_api: unknown, { topics }: ListOffsetsBody) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: 0,
        offset: 5n,
        leaderEpoch: 1,
      })),
    })),
  })
  const leader = { request } as unknown as Broker
  const cluster = {
    options: { requestTimeoutMs: 1_000 },
    leaderOf: () => leader,
    partition: () => undefined,
    retry: (_what: unknown, attempt: (attemptNo: number, signal: AbortSignal) => unknown) =>
      attempt(1, new AbortController().signal),
  } as unknown as OffsetsCluster
  const partitions = Array.from({ length: 60_000 }, (_, partition) => ({ topic: 'orders', partition }))
  const before = process.cpuUsage()
  const found = await new OffsetLookup(cluster, 'read_committed').list(partitions, -1n, {})
  const { user, system } = process.cpuUsage(before)
  expect(found).toHaveLength(partitions.length)
  expect((user + system) / 1_000).toBeLessThan(3_000)
})
