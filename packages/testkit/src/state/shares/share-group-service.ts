import { type ErrorName, errorCode } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import type { MetadataView } from '../metadata-view.ts'
import type { ShareConfig, ShareLimits } from './share-config.ts'
import { type Assignment, combined, noStateTopics, type ShareGroup, type StateTopic, without } from './share-group.ts'
import { applyShare, encodeShare, type ShareRecord } from './share-group-records.ts'
import type { ShareGroupShard } from './share-group-shard.ts'
import { messageOf } from './share-messages.ts'
import type { SharePersister } from './share-persister.ts'
import type { ShareKey } from './share-state-records.ts'
import { failed, type ShareFailure, type Written } from './share-state-shard.ts'

export interface ShareGroupServiceOptions {
  readonly runtime: Pick<Runtime, 'wallNow'>
  readonly persister: SharePersister
  readonly view: () => MetadataView
  readonly limits: ShareLimits
  readonly configOf: (groupId: string) => ShareConfig
  /** The group shards that this broker currently coordinates. */
  readonly shards: () => readonly ShareGroupShard[] | ErrorName
}

/** A share partition whose state is initialized or set. */
export interface StateToBe extends ShareKey {
  readonly startOffset: number
}

/** Shared by all share group operations: writing records, and the state of share partitions. */
export class ShareGroupService {
  readonly limits: ShareLimits
  readonly persister: SharePersister
  readonly #options: ShareGroupServiceOptions

  constructor(options: ShareGroupServiceOptions) {
    this.#options = options
    this.limits = options.limits
    this.persister = options.persister
  }

  get view(): MetadataView {
    return this.#options.view()
  }

  configOf(groupId: string): ShareConfig {
    return this.#options.configOf(groupId)
  }

  nowMs(): number {
    return Math.floor(this.#options.runtime.wallNow())
  }

  /** Writes changes. They take effect immediately; `done` is called when they are replicated. */
  write(shard: ShareGroupShard, records: readonly ShareRecord[], done: (failure?: ShareFailure) => void): void {
    shard.log.write(records.map(encodeShare), {
      appended: () => {
        for (const record of records) applyShare(shard.shares, record)
      },
      done: (error) => done(error && failed(writeErrorForMember(error))),
    })
  }

  /** The share group; a failure when the name is unknown or belongs to another kind of group. */
  find(shard: ShareGroupShard, groupId: string): ShareGroup | ShareFailure {
    const group = shard.shares.groups.get(groupId)
    if (group !== undefined) return group
    const message = shard.hasGroup(groupId) ? `Group ${groupId} is not a share group.` : `Group ${groupId} not found.`
    return { error: 'GROUP_ID_NOT_FOUND', message }
  }

  /** The record that marks more partitions as initializing. */
  beginInitializing(shard: ShareGroupShard, groupId: string, topics: ReadonlyMap<string, StateTopic>): ShareRecord {
    const { initializing, initialized, deleting } = shard.shares.stateTopicsOf(groupId) ?? noStateTopics
    const next = combined(initializing, topics)
    const left = new Map([...deleting].filter(([topicId]) => !next.has(topicId)))
    return { kind: 'stateTopics', groupId, value: { initializing: next, initialized, deleting: left } }
  }

  /** Initializes share partitions at their coordinators, then marks them as initialized. */
  initialize(
    shard: ShareGroupShard,
    { groupId, stateEpoch, states }: { groupId: string; stateEpoch: number; states: readonly StateToBe[] },
    done: (results: readonly { readonly key: StateToBe; readonly result: Written | ShareFailure }[]) => void,
  ): void {
    this.persister.askAll<Written, StateToBe>(
      states,
      (coordinator, key, one) => coordinator.initialize(key, { stateEpoch, startOffset: key.startOffset }, one),
      (results) => {
        const isDone = results.every(({ result }) => result.error === undefined)
        const partitions = partitionsOf(states)
        this.#initialized(shard, { groupId, isDone, partitions }, () => done(results))
      },
    )
  }

  /** A topic was deleted: removes the state of its share partitions. */
  onTopicDeleted(_topic: string, topicId: string): void {
    const shards = this.#options.shards()
    if (typeof shards === 'string') return
    for (const shard of shards) {
      for (const [groupId, topics] of [...shard.shares.stateTopics]) {
        const { initializing, initialized, deleting } = topics
        if (![initializing, initialized, deleting].some((those) => those.has(topicId))) continue
        const value = {
          initializing: butFor(initializing, topicId),
          initialized: butFor(initialized, topicId),
          deleting: butFor(deleting, topicId),
        }
        this.write(shard, [{ kind: 'stateTopics', groupId, value }], () => {})
      }
    }
  }

  close(): void {
    this.persister.close()
  }

  #initialized(
    shard: ShareGroupShard,
    { groupId, isDone, partitions }: { groupId: string; isDone: boolean; partitions: Assignment },
    done: () => void,
  ): void {
    const before = shard.shares.stateTopicsOf(groupId)
    if (shard.shares.isUnloaded || before === undefined) {
      done()
      return
    }
    const initializing = without(before.initializing, partitions)
    const nowMs = this.nowMs()
    const named = Array.from(partitions, ([topicId, those]): [string, StateTopic] => {
      const name = this.view.topicById(topicId)?.name ?? '<UNKNOWN>'
      return [topicId, { name, partitions: those, timestampMs: nowMs }]
    })
    const initialized = isDone ? combined(before.initialized, new Map(named)) : before.initialized
    const value = { ...before, initializing, initialized }
    this.write(shard, [{ kind: 'stateTopics', groupId, value }], () => done())
  }
}

export function isFailure(value: object): value is ShareFailure {
  return 'error' in value && value.error !== undefined
}

/** Kafka's error code and message for a failure; 0 and null without one. */
export function toldOf(failure: ShareFailure | undefined): { errorCode: number; errorMessage: string | null } {
  if (failure === undefined) return { errorCode: 0, errorMessage: null }
  return { errorCode: errorCode(failure.error), errorMessage: failure.message }
}

/** Error code and Kafka's default message for an error. */
export function toldPlainly(error: ErrorName): { errorCode: number; errorMessage: string } {
  return { errorCode: errorCode(error), errorMessage: messageOf(error) }
}

function partitionsOf(keys: readonly ShareKey[]): Assignment {
  const partitions = new Map<string, Set<number>>()
  for (const { topicId, partition } of keys) {
    partitions.set(topicId, (partitions.get(topicId) ?? new Set()).add(partition))
  }
  return partitions
}

function butFor<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  const left = new Map(map)
  left.delete(key)
  return left
}
