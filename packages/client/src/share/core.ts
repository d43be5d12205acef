import type { Cluster } from '../cluster/cluster.ts'
import { CoordinatorConnection } from '../cluster/coordinator-connection.ts'
import type { OwnConnections } from '../cluster/own-connections.ts'
import { Lifecycle } from '../consumer/lifecycle.ts'
import { MissingTopics } from '../consumer/missing-topics.ts'
import { Subscription } from '../consumer/subscription.ts'
import { Emitter } from '../emitter.ts'
import type { KafkaError } from '../errors.ts'
import type { DisconnectedEvent } from '../events.ts'
import { newMemberId } from '../group/member-identity.ts'
import { errorFields } from '../logger.ts'
import { WakeUp } from '../runtime/wait.ts'
import type { AckKind } from './acknowledgement.ts'
import { createIntake } from './create-intake.ts'
import { decoderOf } from './decoder.ts'
import type { ShareConsumerEvents, ShareRecordPlace } from './events.ts'
import { HeldRecord } from './held-record.ts'
import { Inbox } from './inbox.ts'
import type { JobActions } from './job.ts'
import { Locks } from './locks.ts'
import type { ResolvedShareOptions } from './options.ts'
import { Reading } from './reading.ts'
import { Room } from './room.ts'
import { ShareMembership } from './share-membership.ts'
import { SharePartition } from './share-partition.ts'
import { canRenew } from './share-requests.ts'
import { ShareSource } from './share-source.ts'

/** The kind of the connections to leaders. */
const fetching = 'share-fetch'

/** The share of the time for closing that records in hand may use: the rest is for the last requests. */
const graceShare = 0.5

/** The parts of one share consumer, connected; and how they start, fail and close together. `ShareConsumer` is the public API. */
export class ShareCore {
  readonly cluster: Cluster
  readonly options: ResolvedShareOptions
  readonly memberId: string
  readonly lifecycle = new Lifecycle()
  readonly events: ShareConsumerEvents
  readonly locks: Locks
  readonly reading: Reading
  readonly source: ShareSource
  readonly membership: ShareMembership
  readonly #connections: OwnConnections
  readonly #subscription: Subscription
  readonly #missing: MissingTopics
  readonly #inbox = new Inbox()
  readonly #freed = new WakeUp()
  #releases: (() => void)[] = []

  constructor(cluster: Cluster, options: ResolvedShareOptions) {
    const { runtime, logger } = cluster
    this.cluster = cluster
    this.options = options
    this.memberId = newMemberId(runtime)
    this.events = new Emitter(logger)
    this.#connections = cluster.ownConnections()
    this.#subscription = new Subscription(cluster, options.topics)
    this.#missing = new MissingTopics(cluster, this.#subscription)
    this.locks = this.#createLocks()
    this.reading = this.#createReading()
    this.source = this.#createSource()
    this.membership = this.#createMembership()
  }

  /** What jobs call. */
  get actions(): JobActions {
    return {
      acknowledge: (record, kind) => this.locks.acknowledge(record, kind),
      renew: (record) => this.locks.renew(record),
      settle: (record, kind) => this.locks.settle(record, kind),
    }
  }

  /** Joins the group. Called by each reader, and by `ready`. Throws when the consumer failed or is closed. */
  start(): void {
    if (!this.lifecycle.run()) return
    const { metrics, events } = this.cluster
    const purpose = this.#connections.purpose(fetching)
    const onDisconnected = (event: DisconnectedEvent) => {
      if (event.purpose === purpose) this.source.disconnected(event.broker.id)
    }
    events.on('disconnected', onDisconnected)
    this.#releases = [
      () => events.off('disconnected', onDisconnected),
      this.cluster.onMetadata(() => {
        this.#missing.look()
        this.membership.metadataChanged()
        this.source.update()
      }),
      metrics.gauge('share.acquired', () => this.locks.size),
      metrics.gauge('share.partitions', () => this.source.size),
      metrics.health(() => ({ kind: 'share consumer', name: this.options.groupId, ...this.#health() })),
    ]
    this.membership.start()
  }

  fail(error: KafkaError): void {
    if (!this.lifecycle.fail(error)) return
    this.cluster.logger.error('the share consumer stopped', { error: error.message })
    this.locks.lose(() => true, { code: error.code, why: 'the consumer failed', cause: error })
    this.source.close()
    this.membership.stop(error)
    this.#stopTopics()
    this.reading.wake()
  }

  /** Gives back what is not processed within its grace. Bounded, whatever handlers and brokers do. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    const { runtime } = this.cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    const before = this.lifecycle.close(timeoutMs)
    this.reading.wake()
    if (before === 'running' && this.lifecycle.fatal === undefined) {
      this.locks.releaseAll(({ handedAtMs }) => handedAtMs === undefined)
      await this.#handsEmpty(runtime.monoNow() + Math.min(this.options.closeGraceMs, timeoutMs * graceShare))
      this.locks.abortAll()
      await this.source.finish(Math.max(1, (deadlineMs - runtime.monoNow()) * graceShare))
    }
    this.locks.abortAll()
    this.locks.stop()
    this.source.close()
    this.lifecycle.stopRequests()
    await this.membership.leave(Math.max(1, deadlineMs - runtime.monoNow()))
    for (const release of this.#releases.splice(0)) release()
    this.#stopTopics()
    this.#connections.close()
    this.lifecycle.closed()
    this.reading.wake()
    this.events.emit('closed')
    this.events.removeAll()
  }

  // ---- parts

  #createLocks(): Locks {
    const { runtime, metrics } = this.cluster
    const counters = {
      accept: metrics.counter('share.accepted'),
      release: metrics.counter('share.released'),
      reject: metrics.counter('share.rejected'),
    }
    const lostLocks = metrics.counter('share.lostLocks')
    return new Locks(runtime, {
      send: (brokerId, ack) => this.source.loop(brokerId).send(ack),
      atHalfTime: (record, nowMs) => this.reading.reader?.atHalfTime(record, nowMs) ?? 'release',
      canRenew: (brokerId) => canRenew(this.cluster.broker(brokerId)),
      onLost: (record, error) => {
        lostLocks.add(1)
        this.events.emit('lockLost', { ...placeOf(record), error })
      },
      onSettled: (record, kind, error) => this.#settled(record, kind, error, counters[kind]),
      onFreed: () => {
        this.source.wake()
        this.#freed.wake()
      },
    })
  }

  #settled(record: HeldRecord, type: AckKind, error: KafkaError | undefined, counter: { add(n: number): void }): void {
    if (error === undefined) {
      counter.add(1)
      return
    }
    const { topic, partition, offset } = placeOf(record)
    this.cluster.logger.debug('an acknowledgement failed', { topic, partition, offset, type, error: error.message })
    this.events.emit('acknowledgeFailed', { ...placeOf(record), type, error })
  }

  #createReading(): Reading {
    const { lifecycle } = this
    const { runtime, metrics } = this.cluster
    const records = metrics.counter('share.records')
    return new Reading({
      inbox: this.#inbox,
      get fatal() {
        return lifecycle.fatal
      },
      get isOpen() {
        return lifecycle.isRunning
      },
      nowMs: () => runtime.monoNow(),
      start: () => this.start(),
      changed: () => this.source.wake(),
      handedOut: () => records.add(1),
    })
  }

  get #limit(): number {
    const { reader } = this.reading
    return reader === undefined ? 0 : (this.options.maxAcquired ?? reader.concurrency * 2)
  }

  #createSource(): ShareSource {
    const { cluster, options, lifecycle, locks, events } = this
    const { minBytes, maxBytes } = options
    const intake = createIntake(
      { cluster, options, events, sendTo: (id, ack) => this.source.loop(id).send(ack) },
      (data) => {
        const record = new HeldRecord(data)
        locks.add(record)
        if (lifecycle.isRunning) this.#inbox.add(record)
        else locks.settle(record, 'release')
      },
    )
    const core = this
    return new ShareSource({
      ...{ cluster, options, limits: { minBytes, maxBytes }, purpose: this.#connections.purpose(fetching) },
      member: { groupId: options.groupId, memberId: this.memberId },
      room: new Room(
        () => this.#limit,
        () => locks.size,
      ),
      get isReading() {
        return core.reading.reader !== undefined && lifecycle.isRunning
      },
      get limit() {
        return core.#limit
      },
      create: (place) =>
        new SharePartition(place, lifecycle.ended, decoderOf(cluster, options, lifecycle.ended, place)),
      accept: (data, acquisition) => intake.read(data, acquisition),
      lost: (brokerId, place, reason) =>
        locks.lose((record) => record.brokerId === brokerId && isIn(record, place), reason),
      onAssigned: (added, revoked) => this.#assigned(added, revoked),
      onObstructed: ({ topic, partition }, error) =>
        cluster.logger.warn('a partition of a share group cannot be read', { topic, partition, ...errorFields(error) }),
      fatal: (error) => this.fail(error.with({ fatal: true })),
    })
  }

  #assigned(added: readonly SharePartition[], revoked: readonly SharePartition[]): void {
    // Without a topic to read, the empty assignment stays.
    if (this.source.size > 0 || this.#subscription.missing().length > 0) this.lifecycle.assigned()
    const { memberId } = this
    const { groupId } = this.options
    const assigned = [...this.source.partitions]
    const place = ({ topic, partition }: SharePartition) => ({ topic, partition })
    this.events.emit('rebalanced', {
      ...{ groupId, memberId, assigned: assigned.map(place) },
      ...{ added: added.map(place), revoked: revoked.map(place) },
    })
  }

  #createMembership(): ShareMembership {
    const { groupId, rack } = this.options
    const connection = new CoordinatorConnection(this.#connections.purpose('coordinator'))
    return new ShareMembership(
      this.cluster,
      { groupId, memberId: this.memberId, rack, connection },
      {
        subscribedTopics: async (signal) => {
          const names = await this.#subscription.topics(signal)
          this.#missing.look()
          return names
        },
        knownSubscription: () => this.#subscription.known(),
        assign: (assignment) => this.source.assign(assignment),
        onFatal: (error) => this.fail(error),
      },
    )
  }

  // ---- the end

  /** Waits until the application has no record in hand. */
  async #handsEmpty(deadlineMs: number): Promise<void> {
    const { runtime } = this.cluster
    const timer = runtime.setTimer(() => this.#freed.wake(), Math.max(0, deadlineMs - runtime.monoNow()))
    while (this.locks.inHand > 0 && runtime.monoNow() < deadlineMs) await this.#freed.wait()
    runtime.clearTimer(timer)
  }

  #stopTopics(): void {
    this.#subscription.close()
    this.#missing.stop()
  }

  #health(): { healthy: boolean; details: Record<string, string | number | boolean> } {
    const { fatal } = this.lifecycle
    const failing = this.membership.failingMs >= groupTroubleMs ? 'no heartbeat reaches the group' : undefined
    const reason = fatal?.message ?? failing
    return {
      healthy: reason === undefined,
      details: {
        ...{ state: this.membership.isMember ? 'stable' : this.lifecycle.state, partitions: this.source.size },
        ...{ acquired: this.locks.size, ...(reason !== undefined && { reason }) },
      },
    }
  }
}

/** The group does not respond for longer than this: trouble. */
const groupTroubleMs = 60_000

export function placeOf({ partition: place, offset, deliveryCount }: HeldRecord): ShareRecordPlace {
  const { topic, partition } = place
  return { topic, partition, offset: BigInt(offset), deliveryCount }
}

/** Whether a record is of a partition; undefined: of any. */
function isIn({ partition: { topicId, partition } }: HeldRecord, place: SharePartition | undefined): boolean {
  return place === undefined || (place.topicId === topicId && place.partition === partition)
}
