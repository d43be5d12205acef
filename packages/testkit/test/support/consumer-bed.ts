import { type ConsumerGroupHeartbeat, type Encodable, type ErrorName, errorOf } from '@ottla/codec'
import type { ConsumerGroup } from '../../src/state/consumer-groups/consumer-group.ts'
import {
  type ConsumerGroupConfig,
  defaultConsumerGroupConfig,
} from '../../src/state/consumer-groups/consumer-group-config.ts'
import {
  consumerGroupHeartbeat,
  type HeartbeatBody,
  type HeartbeatResponse,
} from '../../src/state/consumer-groups/consumer-group-heartbeat.ts'
import type { CoordinatorLog, WriteHandlers } from '../../src/state/coordinators/coordinator-log.ts'
import type { CoordinatorRecord } from '../../src/state/coordinators/coordinator-record.ts'
import { defaultGroupConfig } from '../../src/state/coordinators/group-config.ts'
import type { GroupTopics } from '../../src/state/coordinators/group-topics.ts'
import { GroupCoordinatorShard } from '../../src/state/group-coordinator/group-coordinator-shard.ts'
import type { TopicImage } from '../../src/state/metadata-view.ts'
import { FakeClock } from './fake-clock.ts'

/** Topics that a test creates, extends and deletes. */
export class FakeTopics implements GroupTopics {
  readonly #topics = new Map<string, TopicImage>()
  #version = 1
  #newest = 1

  set(name: string, count: number): void {
    const known = this.#topics.get(name)
    const id = known?.id ?? Buffer.from(name.padEnd(16, '.')).toString('base64url')
    const base = { replicas: [1], isr: [1], leader: 1, leaderEpoch: 0, partitionEpoch: 0 }
    const partitions = Array.from({ length: count }, (_, partition) => ({ ...base, partition }))
    this.#topics.set(name, { name, id, isInternal: false, partitions, configs: new Map() } as TopicImage)
    this.#version++
    if (known === undefined) this.#newest = this.#version
  }

  delete(name: string): void {
    this.#topics.delete(name)
    this.#version++
  }

  topic(name: string): TopicImage | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): TopicImage | undefined {
    return [...this.#topics.values()].find((topic) => topic.id === id)
  }

  topics(): Iterable<TopicImage> {
    return this.#topics.values()
  }

  racks(): readonly string[] {
    return []
  }

  version(): number {
    return this.#version
  }

  versionOfNewestTopic(): number {
    return this.#newest
  }
}

/** A log that commits writes immediately, or rejects them. */
class InstantLog implements CoordinatorLog {
  readonly records: CoordinatorRecord[]
  refusal: ErrorName | undefined

  constructor(records: readonly CoordinatorRecord[]) {
    this.records = [...records]
  }

  write(records: readonly CoordinatorRecord[], { appended, committed, done }: WriteHandlers): void {
    if (this.refusal !== undefined && records.length > 0) {
      done(this.refusal)
      return
    }
    this.records.push(...records)
    appended?.()
    committed?.()
    done(undefined)
  }

  catchUp(): void {}
}

export type Beat = Partial<Encodable<typeof ConsumerGroupHeartbeat.request>>

export interface ConsumerBedOptions {
  readonly clock?: FakeClock
  readonly topics?: FakeTopics
  readonly records?: readonly CoordinatorRecord[]
  readonly config?: Partial<ConsumerGroupConfig>
}

/** A shard with consumer groups on a fake clock, and short methods for heartbeats. */
export class ConsumerBed {
  readonly clock: FakeClock
  readonly topics: FakeTopics
  readonly log: InstantLog
  readonly shard: GroupCoordinatorShard
  readonly #options: ConsumerBedOptions

  constructor(options: ConsumerBedOptions = {}) {
    this.#options = options
    this.clock = options.clock ?? new FakeClock()
    this.topics = options.topics ?? new FakeTopics()
    this.log = new InstantLog(options.records ?? [])
    const config = { ...defaultConsumerGroupConfig, ...options.config }
    this.shard = new GroupCoordinatorShard({
      runtime: this.clock,
      log: this.log,
      config: defaultGroupConfig,
      topics: this.topics,
      consumerConfig: () => config,
    })
    for (const record of options.records ?? []) this.shard.replayRecord(record)
  }

  get group(): ConsumerGroup {
    const group = this.shard.consumerGroups.get('g')
    if (group === undefined) throw new Error('No group')
    return group
  }

  beat(body: Beat, apiVersion = 1): HeartbeatResponse & { readonly error: ErrorName } {
    const whole = {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...body,
    } as HeartbeatBody
    let response: HeartbeatResponse | undefined
    const client = { clientId: 'c', clientHost: '/127.0.0.1', apiVersion }
    consumerGroupHeartbeat(this.shard, whole, client, (result) => {
      response = result
    })
    if (response === undefined) throw new Error('No response')
    return { ...response, error: errorOf(response.errorCode).name }
  }

  join(memberId: string, more: Beat = {}) {
    const join = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['t'], topicPartitions: [] }
    return this.beat({ memberId, memberEpoch: 0, ...join, ...more })
  }

  /** A new coordinator: it loads the log and restarts the members' timeouts. */
  failover(): ConsumerBed {
    const records = this.log.records
    this.shard.unload()
    const next = new ConsumerBed({ ...this.#options, clock: this.clock, topics: this.topics, records })
    next.shard.startSessions()
    return next
  }
}
