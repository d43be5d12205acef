import { AlterReplicaLogDirs, type ErrorName } from '@ottla/codec'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof AlterReplicaLogDirs> = (context, { dirs }) => {
  // When a partition is listed twice, the last directory applies.
  const wanted = new Map<string, Map<number, string>>()
  for (const { path, topics } of dirs) {
    for (const { name, partitions } of topics) {
      const byPartition = wanted.get(name) ?? new Map<number, string>()
      wanted.set(name, byPartition)
      for (const partition of partitions) byPartition.set(partition, path)
    }
  }
  const results = Array.from(wanted, ([topicName, byPartition]) => ({
    topicName,
    partitions: Array.from(byPartition, ([partitionIndex, path]) => ({
      partitionIndex,
      errorCode: codes.of(move(context, topicName, partitionIndex, path)),
    })),
  }))
  return { throttleTimeMs: 0, results }
}

function move({ broker }: HandlerContext, topic: string, partition: number, path: string): ErrorName | undefined {
  const { logDirs } = broker.replicas
  if (!logDirs.paths.includes(path)) return 'LOG_DIR_NOT_FOUND'
  if (broker.view.topic(topic)?.partitions[partition] === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION'
  const replica = broker.replica(topic, partition)
  if (replica === undefined) {
    logDirs.prefer(topic, partition, path)
    return 'REPLICA_NOT_AVAILABLE'
  }
  if (logDirs.move(replica, path)) broker.runtime.defer(() => logDirs.moved(replica))
  return undefined
}

export const alterReplicaLogDirsHandler = serves(AlterReplicaLogDirs, allVersions(AlterReplicaLogDirs), handle)
