import type { MetadataView, TopicImage } from '../metadata-view.ts'

/** The metadata of topics, as a group coordinator needs it. */
export interface GroupTopics {
  topic(name: string): TopicImage | undefined
  topicById(id: string): TopicImage | undefined
  topics(): Iterable<TopicImage>
  /** The racks of a partition's replicas. */
  racks(topic: TopicImage, partition: number): readonly string[]
  /** Increases with each change of the metadata. */
  version(): number
  /** The version in which the newest topic was added. */
  versionOfNewestTopic(): number
}

export const noTopics: GroupTopics = {
  topic: () => undefined,
  topicById: () => undefined,
  topics: () => [],
  racks: () => [],
  version: () => 0,
  versionOfNewestTopic: () => 0,
}

/** The topics in a broker's metadata, with a version that counts the updates. */
export class BrokerTopics implements GroupTopics {
  readonly #view: () => MetadataView
  readonly #known = new Set<string>()
  #version = 0
  #newest = 0

  constructor(view: () => MetadataView) {
    this.#view = view
  }

  /** The broker's metadata has changed. */
  onUpdate(): void {
    this.#version++
    for (const { id } of this.#view().topics()) {
      if (this.#known.has(id)) continue
      this.#known.add(id)
      this.#newest = this.#version
    }
    for (const id of this.#known) if (this.#view().topicById(id) === undefined) this.#known.delete(id)
  }

  topic(name: string): TopicImage | undefined {
    return this.#view().topic(name)
  }

  topicById(id: string): TopicImage | undefined {
    return this.#view().topicById(id)
  }

  topics(): Iterable<TopicImage> {
    return this.#view().topics()
  }

  racks(topic: TopicImage, partition: number): readonly string[] {
    const replicas = topic.partitions[partition]?.replicas ?? []
    return replicas.flatMap((id) => this.#view().broker(id)?.rack ?? []).sort()
  }

  version(): number {
    return this.#version
  }

  versionOfNewestTopic(): number {
    return this.#newest
  }
}

/** A hash of the subscribed topics: ids, names, partition counts and racks. A new hash makes an assignment stale. */
export function metadataHash(topics: GroupTopics, names: Iterable<string>): bigint {
  const known = [...names].sort().flatMap((name) => topics.topic(name) ?? [])
  if (known.length === 0) return 0n
  let hash = 0xcbf29ce484222325n
  const take = (text: string): void => {
    for (let i = 0; i < text.length; i++) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n)
    }
  }
  for (const topic of known) {
    take(`${topic.id} ${topic.name} ${topic.partitions.length}`)
    for (const { partition } of topic.partitions) take(` ${partition}:${topics.racks(topic, partition).join(',')}`)
  }
  return BigInt.asIntN(64, hash)
}
