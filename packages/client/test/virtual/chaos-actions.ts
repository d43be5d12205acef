import type { Consumer, TopicPartition } from '../../src/index.ts'
import type { ChaosFeature } from './chaos-plan.ts'
import type { ChaosRandom } from './chaos-random.ts'
import type { ConsumerModel } from './consumer-model.ts'

export interface ActionsHost {
  readonly name: string
  readonly consumer: Consumer
  readonly random: ChaosRandom
  readonly model: ConsumerModel
  readonly isCalm: boolean
  /** The partitions that the member has, by `placeName`. */
  readonly held: ReadonlyMap<string, TopicPartition>
  nowMs(): number
  may(feature: ChaosFeature, probability: number): boolean
  count(dimension: string): void
  note(at: TopicPartition, event: string): void
  violation(what: string, at: TopicPartition): void
  readableEnd(at: TopicPartition): number
  /** '' when it does not exist now. */
  topicId(topic: string): string
  attempt(what: string, call: () => unknown): Promise<void>
  /** The position was moved: nothing is retried from before. */
  moved(at: TopicPartition): void
}

/** What an application does besides reading: seeks, pauses and explicit commits. */
export class ChaosActions {
  readonly #host: ActionsHost
  readonly #pausedAtMs = new Map<string, number>()
  /**
   * Since their assignment without a record, a seek or a reset, with the topic's id: a new coordinator may still have been loading
   * then.
   */
  readonly #fresh = new Map<string, string>()
  readonly #sought = new Set<string>()
  /** Those whose end was sought, until it is known. */
  readonly #ends = new Set<string>()

  constructor(host: ActionsHost) {
    this.#host = host
  }

  assigned(at: TopicPartition): void {
    this.#sought.delete(placeName(at))
    this.#ends.delete(placeName(at))
    this.#fresh.set(placeName(at), this.#host.topicId(at.topic))
  }

  wasReset(at: TopicPartition): void {
    this.#fresh.delete(placeName(at))
  }

  /** Whether the application sought the partition since it was assigned. */
  isSought(at: TopicPartition): boolean {
    return this.#sought.has(placeName(at))
  }

  /** Before the model sees the record. */
  handed(at: TopicPartition, offset: bigint): void {
    const { name, model } = this.#host
    this.#ends.delete(placeName(at))
    const topicId = this.#fresh.get(placeName(at))
    this.#fresh.delete(placeName(at))
    // A record that was fetched before its topic was deleted belongs to that one.
    if (topicId === '' || topicId === this.#host.topicId(at.topic)) model.assigned(name, at)
    const pausedAtMs = this.#pausedAtMs.get(placeName(at))
    if (pausedAtMs === undefined || pausedAtMs >= this.#host.nowMs()) return
    this.#host.violation(`${name} is handed ${offset} of a paused partition`, at)
  }

  async act(): Promise<void> {
    const { consumer, random, held, may, attempt } = this.#host
    if (this.#host.isCalm) {
      this.#resumeAll()
      this.#resolveEnds()
      if (random.withProbability(0.5)) await attempt('commit()', () => consumer.commit())
    }
    if (held.size === 0) return
    const at = random.pick([...held.values()])
    if (may('seek', 0.3)) await attempt('seek', () => this.seek(at, this.#target(at)))
    if (may('pause', 0.4)) await attempt('pause', () => this.#pause(at))
    if (may('pause', 0.4)) this.#resumeAll()
    if (may('explicit commit', 0.3)) await this.#commit(at)
  }

  seek(at: TopicPartition, offset: number | 'earliest' | 'latest'): void {
    const { name, consumer, model } = this.#host
    const to = typeof offset === 'number' ? Math.min(offset, this.#host.readableEnd(at)) : offset
    consumer.seek({ ...at, offset: to })
    this.#host.count(`seek ${typeof to === 'number' ? 'to an offset' : to}`)
    this.#host.note(at, `seek ${to}`)
    this.#host.moved(at)
    this.#sought.add(placeName(at))
    this.#fresh.delete(placeName(at))
    if (to === 'latest') this.#ends.add(placeName(at))
    else this.#ends.delete(placeName(at))
    const topicId = typeof to === 'number' ? this.#host.topicId(at.topic) : ''
    model.sought(name, at, to === 'latest' ? undefined : to === 'earliest' ? 0 : to, topicId)
  }

  #target(at: TopicPartition): number | 'earliest' | 'latest' {
    const { consumer, random, may } = this.#host
    const roll = random.next()
    // Only what is read again shows what compaction left.
    if (roll < 0.2 || may('compaction', 0.5)) return 'earliest'
    if (roll < 0.35) return 'latest'
    return Math.max(0, Number(consumer.position(at) ?? 0n) - random.whole(-3, 12))
  }

  /** The end that was sought may be known, but no record comes that shows where it is. */
  #resolveEnds(): void {
    const { name, consumer, model, held } = this.#host
    for (const [place, at] of held) {
      const position = this.#ends.has(place) ? consumer.position(at) : undefined
      if (position === undefined) continue
      this.#ends.delete(place)
      model.sought(name, at, Number(position), this.#host.topicId(at.topic))
    }
  }

  #pause(at: TopicPartition): void {
    this.#host.consumer.pause([at])
    this.#host.count('pause')
    this.#host.note(at, 'paused')
    if (!this.#pausedAtMs.has(placeName(at))) this.#pausedAtMs.set(placeName(at), this.#host.nowMs())
  }

  #resumeAll(): void {
    const { consumer, held, attempt } = this.#host
    for (const name of [...this.#pausedAtMs.keys()]) {
      const at = held.get(name)
      if (at === undefined) continue
      this.#pausedAtMs.delete(name)
      this.#host.note(at, 'resumed')
      void attempt('resume', () => consumer.resume([at]))
    }
  }

  async #commit(at: TopicPartition): Promise<void> {
    const { name, consumer, random, model, attempt } = this.#host
    if (random.withProbability(0.3)) {
      this.#host.count('commit()')
      await attempt('commit()', () => consumer.commit())
      return
    }
    // It may have been given up since it was picked.
    if (!this.#host.held.has(placeName(at))) return
    const position = Number(consumer.position(at) ?? 0n)
    if (position === 0) return
    const offset = Math.max(0, position - random.whole(0, 5))
    this.#host.count('commit([…])')
    this.#host.note(at, `commit([${offset}])`)
    this.#fresh.delete(placeName(at))
    model.committedByUser(name, at, offset)
    await attempt('commit([…])', () => consumer.commit([{ ...at, offset }]))
  }
}

export function placeName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
