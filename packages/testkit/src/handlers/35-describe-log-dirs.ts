import { type Decoded, DescribeLogDirs } from '@ottla/codec'
import { isCordoned } from '../state/cordoned.ts'
import type { LogOnDisk } from '../state/replicas/log-dirs.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'

type Topics = Decoded<typeof DescribeLogDirs.request>['topics']

/** The size of a directory's volume: 1 TiB, part of which the logs use. */
const totalBytes = 1n << 40n

const handle: Handler<typeof DescribeLogDirs> = (context, { topics }) => {
  const { logDirs, isDiskFull } = context.broker.replicas
  const logs = [...logDirs.logs()]
  const results = logDirs.paths.map((logDir) => {
    const here = logs.filter(({ path }) => path === logDir)
    const usedBytes = here.reduce((sum, { replica }) => sum + BigInt(replica.log.sizeInBytes), 0n)
    return {
      errorCode: 0,
      logDir,
      topics: described(here.filter((log) => isRequested(topics, log))),
      totalBytes,
      usableBytes: isDiskFull ? 0n : totalBytes - usedBytes,
      isCordoned: isCordoned(context.broker.view, context.broker.id, logDir),
    }
  })
  return { throttleTimeMs: 0, errorCode: 0, results }
}

function isRequested(topics: Topics, { replica }: LogOnDisk): boolean {
  const isNamed = ({ topic, partitions }: NonNullable<Topics>[number]) =>
    topic === replica.topic && partitions.includes(replica.partition)
  return topics === null || topics.some(isNamed)
}

function described(logs: readonly LogOnDisk[]) {
  const names = [...new Set(logs.map(({ replica }) => replica.topic))]
  return names.map((name) => ({
    name,
    partitions: logs
      .filter(({ replica }) => replica.topic === name)
      .map(({ replica, isFuture }) => ({
        partitionIndex: replica.partition,
        // A future replica is visible for one turn, in which its copy has not started.
        partitionSize: isFuture ? 0n : BigInt(replica.log.sizeInBytes),
        offsetLag: BigInt(isFuture ? replica.logEndOffset : Math.max(0, replica.highWatermark - replica.logEndOffset)),
        isFutureKey: isFuture,
      })),
  }))
}

export const describeLogDirsHandler = serves(DescribeLogDirs, allVersions(DescribeLogDirs), handle)
