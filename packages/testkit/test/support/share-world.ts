import type { WriteHandlers } from '../../src/state/coordinators/coordinator-log.ts'
import type { CoordinatorRecord } from '../../src/state/coordinators/coordinator-record.ts'
import type { Acknowledgement } from '../../src/state/shares/share-acknowledge.ts'
import type { FetchedBatch } from '../../src/state/shares/share-acquire.ts'
import type { ShareConfig } from '../../src/state/shares/share-config.ts'
import { SharePartition } from '../../src/state/shares/share-partition.ts'
import { SharePersister } from '../../src/state/shares/share-persister.ts'
import { decodeShareState } from '../../src/state/shares/share-state-records.ts'
import { ShareStateShard } from '../../src/state/shares/share-state-shard.ts'
import { SimulatedTime } from './simulation.ts'

const key = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAg', partition: 0 }

interface Member {
  readonly memberId: string
  readonly held: Set<number>
  isAlive: boolean
}

interface Holder {
  readonly memberId: string
  readonly leaderEpoch: number
  endMs: number
}

const config: ShareConfig = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  assignmentIntervalMs: 0,
  recordLockDurationMs: 1_000,
  deliveryCountLimit: 4,
  partitionMaxRecordLocks: 30,
  autoOffsetReset: 'earliest',
  readsCommitted: false,
  isRenewEnabled: true,
}

/** Tolerates rounding: the remaining time of a lock is a difference of fractions. */
const roundingMs = 0.001

/** A share partition with its members and its coordinator, the events that may happen to them, and their invariants. */
export class ShareWorld {
  readonly time: SimulatedTime
  readonly members: Member[] = []
  readonly accepted = new Set<number>()
  /** The violations of invariants. */
  readonly problems: string[] = []
  leader: SharePartition
  /** The coordinator's log rejects writes or loses responses. */
  isDisturbed = false
  deliveries = 0
  readonly #persister: SharePersister
  readonly #holders = new Map<number, Holder>()
  readonly #batches: FetchedBatch[] = []
  /** A write failed: Kafka continues after an expired lock, and the next leader does not have the change. */
  #isBehind = false
  readonly #records: CoordinatorRecord[] = []
  #coordinator: ShareStateShard | undefined
  #leaderEpoch = 0
  #firstNeeded = 0
  #startOffset = 0

  constructor(seed: number) {
    this.time = new SimulatedTime(seed)
    const { runtime } = this.time
    const shardOf = () => this.#coordinator ?? 'COORDINATOR_LOAD_IN_PROGRESS'
    this.#persister = new SharePersister({ runtime, shardOf })
    this.#coordinator = this.#newCoordinator()
    this.#coordinator.initialize(key, { stateEpoch: 1, startOffset: 0 }, () => {})
    this.leader = this.#newLeader()
  }

  get endOffset(): number {
    return (this.#batches.at(-1)?.lastOffset ?? -1) + 1
  }

  produce(count: number): void {
    const baseOffset = this.endOffset
    this.#batches.push({ baseOffset, lastOffset: baseOffset + count - 1 })
  }

  join(): void {
    this.members.push({ memberId: `m${this.members.length}`, held: new Set(), isAlive: true })
  }

  /** Its session ends: its records are released if the leader notices it. */
  leave(member: Member, isNoticed: boolean): void {
    member.isAlive = false
    for (const [offset, { memberId }] of this.#holders) {
      if (isNoticed && memberId === member.memberId) this.#holders.delete(offset)
    }
    member.held.clear()
    if (isNoticed && this.leader.isActive) this.leader.release(member.memberId, () => {})
  }

  fetch(member: Member, maxRecords: number, isRecordLimit: boolean): void {
    const { leader } = this
    if (!leader.isActive || !leader.canAcquire) return
    const fetchOffset = leader.nextFetchOffset
    const batches = this.#batches.filter(({ lastOffset }) => lastOffset >= fetchOffset).slice(0, 3)
    const wish = { memberId: member.memberId, isRecordLimit, batchSize: 4, maxRecords, fetchOffset, batches }
    for (const { firstOffset, lastOffset, deliveryCount } of leader.acquire(wish).records) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) this.#acquired(member, offset, deliveryCount)
    }
  }

  /** Acknowledges some of its records. */
  acknowledge(member: Member, type: number): void {
    const offsets = [...member.held].sort((a, b) => a - b)
    const [firstOffset] = offsets
    if (firstOffset === undefined || !this.leader.isActive) return
    let lastOffset = firstOffset
    const most = firstOffset + Math.floor(this.time.random() * 6)
    while (lastOffset < most && member.held.has(lastOffset + 1)) lastOffset++
    const ack: Acknowledgement = { firstOffset, lastOffset, types: [type] }
    const { leader } = this
    leader.acknowledge(member.memberId, [ack], (failure) => {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        if (failure === undefined && type === 1) this.accepted.add(offset)
        if (type === 4 && failure === undefined) {
          const holder = this.#holders.get(offset)
          if (holder !== undefined) holder.endMs = this.time.nowMs + config.recordLockDurationMs
        } else {
          member.held.delete(offset)
          if (failure === undefined) this.#holders.delete(offset)
        }
      }
    })
  }

  /** Another broker becomes the leader and loads the state. */
  changeLeader(): void {
    this.leader.fence()
    for (const member of this.members) member.held.clear()
    this.#leaderEpoch++
    if (this.#isBehind) this.#startOffset = 0
    this.#isBehind = false
    this.leader = this.#newLeader()
  }

  /** Another broker becomes the coordinator, after loading the log. */
  changeCoordinator(): void {
    this.#firstNeeded = this.#coordinator?.firstNeeded ?? this.#firstNeeded
    this.#coordinator = undefined
    this.time.runtime.setTimer(() => {
      this.#coordinator = this.#newCoordinator()
    }, this.time.random() * 300)
  }

  /** Lets time pass and checks the invariants after each event. */
  pass(ms: number): void {
    const endMs = this.time.nowMs + ms
    this.time.runtime.setTimer(() => {}, ms)
    while (this.time.nowMs < endMs && this.time.step()) this.check()
  }

  check(): void {
    if (!this.leader.isActive) return
    const { startOffset } = this.leader
    if (startOffset < this.#startOffset)
      this.problems.push(`The start offset moved back from ${this.#startOffset} to ${startOffset}`)
    this.#startOffset = startOffset
  }

  close(): void {
    this.leader.fence()
    this.#persister.close()
  }

  #acquired(member: Member, offset: number, deliveryCount: number): void {
    this.deliveries++
    const holder = this.#holders.get(offset)
    const isHeld =
      holder !== undefined && holder.leaderEpoch === this.#leaderEpoch && holder.endMs > this.time.nowMs + roundingMs
    if (isHeld && holder.memberId !== member.memberId) {
      this.problems.push(`Offset ${offset} is locked by ${holder.memberId}, but ${member.memberId} acquired it`)
    }
    if (deliveryCount > config.deliveryCountLimit)
      this.problems.push(`Offset ${offset} was delivered ${deliveryCount} times`)
    if (this.accepted.has(offset)) this.problems.push(`Offset ${offset} was delivered again after it was accepted`)
    const endMs = this.time.nowMs + config.recordLockDurationMs
    this.#holders.set(offset, { memberId: member.memberId, leaderEpoch: this.#leaderEpoch, endMs })
    member.held.add(offset)
  }

  #newLeader(): SharePartition {
    const { runtime } = this.time
    const leader = new SharePartition({
      ...{ key, runtime, leaderEpoch: this.#leaderEpoch, persister: this.#persister },
      config: () => config,
      firstOffset: () => 0,
    })
    // After a failure the next fetch tries again.
    leader.initialize(() => this.changeLeader())
    return leader
  }

  #newCoordinator(): ShareStateShard {
    const shard = new ShareStateShard({
      log: { write: (records, handlers) => this.#write(records, handlers) },
      view: { topicById: () => ({ partitions: [{}] }) as never },
      nowMs: () => Math.floor(this.time.runtime.wallNow()),
      updatesPerSnapshot: 5,
      endOffset: () => this.#records.length,
    })
    // Records covered by newer snapshots may have been deleted.
    const first = this.#firstNeeded
    for (const [offset, record] of this.#records.entries()) {
      const read = decodeShareState(record)
      if (read !== undefined && offset >= first) shard.replay(read, offset)
    }
    return shard
  }

  #write(records: readonly CoordinatorRecord[], { appended, done }: WriteHandlers): void {
    const roll = this.isDisturbed ? this.time.random() : 1
    if (roll < 0.05) {
      this.#isBehind = true
      done('NOT_ENOUGH_REPLICAS')
      return
    }
    this.#records.push(...records)
    appended?.()
    const lost = roll < 0.1 ? 'REQUEST_TIMED_OUT' : undefined
    this.time.runtime.setTimer(() => done(lost), this.time.random() * 40)
  }
}
