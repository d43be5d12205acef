import type { ErrorName } from '@ottla/codec'
import { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import type { ConsumerGroupChange } from '../consumer-groups/consumer-group-records.ts'
import type { GroupRecord } from '../coordinators/coordinator-record.ts'
import { applyStreamsGroupChange, type StreamsGroupChange } from '../streams-groups/streams-group-records.ts'
import type { GroupShard } from './group-shard.ts'

/** What one request changes: records of one batch, and what they do once the log has them. */
export class GroupOperation {
  readonly #shard: GroupShard
  readonly #records: GroupRecord[] = []
  readonly #effects: (() => void)[] = []

  constructor(shard: GroupShard) {
    this.#shard = shard
  }

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  add(...changes: readonly ConsumerGroupChange[]): void {
    for (const change of changes) this.addRecord(change.record, () => applyConsumerGroupChange(this.#shard, change))
  }

  addStreams(...changes: readonly StreamsGroupChange[]): void {
    for (const change of changes) this.addRecord(change.record, () => applyStreamsGroupChange(this.#shard, change))
  }

  addRecord(record: GroupRecord, effect?: () => void): void {
    this.#records.push(record)
    if (effect !== undefined) this.#effects.push(effect)
  }

  /** Takes effect when the log has it, and is done when the in-sync replicas have; without records, when those before have. */
  write(done: (error: ErrorName | undefined) => void): void {
    const appended = (): void => {
      for (const effect of this.#effects) effect()
    }
    this.#shard.log.write(this.#records, { appended, done })
  }
}

export function applyConsumerGroupChange(shard: GroupShard, change: ConsumerGroupChange): void {
  const { groupId } = change
  if (change.endsGroup) {
    shard.consumerGroups.delete(groupId)
    return
  }
  const known = shard.consumerGroups.get(groupId)
  if (known === undefined && !change.makesGroup) return
  const group = known ?? new ConsumerGroup(groupId)
  if (known === undefined) {
    shard.consumerGroups.set(groupId, group)
    // Offsets that were read before made a group of their own.
    shard.groups.delete(groupId)
  }
  change.apply(group)
}
