import { errorCode, zeroUuid } from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/support/fake-clock.ts'
import { createGroup } from '../classic-groups/classic-group-shard.ts'
import { defaultConsumerGroupConfig } from '../consumer-groups/consumer-group-config.ts'
import type { CoordinatorReplica } from '../coordinators/coordinator-log.ts'
import { partitionOf } from '../coordinators/coordinator-shards.ts'
import { defaultGroupConfig } from '../coordinators/group-config.ts'
import { BrokerTopics } from '../coordinators/group-topics.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { MetadataView } from '../metadata-view.ts'
import { commitOffsets } from '../offsets/offset-commit.ts'
import { fetchOffsets } from '../offsets/offset-fetch.ts'
import { defaultStreamsGroupConfig } from '../streams-groups/streams-group-config.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { GroupCoordinatorShard } from './group-coordinator-shard.ts'

type Done = Parameters<CoordinatorReplica['appendAndReplicate']>[2]

/** A replica that the test replicates up to a chosen offset. */
class FakeReplica implements CoordinatorReplica {
  readonly topic = offsetsTopic
  readonly partition = 0
  isLeader = true
  highWatermark = 0
  logEndOffset = 0
  refusal: 'NOT_ENOUGH_REPLICAS' | undefined
  readonly #batches: Uint8Array[] = []
  #waiting: { readonly baseOffset: number; readonly endOffset: number; readonly done: Done }[] = []

  appendAndReplicate(batch: Uint8Array, _timeoutMs: number, done: Done): void {
    if (this.refusal) {
      done({ errorCode: errorCode(this.refusal), baseOffset: -1 })
      return
    }
    const baseOffset = this.logEndOffset
    this.logEndOffset += new RecordBatchReader(batch).next()?.recordCount ?? 0
    this.#batches.push(batch)
    this.#waiting.push({ baseOffset, endOffset: this.logEndOffset, done })
  }

  /** Replicates up to the offset; completes the pending appends unless `silently`. */
  replicate(upTo = this.logEndOffset, silently = false): void {
    this.highWatermark = upTo
    if (silently) return
    const replicated = this.#waiting.filter(({ endOffset }) => endOffset <= upTo)
    this.#waiting = this.#waiting.filter(({ endOffset }) => endOffset > upTo)
    for (const { baseOffset, done } of replicated) done({ errorCode: 0, baseOffset })
  }

  *batches(): Generator<Uint8Array> {
    yield* this.#batches
  }
}

class Bed {
  readonly clock = new FakeClock()
  readonly replica = new FakeReplica()
  readonly deferred: (() => void)[] = []
  readonly coordinator = this.another()

  another(): GroupCoordinator {
    const runtime = { ...unused, ...bound(this.clock), defer: (job: () => void) => this.deferred.push(job) }
    return new GroupCoordinator({ runtime, config: defaultGroupConfig, partitionCount: () => 1, ...consumer })
  }

  turn(): void {
    for (const job of this.deferred.splice(0)) job()
  }

  lead(coordinator = this.coordinator): GroupCoordinatorShard {
    coordinator.onLeadershipGained(this.replica)
    this.turn()
    const shard = coordinator.shardOf('g')
    if (!(shard instanceof GroupCoordinatorShard)) throw new Error(shard)
    return shard
  }
}

const consumer = {
  topics: new BrokerTopics(() => new MetadataView()),
  consumerConfig: () => defaultConsumerGroupConfig,
  streamsConfig: () => defaultStreamsGroupConfig,
}

const unused = {
  monoNow: () => 0,
  tickNow: () => 0,
  random: () => 0,
  work: <T>(job: () => Promise<T> | T) => Promise.resolve(job()),
  lookup: () => Promise.reject(new Error('unused')),
  dial: () => Promise.reject(new Error('unused')),
}

const bound = (clock: FakeClock) => ({
  wallNow: () => clock.wallNow(),
  setTimer: (callback: () => void, delayMs: number) => clock.setTimer(callback, delayMs),
  clearTimer: (timer: Parameters<FakeClock['clearTimer']>[0]) => clock.clearTimer(timer),
  secureRandom: (size: number) => clock.secureRandom(size),
})

/** The error code of a commit; undefined while it is pending. */
function commit(shard: GroupCoordinatorShard, committedOffset: bigint): { code: number | undefined } {
  const state: { code: number | undefined } = { code: undefined }
  const partition = { partitionIndex: 0, committedOffset, committedLeaderEpoch: -1, committedMetadata: null }
  const body = {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    retentionTimeMs: -1n,
    topics: [{ name: 't', topicId: zeroUuid, partitions: [partition] }],
  }
  commitOffsets(shard, body, 9, (topics) => {
    state.code = topics[0]?.partitions[0]?.errorCode
  })
  return state
}

function offsetOf(shard: GroupCoordinatorShard): bigint | undefined {
  let offset: bigint | undefined
  fetchOffsets(shard, 'g', [{ name: 't', topicId: zeroUuid, partitionIndexes: [0] }], false, (result) => {
    if (typeof result !== 'string') offset = result[0]?.partitions[0]?.committedOffset
  })
  return offset
}

test('maps a group to the same partition as Java', () => {
  expect(partitionOf('', 50)).toBe(0)
  // "billing".hashCode() is -109829509, and that of "polygenelubricants" the smallest integer.
  expect(partitionOf('billing', 50)).toBe(9)
  expect(partitionOf('polygenelubricants', 50)).toBe(0)
  expect(partitionOf('event-collector-group-1', 50)).toBe(javaHash('event-collector-group-1') % 50)
})

/** The absolute value of Java's String.hashCode, computed with big integers. */
function javaHash(text: string): number {
  let hash = 0n
  for (const character of text) hash = BigInt.asIntN(32, hash * 31n + BigInt(character.charCodeAt(0)))
  return Number(hash < 0n ? -hash : hash)
}

describe('leadership', () => {
  test('is served only by the leader, once its log is loaded', () => {
    const bed = new Bed()
    expect(bed.coordinator.shardOf('g')).toBe('NOT_COORDINATOR')
    bed.coordinator.onLeadershipGained(bed.replica)
    expect(bed.coordinator.shardOf('g')).toBe('COORDINATOR_LOAD_IN_PROGRESS')
    expect(bed.coordinator.shards()).toBe('COORDINATOR_LOAD_IN_PROGRESS')
    bed.turn()
    expect(bed.coordinator.shardOf('g')).toBeInstanceOf(GroupCoordinatorShard)
    bed.coordinator.onLeadershipLost(offsetsTopic, 0)
    expect(bed.coordinator.shardOf('g')).toBe('NOT_COORDINATOR')
    expect(bed.clock.timerCount).toBe(0)
  })

  test('that is lost during loading loads nothing', () => {
    const bed = new Bed()
    bed.coordinator.onLeadershipGained(bed.replica)
    bed.coordinator.onLeadershipLost(offsetsTopic, 0)
    bed.turn()
    expect(bed.coordinator.shardOf('g')).toBe('NOT_COORDINATOR')
    expect(bed.clock.timerCount).toBe(0)
  })

  test('that is lost fails the pending writes', () => {
    const bed = new Bed()
    const waiting = commit(bed.lead(), 5n)
    expect(waiting.code).toBeUndefined()
    bed.coordinator.onLeadershipLost(offsetsTopic, 0)
    expect(waiting.code).toBe(errorCode('NOT_COORDINATOR'))
    bed.replica.replicate()
    expect(bed.clock.timerCount).toBe(0)
  })

  test('is taken over with all that the log has', () => {
    const bed = new Bed()
    const waiting = commit(bed.lead(), 5n)
    bed.replica.replicate()
    expect(waiting.code).toBe(0)
    expect(offsetOf(bed.lead(bed.another()))).toBe(5n)
  })

  test('restarts the sessions of members that were read from the log', () => {
    const bed = new Bed()
    const shard = bed.lead()
    const group = createGroup(shard, 'g')
    shard.log.write([memberRecord], { done: () => {} })
    bed.replica.replicate()
    expect(group.members.size).toBe(0)
    const next = bed.lead(bed.another())
    expect(next.classicGroups.get('run2327-c')?.members.size).toBe(1)
    bed.clock.advance(9_999)
    expect(next.classicGroups.get('run2327-c')?.state).toBe('Stable')
    bed.clock.advance(1)
    expect(next.classicGroups.get('run2327-c')?.state).not.toBe('Stable')
  })

  test('ends when the coordinator closes, without any timer left', () => {
    const bed = new Bed()
    bed.lead()
    bed.coordinator.close()
    expect(bed.coordinator.shardOf('g')).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(bed.clock.timerCount).toBe(0)
  })
})

/** A group of one static member with a session timeout of 10 s, as Kafka writes it. */
const memberRecord = {
  key: Buffer.from('0002000972756e323332372d63', 'hex'),
  value: Buffer.from(
    '00030008636f6e73756d657200000001000572616e676500286f6e652d37336463386533612d303334352d343031332d393266302d663764' +
      '373935386236653235000001a1fdb8f00e0000000100286f6e652d37336463386533612d303334352d343031332d393266302d66376437' +
      '393538623665323500036f6e65000477697265000a2f3132372e302e302e31000027100000271000000018000000000001000c64696666' +
      '6572656e7469616c00000000000000046d696e65',
    'hex',
  ),
}

describe('a write', () => {
  test('completes once the replicas have it', () => {
    const bed = new Bed()
    const shard = bed.lead()
    const first = commit(shard, 5n)
    const second = commit(shard, 6n)
    bed.replica.replicate(1)
    expect([first.code, second.code]).toEqual([0, undefined])
    expect(offsetOf(shard)).toBe(5n)
    bed.replica.replicate(2)
    expect(second.code).toBe(0)
    expect(offsetOf(shard)).toBe(6n)
  })

  test('that timed out takes effect when it is replicated later', () => {
    const bed = new Bed()
    const shard = bed.lead()
    const late = commit(shard, 5n)
    bed.clock.advance(5_000)
    expect(late.code).toBe(errorCode('COORDINATOR_NOT_AVAILABLE'))
    expect(offsetOf(shard)).toBe(-1n)
    bed.replica.replicate(1, true)
    bed.coordinator.shardOf('g')
    expect(offsetOf(shard)).toBe(5n)
  })

  test('that the log rejects changes nothing', () => {
    const bed = new Bed()
    const shard = bed.lead()
    bed.replica.refusal = 'NOT_ENOUGH_REPLICAS'
    expect(commit(shard, 5n).code).toBe(errorCode('COORDINATOR_NOT_AVAILABLE'))
    expect(offsetOf(shard)).toBe(-1n)
    expect(shard.offsets.latest.get('g', 't', 0)).toBeUndefined()
  })
})
