import type { TopicPartition } from '../../cluster/topology.ts'

/** Values by topic and partition, without composed keys. A partition may be any number: another member assigns it. */
export class PartitionMap<T extends TopicPartition> {
  readonly #byTopic = new Map<string, Map<number, T>>()
  readonly all = new Set<T>()

  get size(): number {
    return this.all.size
  }

  get({ topic, partition }: TopicPartition): T | undefined {
    return this.#byTopic.get(topic)?.get(partition)
  }

  /** Replaces a value of the same topic and partition. */
  set(value: T): void {
    let ofTopic = this.#byTopic.get(value.topic)
    if (ofTopic === undefined) {
      ofTopic = new Map()
      this.#byTopic.set(value.topic, ofTopic)
    }
    const before = ofTopic.get(value.partition)
    if (before !== undefined) this.all.delete(before)
    ofTopic.set(value.partition, value)
    this.all.add(value)
  }

  /** Removes the value of this place; returns it. */
  delete({ topic, partition }: TopicPartition): T | undefined {
    const ofTopic = this.#byTopic.get(topic)
    const value = ofTopic?.get(partition)
    if (ofTopic === undefined || value === undefined) return undefined
    ofTopic.delete(partition)
    if (ofTopic.size === 0) this.#byTopic.delete(topic)
    this.all.delete(value)
    return value
  }
}
