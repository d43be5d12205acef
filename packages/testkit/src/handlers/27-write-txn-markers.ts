import { type Decoded, type Encodable, type ErrorName, errorCode, WriteTxnMarkers } from '@ottla/codec'
import { endTxnMarkerBatch } from '@ottla/codec/records'
import { Held } from '../state/held.ts'
import { offsetsTopic } from '../state/internal-topics.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

type Marker = Decoded<typeof WriteTxnMarkers.request>['markers'][number]
type Response = Encodable<typeof WriteTxnMarkers.response>

const timeoutMs = 5_000

/** The results of the markers: producer id → topic → partition → code. */
type Results = Map<bigint, Map<string, Map<number, number>>>

const handle: Handler<typeof WriteTxnMarkers> = (context, { markers }) => {
  const results: Results = new Map()
  const respond = (): Response => ({
    markers: Array.from(results, ([producerId, topics]) => resultOf(producerId, topics)),
  })
  let open = 1
  const held = new Held<Response>(context.cluster.runtime)
  const settle = () => {
    open -= 1
    if (open === 0) held.complete(respond())
  }
  for (const marker of markers) {
    for (const { name, partitionIndexes } of marker.topics) {
      for (const partition of partitionIndexes) {
        open += 1
        write(context, marker, { topic: name, partition }, (code) => {
          note(results, marker.producerId, name, partition, code)
          settle()
        })
      }
    }
  }
  settle()
  return held
}

function write(
  { broker, cluster }: HandlerContext,
  marker: Marker,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  done: (code: number) => void,
): void {
  const { producerId, producerEpoch, coordinatorEpoch, transactionVersion, transactionResult: committed } = marker
  const fail = (error: ErrorName) => done(codes.of(error))
  const replica = broker.replica(topic, partition)
  if (replica === undefined) {
    fail('UNKNOWN_TOPIC_OR_PARTITION')
    return
  }
  if (producerId < 0n || producerEpoch < 0 || transactionVersion < 0) {
    fail('UNKNOWN_SERVER_ERROR')
    return
  }
  if (!replica.isLeader) {
    fail('NOT_LEADER_OR_FOLLOWER')
    return
  }
  const { producers, transactions } = replica.log
  // Since KIP-890 each transaction ends in a higher epoch, so a marker with the open one's epoch is late (KIP-1228).
  const isLate = producers.epochOf(producerId) === producerEpoch && transactions.openSince(producerId) !== undefined
  if (transactionVersion >= 2 && isLate) {
    fail('INVALID_PRODUCER_EPOCH')
    return
  }
  const timestampMs = Math.floor(cluster.runtime.wallNow())
  const bytes = endTxnMarkerBatch({ producerId, producerEpoch, coordinatorEpoch, committed, timestampMs })
  if (topic === offsetsTopic) {
    const end = { producerId, committed }
    broker.services.groups.endTransaction(partition, bytes, end, (isWritten) =>
      done(isWritten ? 0 : errorCode('NOT_LEADER_OR_FOLLOWER')),
    )
    return
  }
  replica.appendAndReplicate(bytes, timeoutMs, (outcome) => done(outcome.errorCode))
}

function note(results: Results, producerId: bigint, topic: string, partition: number, code: number): void {
  const topics = results.get(producerId) ?? new Map<string, Map<number, number>>()
  results.set(producerId, topics)
  const partitions = topics.get(topic) ?? new Map<number, number>()
  topics.set(topic, partitions.set(partition, code))
}

function resultOf(producerId: bigint, topics: ReadonlyMap<string, ReadonlyMap<number, number>>) {
  return {
    producerId,
    topics: Array.from(topics, ([name, partitions]) => ({
      name,
      partitions: Array.from(partitions, ([partitionIndex, code]) => ({ partitionIndex, errorCode: code })),
    })),
  }
}

export const writeTxnMarkersHandler = serves(WriteTxnMarkers, allVersions(WriteTxnMarkers), handle)
