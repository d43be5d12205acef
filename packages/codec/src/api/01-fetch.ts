import { fetchRequestCode, fetchResponseCode } from '../generated/fetch.ts'
import { api } from '../schema/api.ts'
import { array, int8, int16, int32, int64, list, records, string, struct, uuid } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const Fetch = /* @__PURE__ */ api({
  key: 1,
  name: 'Fetch',
  versions: '4-18',
  flexible: '12+',
  request: {
    clusterId: string({ versions: '12+', nullable: true, default: null, ignorable: true, tag: 0 }),
    replicaId: int32({ versions: '4-14', default: -1 }),
    replicaState: struct(
      { replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1n }) },
      { versions: '15+', tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 2147483647, ignorable: true }),
    isolationLevel: int8({ default: 0, ignorable: true }),
    sessionId: int32({ versions: '7+', default: 0, ignorable: true }),
    sessionEpoch: int32({ versions: '7+', default: -1, ignorable: true }),
    topics: array({
      topic: string({ versions: '4-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ versions: '9+', default: -1, ignorable: true }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ versions: '12+', default: -1 }),
        logStartOffset: int64({ versions: '5+', default: -1n, ignorable: true }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid({ versions: '17+', ignorable: true, tag: 0 }),
        highWatermark: int64({ versions: '18+', default: 9223372036854775807n, ignorable: true, tag: 1 }),
      }),
    }),
    forgottenTopicsData: array(
      {
        topic: string({ versions: '7-12', ignorable: true }),
        topicId: uuid({ versions: '13+', ignorable: true }),
        partitions: list(int32()),
      },
      { versions: '7+' },
    ),
    rackId: string({ versions: '11+', default: '', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ ignorable: true }),
    errorCode: int16({ versions: '7+', ignorable: true }),
    sessionId: int32({ versions: '7+', default: 0 }),
    responses: array({
      topic: string({ versions: '4-12', ignorable: true }),
      topicId: uuid({ versions: '13+', ignorable: true }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64({ default: -1n, ignorable: true }),
        logStartOffset: int64({ versions: '5+', default: -1n, ignorable: true }),
        divergingEpoch: struct(
          { epoch: int32({ default: -1 }), endOffset: int64({ default: -1n }) },
          { versions: '12+', tag: 0 },
        ),
        currentLeader: struct(
          { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
          { versions: '12+', tag: 1 },
        ),
        snapshotId: struct(
          { endOffset: int64({ default: -1n }), epoch: int32({ default: -1 }) },
          { versions: '12+', tag: 2 },
        ),
        abortedTransactions: array({ producerId: int64(), firstOffset: int64() }, { nullable: true, ignorable: true }),
        preferredReadReplica: int32({ versions: '11+', default: -1 }),
        records: records({ nullable: true }),
      }),
    }),
    nodeEndpoints: array(
      { nodeId: int32(), host: string(), port: int32(), rack: string({ nullable: true, default: null }) },
      { versions: '16+', tag: 0 },
    ),
  },
  generated: { request: fetchRequestCode, response: fetchResponseCode },
})

export interface FetchRequest extends Encodable<typeof Fetch.request> {}
export interface FetchResponse extends Decoded<typeof Fetch.response> {}
