import type { ErrorName } from '@ottla/codec'
import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import type { CommittedOffset } from './committed-offsets.ts'
import { offsetRecord, offsetTombstone } from './offset-records.ts'
import type { OffsetShard } from './offset-shard.ts'

/** Changes to a group's offsets, written as one batch. Clients see them once the in-sync replicas have them. */
export class OffsetWrites {
  readonly #shard: OffsetShard
  readonly #groupId: string
  readonly #records: CoordinatorRecord[] = []
  readonly #partitions: (readonly [topic: string, partition: number])[] = []
  readonly #changes: ((table: OffsetShard['offsets']['latest']) => void)[] = []

  constructor(shard: OffsetShard, groupId: string) {
    this.#shard = shard
    this.#groupId = groupId
  }

  put(topic: string, partition: number, offset: CommittedOffset): void {
    this.#records.push(offsetRecord(this.#groupId, topic, partition, offset))
    this.#partitions.push([topic, partition])
    this.#changes.push((table) => table.put(this.#groupId, topic, partition, offset))
  }

  remove(topic: string, partition: number): void {
    this.#records.push(offsetTombstone(this.#groupId, topic, partition))
    this.#partitions.push([topic, partition])
    this.#changes.push((table) => table.remove(this.#groupId, topic, partition))
  }

  removeAll(): void {
    const { latest } = this.#shard.offsets
    for (const [topic, partitions] of latest.topics(this.#groupId)) {
      for (const partition of partitions.keys()) this.remove(topic, partition)
    }
  }

  add(record: CoordinatorRecord): void {
    this.#records.push(record)
  }

  /** Calls `done` immediately when there is nothing to write. */
  send(done: (error: ErrorName | undefined) => void, appended?: () => void): void {
    if (this.#records.length === 0) {
      done(undefined)
      return
    }
    const { offsets, log } = this.#shard
    log.write(this.#records, {
      appended: () => {
        for (const [topic, partition] of this.#partitions) offsets.supersede(this.#groupId, topic, partition)
        for (const change of this.#changes) change(offsets.latest)
        appended?.()
      },
      committed: () => {
        for (const change of this.#changes) change(offsets.committed)
      },
      done,
    })
  }
}
