import { setTimeout as sleep } from 'node:timers/promises'
import { uniqueName } from '../../support/names.ts'
import { until } from '../../support/until.ts'
import { HandledLog, type Stored } from './handled-log.ts'
import { type Mode, OttlaReader } from './ottla-reader.ts'
import type { Commit, Reader } from './reader.ts'
import { patienceMs, type World } from './world.ts'

const sessionTimeoutMs = 30_000
const commitIntervalMs = 500
const observeEveryMs = 300
const javaPatienceMs = 10_000
/** The broker that scenarios restart. No group of theirs has its coordinator there, so that all groups see the same faults. */
export const victim = 2

/** One life of a topic. */
interface Life {
  readonly topic: string
  readonly topicId: string
  readonly fromMs: number
}

/** What one reader did in a scenario. Empty lists are as they should be. */
export interface Facts {
  readonly label: string
  /** Records it never delivered. */
  readonly missing: readonly string[]
  /** Records it delivered more than once. */
  readonly again: readonly string[]
  /** Commits above a record that was not handled then. */
  readonly above: readonly string[]
  /** Committed offsets that went down, as the coordinator had them. */
  readonly back: readonly string[]
  /** Partitions whose last commit is not the end of the log. */
  readonly short: readonly string[]
  readonly resets: readonly string[]
  readonly failure: string | undefined
  readonly fetches: number
}

/** The same topics read by Java and by ottla in each of its ways, each in a group of its own with the same settings. */
export class Scenario {
  readonly name: string
  readonly world: World
  readonly readers: Reader[] = []
  readonly #lives: Life[] = []
  readonly #stored: Stored[] = []
  readonly #observed = new Map<Reader, Commit[]>()
  #observing: Promise<void> | undefined
  #over = false

  constructor(name: string, world: World) {
    this.name = name
    this.world = world
  }

  async createTopic(base: string, assignments: readonly (readonly number[])[]): Promise<string> {
    const topic = uniqueName(base)
    await this.createAgain(topic, assignments)
    return topic
  }

  /** Creates a topic whose name was in use before. */
  async createAgain(topic: string, assignments: readonly (readonly number[])[]): Promise<void> {
    const topicId = await this.world.createTopic(topic, assignments)
    this.#lives.push({ topic, topicId, fromMs: Date.now() })
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.world.admin.deleteTopics([topic])
  }

  /** Sends these values as one batch. */
  async send(topic: string, partition: number, prefix: string, count: number): Promise<string[]> {
    const values = Array.from({ length: count }, (_, i) => `${topic}/${prefix}${i}`)
    const receipts = await this.world.producer.send(values.map((value) => ({ topic, partition, value })))
    this.#store(topic, partition, values, Number(receipts[0]?.offset))
    return values
  }

  /** Sends these values in an open transaction. The returned function ends it and returns the values that readers get. */
  async begin(topic: string, partition: number, prefix: string, count: number) {
    const values = Array.from({ length: count }, (_, i) => `${topic}/${prefix}${i}`)
    const first = await this.world.endOf(topic, partition)
    const end = await this.world.peer.begin(topic, partition, values)
    return async (how: 'commit' | 'abort'): Promise<string[]> => {
      await end(how)
      if (how === 'abort') return []
      this.#store(topic, partition, values, first)
      return values
    }
  }

  #store(topic: string, partition: number, values: readonly string[], first: number): void {
    const life = this.#lifeOf({ topic, partition, offset: 0, atMs: Date.now() })
    for (const [i, value] of values.entries()) this.#stored.push({ topic: life, partition, offset: first + i, value })
  }

  /** Java and ottla join, each reader in a new group; resolves when all have an assignment. */
  async join(topics: readonly string[], modes: readonly Mode[], rack?: string): Promise<Reader[]> {
    const { world } = this
    const groups = await Promise.all([...modes, 'java'].map((label) => world.groupNotOn(victim, `${label}-group`)))
    const java = world.peer.join(groups.at(-1) ?? '', topics, [
      `session.timeout.ms=${sessionTimeoutMs}`,
      `auto.commit.interval.ms=${commitIntervalMs}`,
      // A deleted topic would be created again by the metadata requests of Java's consumer.
      'allow.auto.create.topics=false',
      ...(rack === undefined ? [] : [`client.rack=${rack}`]),
    ])
    const ottla = modes.map((mode, i) => {
      const commit = { intervalMs: commitIntervalMs }
      return new OttlaReader(world.bootstrap, mode, {
        groupId: groups[i] ?? '',
        topics,
        sessionTimeoutMs,
        commit,
        rack,
      })
    })
    const joined = [java, ...ottla]
    this.readers.push(...joined)
    this.#observing ??= this.#observe()
    await this.each('has partitions', joined, (reader) => reader.assigned.length > 0)
    return joined
  }

  /** Waits until the condition holds for each reader. */
  async each(what: string, readers: readonly Reader[], condition: (reader: Reader) => boolean): Promise<void> {
    const late = () => readers.filter((reader) => !condition(reader)).map(({ label, failure }) => failure ?? label)
    await until(
      () => `each reader ${what}: ${late().join(', ')} not`,
      () => late().length === 0,
      patienceMs,
    )
  }

  /** Waits until ottla has delivered all these records, and then a while for Java: what it skips is a difference. */
  async delivered(values: readonly string[]): Promise<void> {
    const last = values.at(-1) ?? ''
    const all = ({ handled }: Reader) => {
      const seen = new Set(handled.map(({ value }) => value))
      return values.every((value) => seen.has(value))
    }
    await this.each(`has delivered up to ${last}`, this.#ottla, all)
    const java = this.readers.filter(({ label }) => label === 'java')
    const seesLast = ({ handled }: Reader) => handled.some(({ value }) => value === last)
    await until('Java has delivered', () => java.every(seesLast), javaPatienceMs).catch(() => {})
  }

  get #ottla(): Reader[] {
    return this.readers.filter(({ label }) => label !== 'java')
  }

  /** Each reader waits in the handler of the record with this value. Call it before the record is sent. */
  async hold(value: string): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.hold(value)))
  }

  held(): Promise<void> {
    return this.each('has the held record', this.readers, ({ holding }) => holding)
  }

  release(): void {
    for (const reader of this.readers) reader.release()
  }

  /** Waits until the coordinator has this offset for each reader of ottla. */
  async committed(topic: string, partition: number, offset: number): Promise<void> {
    await this.each(`has committed ${offset} in ${topic}-${partition}`, this.#ottla, (reader) => {
      const all = this.#observed.get(reader)?.filter((one) => one.topic === topic && one.partition === partition)
      return all?.at(-1)?.offset === offset
    })
  }

  /** Closes the readers; their commits are complete then. */
  async close(): Promise<void> {
    this.release()
    await Promise.all(this.readers.map((reader) => reader.close()))
    this.#over = true
    await this.#observing
    for (const reader of this.readers) await this.#look(reader)
  }

  async #observe(): Promise<void> {
    while (!this.#over) {
      await Promise.all(this.readers.map((reader) => this.#look(reader).catch(() => {})))
      await sleep(observeEveryMs)
    }
  }

  async #look(reader: Reader): Promise<void> {
    const found = await this.world.admin.listConsumerGroupOffsets(reader.groupId)
    const atMs = Date.now()
    const seen = this.#observed.get(reader) ?? []
    for (const { topic, partition, offset: big } of found) {
      const offset = Number(big)
      const before = seen.findLast((one) => one.topic === topic && one.partition === partition)
      if (before?.offset !== offset || this.#over) seen.push({ topic, partition, offset, atMs })
    }
    this.#observed.set(reader, seen)
  }

  /** The life of the topic that the commit is for, as a name. */
  #lifeOf({ topic, topicId, atMs }: Commit): string {
    const life = this.#lives.findLast((one) =>
      topicId === undefined ? one.topic === topic && one.fromMs <= atMs : one.topicId === topicId,
    )
    const ofName = this.#lives.filter((one) => one.topic === life?.topic)
    return `${life?.topic}@${life === undefined ? 0 : ofName.indexOf(life) + 1}`
  }

  /** What each reader did. `gone` are topics that no longer exist. */
  async facts(gone: readonly string[] = []): Promise<Facts[]> {
    const topics = [...new Set(this.#lives.map(({ topic }) => topic))].filter((topic) => !gone.includes(topic))
    const described = await this.world.admin.describeTopics(topics)
    const ends = new Map<string, number>()
    for (const { name, partitions } of described) {
      for (const { partition } of partitions) ends.set(`${name}-${partition}`, await this.world.endOf(name, partition))
    }
    return this.readers.map((reader) => this.#factsOf(reader, ends))
  }

  #factsOf(reader: Reader, ends: ReadonlyMap<string, number>): Facts {
    const { label, handled, resets, failure, fetches } = reader
    const log = new HandledLog(this.#stored, handled)
    const observed = this.#observed.get(reader) ?? []
    const counts = new Map<string, number>()
    for (const { value } of handled) counts.set(value, (counts.get(value) ?? 0) + 1)
    const above: string[] = []
    for (const commit of [...reader.commits, ...observed]) {
      const { topic, partition, offset, atMs } = commit
      const place = `${this.#lifeOf(commit)}-${partition}`
      const unhandled = log.unhandledBelow(place, offset, atMs)
      const carried = observed.includes(commit) && this.#isCarriedOver(commit, observed)
      if (unhandled && !carried) above.push(`${topic}-${partition}: ${offset} above ${unhandled.value}`)
    }
    const last = new Map(observed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]))
    const short = [...ends].filter(([place, end]) => (last.get(place) ?? 0) !== end)
    return {
      label,
      missing: log.missing().map(({ value }) => value),
      again: [...counts].filter(([, count]) => count > 1).map(([value]) => value),
      above: [...new Set(above)],
      back: this.#backIn(observed),
      short: short.map(([place, end]) => `${place}: ${last.get(place)} of ${end}`),
      resets,
      failure,
      fetches,
    }
  }

  /** The coordinator forgets the offsets of a deleted topic a moment after a new one of its name exists. */
  #isCarriedOver(commit: Commit, observed: readonly Commit[]): boolean {
    const same = observed.filter(({ topic, partition }) => topic === commit.topic && partition === commit.partition)
    const life = this.#lifeOf(commit)
    const older = same.findLast((one) => this.#lifeOf(one) !== life && one.atMs < commit.atMs)
    return older?.offset === commit.offset && same.at(-1) !== commit
  }

  #backIn(observed: readonly Commit[]): string[] {
    const found: string[] = []
    const highest = new Map<string, number>()
    for (const commit of observed) {
      if (this.#isCarriedOver(commit, observed)) continue
      const place = `${this.#lifeOf(commit)}-${commit.partition}`
      const before = highest.get(place) ?? 0
      if (commit.offset < before) found.push(`${place}: ${before} → ${commit.offset}`)
      highest.set(place, Math.max(before, commit.offset))
    }
    return found
  }
}
