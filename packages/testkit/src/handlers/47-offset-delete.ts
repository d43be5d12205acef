import { type Encodable, errorCode, OffsetDelete } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { deleteOffsets } from '../state/offsets/offset-delete.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

type Response = Encodable<typeof OffsetDelete.response>

const handle: Handler<typeof OffsetDelete> = (context, request) => {
  const { groupId } = request
  if (groupId === '') return { errorCode: errorCode('INVALID_GROUP_ID'), throttleTimeMs: 0, topics: [] }
  const shard = context.broker.services.groups.shardOf(groupId)
  if (typeof shard === 'string') return { errorCode: errorCode(shard), throttleTimeMs: 0, topics: [] }
  const isKnown = (name: string, partition: number): boolean =>
    partition >= 0 && partition < context.broker.partitionCount(name)
  const known = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => partitionIndex).filter((p) => isKnown(name, p)),
  }))
  const held = new Held<Response | typeof closeConnection>(context.cluster.runtime)
  deleteOffsets(shard, groupId, known, (result) => {
    if (typeof result === 'string') {
      held.complete({ errorCode: errorCode(result), throttleTimeMs: 0, topics: [] })
      return
    }
    const all = request.topics.map(({ name, partitions }, index) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: isKnown(name, partitionIndex) ? (result[index] ?? 0) : errorCode('UNKNOWN_TOPIC_OR_PARTITION'),
      })),
    }))
    // Kafka leaves out topics without partitions.
    const topics = all.filter(({ partitions }) => partitions.length > 0)
    held.complete({ errorCode: 0, throttleTimeMs: 0, topics })
  })
  return held
}

export const offsetDeleteHandler = serves(OffsetDelete, { min: 0, max: 0 }, handle)
