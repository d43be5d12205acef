import type { ErrorName } from '@ottla/codec'
import { RecordBatch } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import type { Replica } from '../replicas/replica.ts'
import type { Acknowledgement } from './share-acknowledge.ts'
import type { ShareConfig } from './share-config.ts'
import { SharePartition } from './share-partition.ts'
import type { SharePersister } from './share-persister.ts'
import { type SessionPartition, ShareSessions } from './share-sessions.ts'
import { failed, type ShareFailure } from './share-state-shard.ts'

export interface SharePartitionsOptions {
  readonly runtime: Pick<Runtime, 'setTimer' | 'clearTimer' | 'monoNow'>
  readonly persister: SharePersister
  readonly configOf: (groupId: string) => ShareConfig
  /** This broker's replica, as leader or follower. */
  readonly replicaOf: (at: SessionPartition) => Replica | undefined
  /** group.share.max.share.sessions */
  readonly maxSessions: number
}

/** The result of the acknowledgements of one partition. */
export interface AcknowledgeResult {
  readonly at: SessionPartition
  readonly failure: ShareFailure | undefined
}

export interface PartitionAcks {
  readonly at: SessionPartition
  readonly acks: readonly Acknowledgement[]
}

/** After these errors the share partition is loaded again. */
const fencing: ReadonlySet<ErrorName> = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_STATE_EPOCH',
  'GROUP_ID_NOT_FOUND',
  'UNKNOWN_TOPIC_OR_PARTITION',
])

/** The share partitions that a broker leads, and the share sessions of the members that fetch them. */
export class SharePartitions {
  readonly sessions: ShareSessions
  readonly #options: SharePartitionsOptions
  readonly #groups = new Map<string, Map<string, { readonly share: SharePartition; readonly replica: Replica }>>()

  constructor(options: SharePartitionsOptions) {
    this.#options = options
    this.sessions = new ShareSessions(options.maxSessions)
  }

  configOf(groupId: string): ShareConfig {
    return this.#options.configOf(groupId)
  }

  /** The group's share partition, created at the first request. */
  open(
    groupId: string,
    at: SessionPartition,
  ): { readonly share: SharePartition; readonly replica: Replica } | ErrorName {
    const replica = this.#options.replicaOf(at)
    const known = this.#groups.get(groupId)?.get(nameOf(at))
    if (known !== undefined) return known
    if (replica === undefined || !replica.isLeader) return 'NOT_LEADER_OR_FOLLOWER'
    const { runtime, persister } = this.#options
    const share = new SharePartition({
      ...{ runtime, persister },
      key: { groupId, ...at },
      leaderEpoch: replica.leaderEpoch,
      config: () => this.configOf(groupId),
      firstOffset: (reset) => firstOffsetOf(replica, reset),
    })
    const opened = { share, replica }
    const group = this.#groups.get(groupId) ?? new Map()
    this.#groups.set(groupId, group.set(nameOf(at), opened))
    return opened
  }

  find(groupId: string, at: SessionPartition): SharePartition | undefined {
    return this.#groups.get(groupId)?.get(nameOf(at))?.share
  }

  /** Drops a share partition that could not be loaded or moved to another broker. */
  drop(groupId: string, at: SessionPartition): void {
    const group = this.#groups.get(groupId)
    const known = group?.get(nameOf(at))
    if (group === undefined || known === undefined) return
    group.delete(nameOf(at))
    if (group.size === 0) this.#groups.delete(groupId)
    known.share.fence()
  }

  /** `done` has the results in the order of the request. */
  acknowledge(
    groupId: string,
    memberId: string,
    partitions: readonly PartitionAcks[],
    done: (results: readonly AcknowledgeResult[]) => void,
  ): void {
    const work = partitions.map(({ at, acks }) => ({
      at,
      run: (share: SharePartition, ended: (failure?: ShareFailure) => void) => share.acknowledge(memberId, acks, ended),
    }))
    this.#forEach(groupId, work, done)
  }

  /** The member's session ended: releases its acquired records. */
  release(groupId: string, memberId: string): void {
    const session = this.sessions.remove(groupId, memberId)
    if (session === undefined) return
    const work = session.partitions.map((at) => ({
      at,
      run: (share: SharePartition, ended: (failure?: ShareFailure) => void) => share.release(memberId, ended),
    }))
    this.#forEach(groupId, work, () => {})
  }

  onConnectionClosed(connectionId: number): void {
    const session = this.sessions.takeByConnection(connectionId)
    if (session === undefined) return
    const { groupId, memberId } = session
    if (this.sessions.get(groupId, memberId) === session) this.release(groupId, memberId)
    if (!this.sessions.isEmptied(groupId)) return
    for (const { share } of [...(this.#groups.get(groupId)?.values() ?? [])]) this.drop(groupId, share.key)
  }

  onLeadershipLost(topic: string, partition: number): void {
    this.#dropWhere((replica) => replica.topic === topic && replica.partition === partition)
  }

  onTopicDeleted(_topic: string, topicId: string): void {
    this.#dropWhere((replica) => replica.topicId === topicId)
  }

  close(): void {
    this.#dropWhere(() => true)
    this.sessions.clear()
  }

  #dropWhere(isMeant: (replica: Replica) => boolean): void {
    for (const [groupId, group] of [...this.#groups]) {
      for (const { share, replica } of [...group.values()]) if (isMeant(replica)) this.drop(groupId, share.key)
    }
  }

  #forEach(
    groupId: string,
    work: readonly {
      readonly at: SessionPartition
      readonly run: (share: SharePartition, ended: (failure?: ShareFailure) => void) => void
    }[],
    done: (results: readonly AcknowledgeResult[]) => void,
  ): void {
    const results: AcknowledgeResult[] = []
    let open = work.length
    if (open === 0) done(results)
    for (const [index, { at, run }] of work.entries()) {
      const ended = (failure?: ShareFailure) => {
        if (failure !== undefined && fencing.has(failure.error)) this.drop(groupId, at)
        results[index] = { at, failure }
        if (--open === 0) done(results)
      }
      const share = this.find(groupId, at)
      if (share === undefined) ended(failed('UNKNOWN_TOPIC_OR_PARTITION'))
      else run(share, ended)
    }
  }
}

const nameOf = ({ topicId, partition }: SessionPartition): string => `${topicId}:${partition}`

/** The start offset of a group without state. */
function firstOffsetOf(replica: Replica, reset: ShareConfig['autoOffsetReset']): number | ShareFailure {
  if (reset === 'latest') return replica.highWatermark
  if (reset === 'earliest') return replica.logStartOffset
  const found = offsetAt(replica, reset)
  if (found !== undefined) return found
  const message = `Offset for timestamp ${reset} not found for topic partition: ${replica.topicId}:${replica.topic}-${replica.partition}`
  return { ...failed('OFFSET_NOT_AVAILABLE'), message }
}

/** The offset of the first record with this timestamp or later; in a compressed batch, the batch's base offset. */
function offsetAt({ log, highWatermark, logStartOffset }: Replica, timestamp: number): number | undefined {
  const found = log.batchByTimestamp(timestamp, highWatermark)
  if (found === undefined) return undefined
  const batch = new RecordBatch(found.bytes)
  if (batch.compressionId !== 0 || batch.timestampType === 'append') return Math.max(found.baseOffset, logStartOffset)
  const cursor = batch.records()
  while (cursor.next()) {
    const offset = found.baseOffset + cursor.offsetDelta
    if (batch.baseTimestamp + cursor.timestampDelta >= timestamp && offset >= logStartOffset) return offset
  }
  return undefined
}
