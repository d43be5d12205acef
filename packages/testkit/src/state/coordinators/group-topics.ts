import type { MetadataView, TopicImage } from '../metadata-view.ts'

/** What a coordinator knows of the topics that its groups read. */
export interface GroupTopics {
  topic(name: string): TopicImage | undefined
  topicById(id: string): TopicImage | undefined
  topics(): Iterable<TopicImage>
  /** The racks of a partition's replicas. */
  racks(topic: TopicImage, partition: number): readonly string[]
  /** Grows with each change of the metadata. */
  version(): number
  /** The version that brought the newest topic. */
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

/** The topics as a broker knows them, with a count of what it learned. */
export class BrokerTopics implements GroupTopics {
  readonly #view: () => MetadataView
  readonly #known = new Set<string>()
  #version = 0
  #newest = 0

  constructor(view: () => MetadataView) {
    this.#view = view
  }

  /** News was read. */
  learned(): void {
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

/** What of the topics matters to a group, as one number: another one means that the assignment may be stale. */
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
