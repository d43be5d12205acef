import type { Decoded, StreamsGroupTopologyValue } from '@ottla/codec'
import { GroupError } from '../coordinators/group-error.ts'
import type { GroupTopics } from '../coordinators/group-topics.ts'
import { stringsInHashOrder } from '../java-order.ts'

export type StreamsTopology = Decoded<typeof StreamsGroupTopologyValue>
export type Subtopology = StreamsTopology['subtopologies'][number]

type TopicInfo = Subtopology['stateChangelogTopics'][number]

export const statusCodes = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
} as const

export interface Status {
  readonly statusCode: number
  readonly statusDetail: string
}

/** A repartition or changelog topic of the group, with its required partition count. */
export interface InternalTopic extends TopicInfo {
  readonly partitions: number
}

export interface ConfiguredSubtopology {
  readonly subtopologyId: string
  readonly taskCount: number
  readonly sourceTopics: readonly string[]
  readonly repartitionSinkTopics: readonly string[]
  readonly repartitionSourceTopics: readonly InternalTopic[]
  readonly stateChangelogTopics: readonly InternalTopic[]
}

/** A topology resolved against the existing topics. With a problem it is not ready. */
export interface ConfiguredTopology {
  readonly epoch: number
  /** Ordered by id; undefined when they cannot be resolved. */
  readonly subtopologies: readonly ConfiguredSubtopology[] | undefined
  readonly missingTopics: readonly InternalTopic[]
  readonly problem: Status | undefined
}

class TopicProblem extends Error {
  readonly status: Status

  constructor(code: keyof typeof statusCodes, detail: string) {
    super(detail)
    this.status = { statusCode: statusCodes[code], statusDetail: detail }
  }
}

export function configureTopology(topology: StreamsTopology, topics: GroupTopics): ConfiguredTopology {
  const { epoch } = topology
  try {
    throwIfSourcesMissing(topology, topics)
    const counts = new PartitionCounts(topology, topics)
    const subtopologies = topology.subtopologies
      .map((subtopology) => configured(subtopology, counts))
      .sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1))
    const missingTopics = missing(subtopologies, topics)
    const names = summary(stringsInHashOrder(missingTopics.map(({ name }) => name)))
    const problem =
      missingTopics.length === 0
        ? undefined
        : new TopicProblem('MISSING_INTERNAL_TOPICS', `Internal topics are missing: ${names}`).status
    return { epoch, subtopologies, missingTopics, problem }
  } catch (error) {
    if (!(error instanceof TopicProblem)) throw error
    return { epoch, subtopologies: undefined, missingTopics: [], problem: error.status }
  }
}

function summary(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} additional topics` : ''
  return names.slice(0, 3).join(', ') + more
}

function throwIfSourcesMissing(topology: StreamsTopology, topics: GroupTopics): void {
  const sources = topology.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
  const missing = [...new Set(sources)].filter((name) => topics.topic(name) === undefined).sort()
  if (missing.length === 0) return
  throw new TopicProblem('MISSING_SOURCE_TOPICS', `Source topics ${summary(missing)} are missing.`)
}

/** The partition counts: of existing topics, and the required ones of internal topics. */
class PartitionCounts {
  readonly #topology: StreamsTopology
  readonly #topics: GroupTopics
  readonly #decided = new Map<string, number>()

  constructor(topology: StreamsTopology, topics: GroupTopics) {
    this.#topology = topology
    this.#topics = topics
    this.#decideRepartition()
    for (const subtopology of topology.subtopologies) {
      for (const { sourceTopics, repartitionSourceTopics } of subtopology.copartitionGroups) {
        const names = [
          ...sourceTopics.map((at) => subtopology.sourceTopics[at] ?? ''),
          ...repartitionSourceTopics.map((at) => subtopology.repartitionSourceTopics[at]?.name ?? ''),
        ]
        this.#copartition(new Set(names))
      }
    }
    for (const subtopology of topology.subtopologies) {
      const count = this.taskCount(subtopology)
      for (const { name } of subtopology.stateChangelogTopics) this.#decided.set(name, count)
    }
  }

  of(topic: string): number | undefined {
    return this.#topics.topic(topic)?.partitions.length ?? this.#decided.get(topic)
  }

  /** The required count of an internal topic. */
  decided({ name, partitions }: TopicInfo): number {
    return partitions === 0 ? (this.#decided.get(name) ?? 0) : partitions
  }

  taskCount({ sourceTopics, repartitionSourceTopics, subtopologyId }: Subtopology): number {
    const names = [...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)]
    if (names.length === 0) {
      throw new GroupError('STREAMS_INVALID_TOPOLOGY', `No source topics found for subtopology ${subtopologyId}`)
    }
    return Math.max(...names.map((name) => this.of(name) ?? 0))
  }

  /** A repartition topic gets the largest partition count of its upstream topics. */
  #decideRepartition(): void {
    const { subtopologies } = this.#topology
    const counts = new Map<string, number>()
    for (const { name, partitions } of subtopologies.flatMap((each) => each.repartitionSourceTopics)) {
      if (partitions !== 0) counts.set(name, partitions)
    }
    for (let isOpen = true; isOpen; ) {
      isOpen = false
      let hasMoved = false
      for (const { sourceTopics, repartitionSourceTopics, repartitionSinkTopics } of subtopologies) {
        for (const sink of repartitionSinkTopics.filter((name) => !counts.has(name))) {
          const known = [
            ...repartitionSourceTopics.flatMap(({ name }) => counts.get(name) ?? []),
            ...sourceTopics.flatMap((name) => this.of(name) ?? []),
          ]
          if (known.length === 0) isOpen = true
          else {
            counts.set(sink, Math.max(...known))
            hasMoved = true
          }
        }
      }
      if (isOpen && !hasMoved) throw invalid('There may be loops in the topology that cannot be resolved.', '.')
    }
    const unknown = subtopologies.flatMap((each) => each.repartitionSourceTopics).some(({ name }) => !counts.has(name))
    if (unknown) throw invalid('because a repartition source topic is never used as a sink topic.', ',')
    for (const [name, count] of counts) this.#decided.set(name, count)
  }

  #copartition(names: ReadonlySet<string>): void {
    if (names.size === 0) return
    const infos = this.#topology.subtopologies.flatMap((each) => each.repartitionSourceTopics)
    const fixed = new Set(infos.filter(({ partitions }) => partitions !== 0).map(({ name }) => name))
    const internal = [...names].filter((name) => infos.some((info) => info.name === name))
    const external = [...names].filter((name) => !internal.includes(name))
    const count = external.length > 0 ? this.#same(external) : this.#ofInternal(internal, fixed)
    for (const name of internal) {
      if (fixed.has(name) && this.of(name) !== count) {
        throw new TopicProblem(
          'INCORRECTLY_PARTITIONED_TOPICS',
          `Number of partitions [${this.of(name)}] of repartition topic [${name}] doesn't match number of partitions ` +
            `[${count}] of the source topic.`,
        )
      }
      this.#decided.set(name, count)
    }
  }

  #ofInternal(internal: readonly string[], fixed: ReadonlySet<string>): number {
    if (fixed.size > 0) return this.#same([...fixed], internal)
    return Math.max(...internal.map((name) => this.of(name) ?? 0))
  }

  #same(names: readonly string[], reported: readonly string[] = names): number {
    const count = this.of(names[0] ?? '') ?? 0
    if (names.every((name) => this.of(name) === count)) return count
    const listed = [...reported].sort().map((name) => `${name}=${this.of(name)}`)
    throw new TopicProblem(
      'INCORRECTLY_PARTITIONED_TOPICS',
      `Following topics do not have the same number of partitions: [{${listed.join(', ')}}]`,
    )
  }
}

function invalid(because: string, separator: string): GroupError {
  const what = 'Failed to compute number of partitions for all repartition topics'
  return new GroupError('STREAMS_INVALID_TOPOLOGY', `${what}${separator} ${because}`)
}

function configured(subtopology: Subtopology, counts: PartitionCounts): ConfiguredSubtopology {
  const internal = (info: TopicInfo): InternalTopic => ({ ...info, partitions: counts.decided(info) })
  return {
    subtopologyId: subtopology.subtopologyId,
    taskCount: counts.taskCount(subtopology),
    sourceTopics: subtopology.sourceTopics,
    repartitionSinkTopics: subtopology.repartitionSinkTopics,
    repartitionSourceTopics: subtopology.repartitionSourceTopics.map(internal),
    stateChangelogTopics: subtopology.stateChangelogTopics.map(internal),
  }
}

function missing(subtopologies: readonly ConfiguredSubtopology[], topics: GroupTopics): InternalTopic[] {
  const wanted = new Map<string, InternalTopic>()
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies) {
    for (const topic of [...repartitionSourceTopics, ...stateChangelogTopics]) wanted.set(topic.name, topic)
  }
  return [...wanted.values()].filter(({ name, partitions }) => {
    const found = topics.topic(name)?.partitions.length
    if (found !== undefined && found !== partitions) {
      throw new TopicProblem(
        'INCORRECTLY_PARTITIONED_TOPICS',
        `Existing topic ${name} has different number of partitions: expected ${partitions}, found ${found}`,
      )
    }
    return found === undefined
  })
}

/** The topics that a topology requires. */
export function requiredTopics(topology: StreamsTopology): Set<string> {
  return new Set(
    topology.subtopologies.flatMap(({ sourceTopics, repartitionSourceTopics, stateChangelogTopics }) => [
      ...sourceTopics,
      ...[...repartitionSourceTopics, ...stateChangelogTopics].map(({ name }) => name),
    ]),
  )
}
