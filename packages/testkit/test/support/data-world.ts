import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fetch, Produce } from '@ottla/codec'
import { onTestFinished } from 'vitest'
import type { ClusterOptions, TestCluster } from '../../src/index.ts'
import { createCluster } from '../../src/index.ts'
import { batchOf, type ReadRecord, recordsOf } from './batches.ts'
import { Wire } from './wire.ts'

/** A directory that is removed at the end of the test. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'ottla-data-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A cluster in a directory, on free ports; it is closed at the end of the test at the latest. */
export async function clusterIn(dataDir: string, options: ClusterOptions = {}): Promise<TestCluster> {
  const onDiagnostic = (text: string) => {
    // A decision that cannot be written fails the test.
    if (text.includes("cannot write the controller's decision")) throw new Error(text)
  }
  const cluster = await createCluster({
    listen: true,
    dataDir,
    onDiagnostic,
    ...options,
  })
  onTestFinished(() => cluster.close())
  return cluster
}

export async function leaderOf(cluster: TestCluster, topic: string, partition = 0): Promise<Wire> {
  const { host, port } = cluster.broker(cluster.partition(topic, partition).leader)
  const wire = await Wire.open(`${host}:${port}`)
  onTestFinished(() => wire.close())
  return wire
}

/** Produces one batch to partition 0; returns its offset. */
export async function produce(
  cluster: TestCluster,
  topic: string,
  values: readonly string[],
  { acks = -1, timestamp = Date.now() }: { readonly acks?: number; readonly timestamp?: number } = {},
): Promise<number> {
  const wire = await leaderOf(cluster, topic)
  const records = batchOf(values, { timestamp })
  const { responses } = await wire.request(Produce, 9, {
    acks,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })
  wire.close()
  const [response] = responses[0]?.partitionResponses ?? []
  if (response?.errorCode !== 0) throw new Error(`Error code ${response?.errorCode}`)
  return Number(response.baseOffset)
}

/** All committed records of a partition. */
export async function readAll(cluster: TestCluster, topic: string, partition = 0): Promise<ReadRecord[]> {
  const wire = await leaderOf(cluster, topic, partition)
  const found: ReadRecord[] = []
  let fetchOffset = BigInt(Math.max(0, cluster.partition(topic, partition).logStartOffset))
  for (;;) {
    const { responses } = await wire.request(Fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 50_000_000,
      forgottenTopicsData: [],
      topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 50_000_000 }] }],
    })
    const [response] = responses[0]?.partitions ?? []
    if (response?.errorCode !== 0) throw new Error(`Error code ${response?.errorCode}`)
    const records = recordsOf(response.records).filter(({ offset }) => offset >= Number(fetchOffset))
    const last = records.at(-1)
    if (last === undefined) break
    found.push(...records)
    fetchOffset = BigInt(last.offset + 1)
  }
  wire.close()
  return found
}
