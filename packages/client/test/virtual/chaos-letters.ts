import type { RunOptions } from '../../src/index.ts'
import type { ChaosLogs } from './chaos-logs.ts'
import type { LettersPlan, ReaderKind } from './chaos-plan.ts'

/** The topics to which failed records go; the members do not subscribe to them. */
const deadTopic = 'dead'
export const retryTopic = 'again'
const retryDelayMs = 2_000
/** Shorter than what a handler may take. */
const timeoutMs = 8_000

export function letterTopics(letters: LettersPlan): string[] {
  if (letters === 'none') return []
  return letters === 'dead' ? [deadTopic] : [deadTopic, retryTopic]
}

/** What a run does with records whose attempts have all failed. */
export function letterOptions(letters: LettersPlan, kind: ReaderKind): Pick<RunOptions, 'deadLetter' | 'retryTopics'> {
  if (letters === 'none') return {}
  const deadLetter = { topic: deadTopic, timeoutMs }
  if (letters === 'dead' || kind !== 'each') return { deadLetter }
  return { deadLetter, retryTopics: [{ topic: retryTopic, delayMs: retryDelayMs }] }
}

/** The values that the logs of these topics have: what was stored there counts as processed. */
export class ChaosLetters {
  readonly #logs: ChaosLogs
  readonly #topics: readonly string[]
  readonly #count: (dimension: string) => void
  readonly #found = new Map<string, Set<string>>()
  readonly #readTo = new Map<string, number>()

  constructor(logs: ChaosLogs, letters: LettersPlan, count: (dimension: string) => void) {
    this.#count = count
    this.#logs = logs
    this.#topics = letterTopics(letters)
  }

  /** Whether the record waits for its next attempt, or is a dead letter. */
  has(value: string): boolean {
    return this.#topics.some((topic) => this.#valuesOf(topic).has(value))
  }

  isDead(value: string): boolean {
    return this.#topics.includes(deadTopic) && this.#valuesOf(deadTopic).has(value)
  }

  #valuesOf(topic: string): ReadonlySet<string> {
    const values = this.#found.get(topic) ?? new Set()
    this.#found.set(topic, values)
    const id = this.#logs.idOf(topic)
    if (id === undefined) return values
    for (let partition = 0; partition < this.#logs.partitionCount(topic); partition++) {
      const name = `${topic}/${partition}`
      const from = this.#readTo.get(name) ?? 0
      for (const { offset, value } of this.#logs.due({ id, partition }, from, Number.POSITIVE_INFINITY, true)) {
        values.add(value)
        this.#count(topic === deadTopic ? 'dead letter' : 'stored for a retry')
        this.#readTo.set(name, offset + 1)
      }
    }
    return values
  }
}
