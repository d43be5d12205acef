import type { OffsetCommitRequest, OffsetCommitResponse } from '@ottla/codec'
import { groupByTopic, noTopicId } from '../../cluster/topology.ts'
import { KafkaError } from '../../errors.ts'
import type { GroupIdentity } from '../../group/membership.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { CommitEntry, CommitLine } from './commit-entry.ts'

/** From this version on topics are identified by id (KIP-848). */
const idVersion = 10

/** One OffsetCommit. Its body is made when it is written, so that it has the identity and the progress of that moment. */
export class CommitRequest {
  readonly entries: readonly CommitEntry[]
  /** The partitions of the entries; built when it is first needed. */
  #owners: ReadonlySet<AssignedPartition | undefined> | undefined
  readonly #lines = new Map<CommitEntry, CommitLine>()
  #identity: GroupIdentity | undefined
  #hasIds = false
  #isInFlight = false
  #isEmpty = false

  constructor(entries: readonly CommitEntry[]) {
    this.entries = entries
  }

  has(owner: AssignedPartition): boolean {
    this.#owners ??= new Set(this.entries.map((entry) => entry.owner))
    return this.#owners.has(owner)
  }

  /** Of the member when the request was written; undefined: it was not written. */
  get identity(): GroupIdentity | undefined {
    return this.#identity
  }

  /** When it was to be written, no entry had a line. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  get hasIds(): boolean {
    return this.#hasIds
  }

  /** What was written. */
  get lines(): ReadonlyMap<CommitEntry, CommitLine> {
    return this.#lines
  }

  /** Topics can be identified by id only if each of them has one. */
  get maxVersion(): number | undefined {
    return this.entries.every(({ hasTopicId }) => hasTopicId) ? undefined : idVersion - 1
  }

  /** Called for each attempt to write it. `lineOf` returns undefined for entries that are not part of it. Throws if none is. */
  body(
    version: number,
    identity: GroupIdentity,
    lineOf: (entry: CommitEntry) => CommitLine | undefined,
  ): OffsetCommitRequest {
    this.ended(false)
    this.#lines.clear()
    for (const entry of this.entries) {
      const line = lineOf(entry)
      if (line !== undefined) this.#lines.set(entry, line)
    }
    this.#isEmpty = this.#lines.size === 0
    if (this.#isEmpty) throw new KafkaError('INVALID_STATE', 'There is nothing to commit', { outcome: 'not-written' })
    for (const entry of this.#lines.keys()) entry.written()
    this.#identity = identity
    this.#isInFlight = true
    this.#hasIds = version >= idVersion
    return {
      groupId: identity.groupId,
      generationIdOrMemberEpoch: identity.generation,
      memberId: identity.memberId,
      groupInstanceId: identity.instanceId,
      topics: this.#topics(),
    }
  }

  /** The request ended; `isUnknown`: without a response. */
  ended(isUnknown: boolean): void {
    if (!this.#isInFlight) return
    this.#isInFlight = false
    for (const entry of this.#lines.keys()) entry.responded(isUnknown)
  }

  /** The error code of each line; undefined: it is missing in the response. */
  codes({ topics }: OffsetCommitResponse): [CommitEntry, CommitLine, number | undefined][] {
    const codes = new Map<string, Map<number, number>>()
    for (const { name, topicId, partitions } of topics) {
      const ofTopic = new Map(partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]))
      codes.set(this.#hasIds ? topicId : name, ofTopic)
    }
    return Array.from(this.#lines, ([entry, line]) => [
      entry,
      line,
      codes.get(this.#keyOf(entry, line))?.get(entry.partition),
    ])
  }

  #topics(): OffsetCommitRequest['topics'] {
    const rows = Array.from(this.#lines, ([entry, line]) => ({
      topic: this.#keyOf(entry, line),
      partitionIndex: entry.partition,
      committedOffset: BigInt(line.offset),
      committedLeaderEpoch: line.leaderEpoch,
      committedMetadata: line.metadata,
    }))
    return groupByTopic(rows, ({ topic: _, ...partition }) => partition).map(({ topic, partitions }) =>
      this.#hasIds ? { topicId: topic, partitions } : { name: topic, partitions },
    )
  }

  #keyOf({ topic }: CommitEntry, { topicId }: CommitLine): string {
    return this.#hasIds ? (topicId ?? noTopicId) : topic
  }
}
