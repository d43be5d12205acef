import {
  type Api,
  ApiVersions,
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  DescribeCluster,
  DescribeConfigs,
  DescribeTopicPartitions,
  ElectLeaders,
  type Encodable,
  Fetch,
  IncrementalAlterConfigs,
  InitProducerId,
  ListOffsets,
  Metadata,
  OffsetForLeaderEpoch,
  Produce,
  zeroUuid,
} from '@ottla/codec'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { handlers } from '../src/handlers/registry.ts'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { WireClient } from './support/wire-client.ts'

const diagnostics: string[] = []
let cluster: TestCluster
let topicId: string

beforeAll(async () => {
  cluster = await createCluster({
    brokers: 1,
    topics: [{ name: 't', partitions: 2 }],
    onDiagnostic: (message) => diagnostics.push(message),
  })
  const client = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] as string)
  const { topics } = await client.request(Metadata, {
    topics: [{ topicId: zeroUuid, name: 't' }],
    includeTopicAuthorizedOperations: false,
  })
  topicId = topics[0]?.topicId ?? ''
  client.close()
})

afterAll(() => cluster.close())

/** One request for each API; fields that a version lacks are omitted. */
function requestsOf(version: number): ReadonlyMap<Api, unknown> {
  const request = <Q, S>(api: Api<Q, S>, body: Encodable<Api<Q, S>['request']>): [Api, unknown] => [
    api as unknown as Api,
    body,
  ]
  return new Map([
    request(Produce, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', topicId, partitionData: [{ index: 0, records: batchOf(['a', 'b']) }] }],
    }),
    request(Fetch, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 't', topicId, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000 }] }],
      forgottenTopicsData: [],
    }),
    request(ListOffsets, {
      replicaId: -1,
      ...(version >= 2 && { isolationLevel: 0 }),
      timeoutMs: 100,
      topics: [
        {
          name: 't',
          partitions: [
            { partitionIndex: 0, timestamp: -1n },
            { partitionIndex: 1, timestamp: 5n },
          ],
        },
      ],
    }),
    request(Metadata, {
      topics: [{ topicId: zeroUuid, name: 't' }],
      ...(version >= 8 && { includeTopicAuthorizedOperations: true }),
      ...(version >= 8 && version <= 10 && { includeClusterAuthorizedOperations: true }),
    }),
    request(ApiVersions, { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }),
    request(CreateTopics, {
      topics: [{ name: `v${version}`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 1000,
    }),
    request(DeleteTopics, {
      timeoutMs: 1000,
      ...(version >= 6 ? { topics: [{ name: 'none', topicId: zeroUuid }] } : { topicNames: ['none'] }),
    }),
    request(DeleteRecords, {
      timeoutMs: 100,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0n }] }],
    }),
    request(InitProducerId, { transactionalId: null, transactionTimeoutMs: 1000 }),
    request(OffsetForLeaderEpoch, { topics: [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
    request(DescribeConfigs, {
      resources: [{ resourceType: 2, resourceName: 't', configurationKeys: null }],
      includeSynonyms: true,
    }),
    request(CreatePartitions, {
      topics: [{ name: 't', count: 3, assignments: null }],
      timeoutMs: 100,
      validateOnly: true,
    }),
    request(ElectLeaders, {
      ...(version >= 1 && { electionType: 0 }),
      topicPartitions: [{ topic: 't', partitions: [0] }],
    }),
    request(IncrementalAlterConfigs, {
      resources: [
        { resourceType: 2, resourceName: 't', configs: [{ name: 'retention.ms', configOperation: 0, value: '5' }] },
      ],
      validateOnly: true,
    }),
    request(DescribeCluster, {
      includeClusterAuthorizedOperations: true,
      ...(version >= 2 && { includeFencedBrokers: true }),
    }),
    request(DescribeTopicPartitions, { topics: [{ name: 't' }] }),
  ])
}

const tested = new Set(requestsOf(0).keys())

for (const { api, minVersion, maxVersion } of handlers.filter((entry) => tested.has(entry.api))) {
  test(`${api.name} responds in versions ${minVersion} to ${maxVersion}`, async () => {
    const client = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] as string)
    for (let version = minVersion; version <= maxVersion; version++) {
      const body = requestsOf(version).get(api)
      expect(body, `the test has a request for ${api.name}`).toBeDefined()
      await expect(client.request(api, body as never, version), `version ${version}`).resolves.toBeDefined()
    }
    expect(diagnostics.splice(0)).toEqual([])
    client.close()
  })
}
