import type { ErrorName } from '@ottla/codec'
import { combined, noStateTopics, type StateTopic } from './share-group.ts'
import type { ShareRecord } from './share-group-records.ts'
import { isFailure, type ShareGroupService, type StateToBe } from './share-group-service.ts'
import type { ShareGroupShard } from './share-group-shard.ts'
import type { ShareKey } from './share-state-records.ts'
import { failed, type ShareFailure, type StateSummary, type Written } from './share-state-shard.ts'

export interface NamedPartitions<P> {
  readonly name: string
  readonly partitions: readonly P[]
}

/** The result for one partition of a topic. */
export interface PartitionOutcome {
  readonly partition: number
  readonly failure: ShareFailure | undefined
}

export interface TopicOutcome {
  readonly name: string
  /** Undefined: the topic does not exist. */
  readonly topicId: string | undefined
  readonly partitions: readonly PartitionOutcome[]
}

interface NewOffset {
  readonly partition: number
  readonly startOffset: number
}

/** Sets the start offsets of a group without members. */
export function alterShareOffsets(
  service: ShareGroupService,
  shard: ShareGroupShard,
  { groupId, topics }: { readonly groupId: string; readonly topics: readonly NamedPartitions<NewOffset>[] },
  done: (result: readonly TopicOutcome[] | ShareFailure) => void,
): void {
  const group = shard.shares.groups.get(groupId)
  if (group === undefined && shard.hasGroup(groupId)) {
    done({ error: 'GROUP_ID_NOT_FOUND', message: `Group ${groupId} is not a share group.` })
    return
  }
  if (group !== undefined && group.members.size > 0) {
    done(failed('NON_EMPTY_GROUP'))
    return
  }
  const nowMs = service.nowMs()
  const begun = new Map<string, StateTopic>()
  const states: StateToBe[] = []
  for (const { name, partitions } of topics) {
    const topic = service.view.topic(name)
    if (topic === undefined) continue
    const known = partitions.filter(({ partition }) => partition < topic.partitions.length)
    begun.set(topic.id, { name, partitions: new Set(known.map(({ partition }) => partition)), timestampMs: nowMs })
    for (const { partition, startOffset } of known) states.push({ groupId, topicId: topic.id, partition, startOffset })
  }
  const records: ShareRecord[] = begun.size === 0 ? [] : [service.beginInitializing(shard, groupId, begun)]
  service.write(shard, records, (failure) => {
    if (failure !== undefined) {
      done(failure)
      return
    }
    const initialization = { groupId, stateEpoch: group?.groupEpoch ?? 0, states }
    service.initialize(shard, initialization, (results) =>
      done(topics.map((topic) => outcomeOf(service, topic, results))),
    )
  })
}

function outcomeOf(
  { view }: ShareGroupService,
  { name, partitions }: NamedPartitions<NewOffset>,
  results: readonly { readonly key: StateToBe; readonly result: Written | ShareFailure }[],
): TopicOutcome {
  const topicId = view.topic(name)?.id
  const outcomes = partitions.map(({ partition }) => {
    const found = results.find(({ key }) => key.topicId === topicId && key.partition === partition)
    const failure = found === undefined ? failed('UNKNOWN_TOPIC_OR_PARTITION') : found.result
    return { partition, failure: isFailure(failure) ? failure : undefined }
  })
  return { name, topicId, partitions: outcomes }
}

export interface DeletedTopic {
  readonly name: string
  readonly topicId: string | undefined
  readonly failure: ShareFailure | undefined
}

/** Deletes the state of topics of a group without members. */
export function deleteShareOffsets(
  service: ShareGroupService,
  shard: ShareGroupShard,
  { groupId, topics }: { readonly groupId: string; readonly topics: readonly string[] },
  done: (result: readonly DeletedTopic[] | ShareFailure) => void,
): void {
  const group = service.find(shard, groupId)
  if (isFailure(group) || group.members.size > 0) {
    done(isFailure(group) ? group : failed('NON_EMPTY_GROUP'))
    return
  }
  const before = shard.shares.stateTopicsOf(groupId)
  if (before === undefined) {
    done([])
    return
  }
  const initialized = new Map(before.initialized)
  const deleting = new Map(before.deleting)
  const outcomes: DeletedTopic[] = []
  const keys: ShareKey[] = []
  for (const name of topics) {
    const topic = service.view.topic(name)
    const known = topic && initialized.get(topic.id)
    if (topic === undefined) {
      outcomes.push({ name, topicId: undefined, failure: failed('UNKNOWN_TOPIC_OR_PARTITION') })
    } else if (known !== undefined || deleting.has(topic.id)) {
      const partitions = known?.partitions ?? topic.partitions.map(({ partition }) => partition)
      for (const partition of partitions) keys.push({ groupId, topicId: topic.id, partition })
      initialized.delete(topic.id)
      deleting.set(topic.id, name)
    } else {
      const message = 'There is no offset information to delete.'
      outcomes.push({ name, topicId: undefined, failure: { error: 'UNKNOWN_TOPIC_OR_PARTITION', message } })
    }
  }
  const value = { ...before, initialized, deleting }
  service.write(shard, [{ kind: 'stateTopics', groupId, value }], (failure) => {
    if (failure !== undefined) done(failure)
    else forget(service, shard, { groupId, keys, outcomes }, done)
  })
}

function forget(
  service: ShareGroupService,
  shard: ShareGroupShard,
  {
    groupId,
    keys,
    outcomes,
  }: { readonly groupId: string; readonly keys: readonly ShareKey[]; readonly outcomes: readonly DeletedTopic[] },
  done: (result: readonly DeletedTopic[] | ShareFailure) => void,
): void {
  if (keys.length === 0) {
    done(outcomes)
    return
  }
  removeStates(service, keys, (failures) => {
    const topicIds = [...new Set(keys.map(({ topicId }) => topicId))]
    const ended = topicIds.map((topicId): DeletedTopic => {
      const failure = failures.get(topicId)
      return { name: service.view.topicById(topicId)?.name ?? '', topicId, failure: failure && failed(failure.error) }
    })
    const before = shard.shares.stateTopicsOf(groupId)
    if (before === undefined || shard.shares.isUnloaded) {
      done([...ended, ...outcomes])
      return
    }
    const deleting = new Map(
      [...before.deleting].filter(([topicId]) => failures.has(topicId) || !topicIds.includes(topicId)),
    )
    const records: ShareRecord[] = [{ kind: 'stateTopics', groupId, value: { ...before, deleting } }]
    service.write(shard, records, (failure) => done(failure ?? [...ended, ...outcomes]))
  })
}

/** Deletes a share group without members and the state of its share partitions. */
export function deleteShareGroup(
  service: ShareGroupService,
  shard: ShareGroupShard,
  groupId: string,
  done: (error: ErrorName | undefined) => void,
): void {
  const group = shard.shares.groups.get(groupId)
  if (group === undefined || group.members.size > 0) {
    done(group === undefined ? 'GROUP_ID_NOT_FOUND' : 'NON_EMPTY_GROUP')
    return
  }
  const { initialized, initializing, deleting } = shard.shares.stateTopicsOf(groupId) ?? noStateTopics
  const states = combined(initialized, initializing)
  const keys: ShareKey[] = [...states].flatMap(([topicId, { partitions }]) =>
    Array.from(partitions, (partition) => ({ groupId, topicId, partition })),
  )
  for (const topicId of deleting.keys()) {
    if (states.has(topicId)) continue
    for (const { partition } of service.view.topicById(topicId)?.partitions ?? [])
      keys.push({ groupId, topicId, partition })
  }
  const names = new Map([...deleting, ...Array.from(states, ([id, { name }]): [string, string] => [id, name])])
  const value = { initializing: new Map(), initialized: new Map(), deleting: names }
  service.write(shard, [{ kind: 'stateTopics', groupId, value }], (failure) => {
    if (failure !== undefined) {
      done(failure.error)
      return
    }
    removeStates(service, keys, (failures) => {
      const [first] = failures.values()
      if (first !== undefined || shard.shares.isUnloaded) {
        done(first?.error ?? 'NOT_COORDINATOR')
        return
      }
      const records: ShareRecord[] = [
        { kind: 'targetEpoch', groupId },
        { kind: 'stateTopics', groupId },
        { kind: 'group', groupId },
      ]
      service.write(shard, records, (error) => done(error?.error))
    })
  })
}

/** `done` receives the first failure of each topic. */
function removeStates(
  { persister }: ShareGroupService,
  keys: readonly ShareKey[],
  done: (failures: ReadonlyMap<string, ShareFailure>) => void,
): void {
  persister.askAll<Written, ShareKey>(
    keys,
    (coordinator, key, one) => coordinator.remove(key, one),
    (results) => {
      const failures = new Map<string, ShareFailure>()
      for (const { key, result } of results) if (isFailure(result)) failures.set(key.topicId, result)
      done(failures)
    },
  )
}

/** The group's state in partitions; `done` receives it in the order of the keys. */
export function readSummaries(
  { persister }: ShareGroupService,
  keys: readonly ShareKey[],
  done: (results: readonly { readonly key: ShareKey; readonly result: StateSummary | ShareFailure }[]) => void,
): void {
  persister.askAll<StateSummary, ShareKey>(keys, (coordinator, key, one) => coordinator.summary(key, one), done)
}
