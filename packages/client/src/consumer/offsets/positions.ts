import type { Runtime } from '@ottla/runtime'
import type { TopicPartition } from '../../cluster/topology.ts'
import type { KafkaError } from '../../errors.ts'
import type { StartOffset, StartPlace } from '../../group/offset-input.ts'
import { decodeAhead } from '../partition/ahead-codec.ts'
import type { AssignedPartition, Placement } from '../partition/assigned-partition.ts'
import type { Position } from '../partition/position.ts'
import type { Turns } from '../turns.ts'
import type { FoundOffset } from './offset-batch.ts'
import type { OffsetRequests } from './offset-requests.ts'
import { PartitionLookups } from './partition-lookups.ts'
import { isNearEnd, queriesOf } from './place-queries.ts'
import { noCommitError, notInLogError, recreatedError, truncatedError } from './position-errors.ts'
import { PositionWaiters } from './position-waiters.ts'
import { type ReadEnds, replacedError } from './read-ends.ts'

export type ResetReason = 'no-committed-offset' | 'out-of-range' | 'truncated' | 'recreated'

export interface PositionsHost {
  readonly runtime: Pick<Runtime, 'monoNow' | 'wallNow'>
  readonly turns: Turns
  readonly offsetReset: StartPlace | 'none'
  /** Where to start without a group; undefined: by `offsetReset`. */
  readonly from?: StartPlace | undefined
  /** Where reading ends; undefined: nowhere. */
  readonly ends?: ReadEnds | undefined
  /** Whether there are committed offsets to start from. */
  readonly inGroup: boolean
  /** The partition was created after the consumer started: 'latest' would skip its first records. */
  isNew(partition: TopicPartition): boolean
  /** The partition can be fetched from its position. */
  onReady(partition: AssignedPartition): void
  /** The reset policy chose these starts, which no commit has yet. Only in a group. */
  onStartChosen(partitions: readonly AssignedPartition[]): void
  /** `from`: -1 without a position before. */
  onReset(partition: AssignedPartition, from: number, to: number, reason: ResetReason): void
  /** The partition cannot be read until a seek. */
  onFailed(partition: AssignedPartition, error: KafkaError): void
  /** An error that concerns the whole group or consumer. */
  onFatal(error: KafkaError): void
}

/** How to continue at a place in the log. */
interface PlaceOptions {
  readonly how: Placement
  readonly reason?: ResetReason | undefined
  /** The position before, for the report. */
  readonly from?: number
}

/**
 * Determines positions from commits, the reset policy and seeks, and validates them when the leader changes (KIP-320). Each partition has
 * at most one look-up; its result is dropped when the partition was moved or released meanwhile. A failure never yields another position.
 */
export class Positions {
  readonly #requests: OffsetRequests
  readonly #host: PositionsHost
  readonly #lookups: PartitionLookups
  readonly #waiters = new PositionWaiters()
  /** Recreated before their first position was found: 'latest' would skip records of the new topic. */
  readonly #fresh = new WeakSet<AssignedPartition>()
  #chosen: AssignedPartition[] = []

  constructor(requests: OffsetRequests, host: PositionsHost) {
    this.#requests = requests
    this.#host = host
    requests.onSettled(() => this.#reportChosen())
    this.#lookups = new PartitionLookups({
      nowMs: () => host.runtime.monoNow(),
      onObstacle: (partition) => this.#obstructed(partition),
      onRefused: (partition, error) => this.#refused(partition, error),
    })
  }

  /** Positions new partitions: at their own start, else the committed offset, else by the reset policy. */
  async resolve(partitions: readonly AssignedPartition[]): Promise<void> {
    const release = this.#requests.hold()
    try {
      await this.#host.turns.each(partitions, (partition) => this.#resolve(partition))
    } finally {
      release()
    }
  }

  #resolve(partition: AssignedPartition): void {
    const isOpen = partition.owned && partition.fetching.offset < 0 && partition.failed === undefined
    if (!isOpen || this.#lookups.has(partition)) return
    const { start } = partition
    if (start !== undefined) this.#moveTo(partition, start, 'start')
    else this.#fromCommit(partition)
  }

  /** Synchronous for an offset; a place is looked up, and nothing is delivered until it is found. */
  seek(partition: AssignedPartition, offset: StartOffset): void {
    if (partition.owned) this.#moveTo(partition, offset, 'sought')
  }

  /** The leader does not have the offset to fetch. To call when everything before it was delivered: a reset drops the rest. */
  outOfRange(partition: AssignedPartition): void {
    const { owned, failed, fetching } = partition
    const { offset } = fetching
    if (!owned || failed !== undefined || offset < 0 || this.#lookups.has(partition)) return
    const { offsetReset } = this.#host
    if (offsetReset === 'none') this.#fail(partition, notInLogError(partition, offset))
    // As in Java, 'latest' also applies where the beginning of the log has moved past the position.
    else this.#toPlace(partition, offsetReset, { how: 'reset', reason: 'out-of-range', from: offset })
  }

  /** The partition has a newer leader: its log may lack what was fetched from the old one. */
  validate(partition: AssignedPartition): void {
    const { fetching, failed, owned } = partition
    if (!owned || failed !== undefined || fetching.offset < 0 || this.#lookups.has(partition)) return
    if (!isUnvalidated(partition)) return
    // Bytes of an unknown epoch cannot be validated: they are fetched again.
    if (partition.furthest.epoch < 0 && partition.progress.frontier.epoch >= 0) partition.dropFetched()
    const { leaderEpoch } = fetching
    const question = partition.furthest
    if (question.epoch < 0 || question.epoch >= leaderEpoch) return
    this.#lookups.run(partition, {
      start: (listener) => this.#requests.epochEnd(partition, question.epoch, listener),
      found: ({ offset, leaderEpoch: epoch }) => this.#validated(partition, question, { offset, epoch }, leaderEpoch),
      // Brokers before 2.3.
      unsupported: () => this.#valid(partition, question, leaderEpoch),
    })
  }

  /**
   * The topic was deleted and created again. The position, commits and items in hand belong to the old one. Without topic ids it is
   * noticed only where the leader lacks the epoch of the position, or, as out of range, where the new log is shorter: a topic that has
   * grown past the old position under the same epochs looks like the old one.
   */
  recreated(partition: AssignedPartition): void {
    if (!partition.owned) return
    const restart = this.#lookups.restartOf(partition)
    if (!partition.progress.isKnown && partition.fetching.offset < 0) {
      this.#fresh.add(partition)
      restart?.()
      return
    }
    const { next: from } = partition.progress
    this.#lookups.cancel(partition)
    partition.displace('recreated')
    if (restart !== undefined) restart()
    else if (this.#host.ends !== undefined) this.#fail(partition, replacedError(partition))
    else if (this.#host.offsetReset === 'none') this.#fail(partition, recreatedError(partition))
    else this.#toPlace(partition, 'earliest', { how: 'recreated', reason: 'recreated', from })
  }

  /** The topic was created again, and this member does not have the new one: it reads nothing until it gives the partition up. */
  abandon(partition: AssignedPartition): void {
    this.#lookups.cancel(partition)
    partition.displace('recreated')
  }

  /** The topic was deleted. */
  missing(partition: AssignedPartition, error: KafkaError): void {
    if (partition.owned && partition.failed === undefined) this.#fail(partition, error)
  }

  /** Revoked, lost or closed. */
  release(partitions: Iterable<AssignedPartition>): void {
    for (const partition of partitions) {
      this.#lookups.cancel(partition)
      this.#waiters.remove(partition)
    }
  }

  /**
   * Resolves when each partition has a position, a reason why it cannot have one now (no leader, forbidden, failed), or is released.
   * Rejects with the reason of the signal.
   */
  positioned(partitions: Iterable<AssignedPartition>, signal: AbortSignal | undefined): Promise<void> {
    return this.#waiters.wait(partitions, signal)
  }

  // ---- look-ups

  #moveTo(partition: AssignedPartition, to: StartOffset, how: 'start' | 'sought'): void {
    this.#lookups.cancel(partition)
    if (typeof to === 'bigint' || typeof to === 'number') {
      partition.place({ offset: Number(to), epoch: -1 }, how)
      this.#ready(partition)
      return
    }
    if (how === 'sought') partition.displace('sought')
    this.#toPlace(partition, to, { how })
  }

  #fromCommit(partition: AssignedPartition): void {
    if (!this.#host.inGroup) {
      this.#byPolicy(partition)
      return
    }
    const { topic, partition: index, fetching } = partition
    this.#lookups.run(partition, {
      start: (listener) => this.#requests.committed({ topic, partition: index, topicId: fetching.topicId }, listener),
      restart: () => this.#fromCommit(partition),
      found: ({ offset, leaderEpoch, metadata }) => {
        if (offset < 0) {
          this.#byPolicy(partition)
          return
        }
        partition.progress.foundCommit(offset)
        partition.place({ offset, epoch: leaderEpoch }, 'start')
        const ahead = decodeAhead({ topic, partition: index, topicId: fetching.topicId }, offset, metadata)
        if (ahead !== undefined) partition.progress.restore(ahead)
        this.#ready(partition)
      },
    })
  }

  /** Looked up once: from then on the position is a number, so that a later failure never moves it. */
  #byPolicy(partition: AssignedPartition): void {
    const { offsetReset, from } = this.#host
    const policy = from ?? offsetReset
    if (policy === 'none') {
      this.#fail(partition, noCommitError(partition))
      return
    }
    const isFresh = this.#fresh.has(partition) || this.#host.isNew(partition)
    const place = isFresh && isNearEnd(policy) ? 'earliest' : policy
    const reason = from === undefined ? 'no-committed-offset' : undefined
    this.#toPlace(partition, place, { how: 'policy', reason })
  }

  #toPlace(partition: AssignedPartition, place: StartPlace, options: PlaceOptions): void {
    const { how } = options
    const { leaderEpoch } = partition.fetching
    const again = () => this.#toPlace(partition, place, options)
    const restart = how === 'policy' ? () => this.#byPolicy(partition) : how === 'reset' ? undefined : again
    const { first, second, choose } = queriesOf(place, this.#host.runtime.wallNow())
    const arrive = (found: FoundOffset) => this.#arrived(partition, found, leaderEpoch, options)
    this.#list(partition, first, restart, (found) => {
      if (second === undefined) arrive(found)
      else this.#list(partition, second, restart, (next) => arrive(choose(found, next)))
    })
  }

  #list(
    partition: AssignedPartition,
    timestamp: number,
    restart: (() => void) | undefined,
    found: (found: FoundOffset) => void,
  ): void {
    this.#lookups.run(partition, {
      start: (listener) => this.#requests.list(partition, timestamp, listener),
      restart,
      found,
    })
  }

  /** `leaderEpoch`: of the leader that named the offset. */
  #arrived(partition: AssignedPartition, found: FoundOffset, leaderEpoch: number, options: PlaceOptions): void {
    const { how, reason, from = -1 } = options
    const { offset, leaderEpoch: epoch } = found
    partition.place({ offset, epoch }, how)
    if (how === 'reset') this.#host.ends?.doubt(partition)
    partition.validated(leaderEpoch)
    // An empty log has no record of an epoch, and has lost none.
    const isSame = reason === 'truncated' && offset === from
    if (reason !== undefined && !isSame) this.#host.onReset(partition, from, offset, reason)
    if (this.#host.inGroup && (how === 'policy' || how === 'recreated')) this.#chosen.push(partition)
    this.#ready(partition)
  }

  /** The end at which reading stops is looked up behind each new position, unless it is known. Returns whether it is. */
  #lookUpEnd(partition: AssignedPartition): boolean {
    const { ends, runtime } = this.#host
    if (ends === undefined || ends.apply(partition)) return false
    const { first, second, choose } = queriesOf(ends.place, runtime.wallNow())
    const arrive = ({ offset }: FoundOffset) => {
      partition.resolved()
      ends.found(partition, offset)
      this.#ready(partition)
    }
    this.#list(partition, first, undefined, (end) => {
      if (second === undefined) arrive(end)
      else this.#list(partition, second, undefined, (found) => arrive(choose(end, found)))
    })
    return true
  }

  /** One report for all partitions of a response. */
  #reportChosen(): void {
    if (this.#chosen.length === 0) return
    const chosen = this.#chosen.filter(({ owned, progress }) => owned && progress.uncommittedStart !== undefined)
    this.#chosen = []
    if (chosen.length > 0) this.#host.onStartChosen(chosen)
  }

  // ---- validation

  /** `end`: of the epoch of `question`, in the log of the leader. */
  #validated(partition: AssignedPartition, question: Position, end: Position, leaderEpoch: number): void {
    if (end.offset < 0 || end.epoch < 0) this.#epochIsGone(partition, question)
    else if (end.offset < question.offset) this.#cut(partition, end, leaderEpoch)
    else this.#valid(partition, question, leaderEpoch)
  }

  #valid(partition: AssignedPartition, question: Position, leaderEpoch: number): void {
    partition.resolved()
    // A response that was in flight may have brought more since.
    if (partition.furthest.offset <= question.offset) partition.validated(leaderEpoch)
    this.#ready(partition)
  }

  #cut(partition: AssignedPartition, end: Position, leaderEpoch: number): void {
    const from = partition.progress.frontier.offset
    if (end.offset < from && this.#host.offsetReset === 'none') {
      partition.dropFetched()
      this.#fail(partition, truncatedError(partition, from, end.offset))
      return
    }
    const isDelivered = partition.truncate(end)
    this.#host.ends?.cut(partition, end.offset)
    partition.validated(leaderEpoch)
    if (isDelivered) this.#host.onReset(partition, from, end.offset, 'truncated')
    this.#ready(partition)
  }

  /** The leader has no record of this epoch nor of a later one that follows it: nothing says up to where the logs are the same. */
  #epochIsGone(partition: AssignedPartition, { offset }: Position): void {
    partition.resolved()
    const { offsetReset } = this.#host
    // Without topic ids this is how a recreated topic shows, whose epochs start from 0.
    if (partition.fetching.topicId === undefined) this.recreated(partition)
    else if (offsetReset === 'none') this.#fail(partition, truncatedError(partition, offset, undefined))
    else this.#toPlace(partition, offsetReset, { how: 'reset', reason: 'truncated', from: offset })
  }

  // ---- outcomes

  #obstructed(partition: AssignedPartition): void {
    const { trouble } = partition
    // A reader that ends by itself does not wait for a right.
    const isRefused = this.#host.ends !== undefined && trouble?.obstacle === 'forbidden'
    if (isRefused && trouble.error !== undefined) this.#fail(partition, trouble.error)
    else this.#waiters.check(partition)
  }

  #refused(partition: AssignedPartition, error: KafkaError): void {
    if (error.topic === undefined) this.#host.onFatal(error)
    else this.#fail(partition, error)
  }

  #fail(partition: AssignedPartition, error: KafkaError): void {
    this.#lookups.cancel(partition)
    partition.resolved()
    partition.obstruct('failed', error, this.#host.runtime.monoNow())
    this.#waiters.check(partition)
    this.#host.onFailed(partition, error)
  }

  #ready(partition: AssignedPartition): void {
    if (this.#lookUpEnd(partition)) return
    this.validate(partition)
    this.#waiters.check(partition)
    if (!this.#lookups.has(partition)) this.#host.onReady(partition)
  }
}

function isUnvalidated({ validatedEpoch, fetching }: AssignedPartition): boolean {
  return fetching.leaderEpoch >= 0 && validatedEpoch < fetching.leaderEpoch
}
