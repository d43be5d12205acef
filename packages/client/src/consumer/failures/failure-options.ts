import { optionError } from '../../errors.ts'
import { checkNames, milliseconds } from '../../option-table.ts'
import type { FailedRecord } from './failure.ts'
import type { FailureHeaderFormat } from './failure-headers.ts'
import { isTopicName } from './original.ts'
import type { RecordSender } from './record-sender.ts'

/** Where a dead letter is sent: a topic, or a topic and one of its partitions. */
export type DeadLetterTarget = string | { readonly topic: string; readonly partition?: number | undefined }

/** Where records go whose handler has failed for good. */
export interface DeadLetterOptions {
  /** The topic, which must exist; or a function that returns it, with or without a partition. Default partition: by the key. */
  readonly topic: string | ((failed: FailedRecord) => DeadLetterTarget)
  /**
   * A producer of yours, which must wait for acknowledgements. Default: one that the consumer creates when it sends the first record,
   * with the default options, and closes with itself.
   */
  readonly producer?: RecordSender | undefined
  /** How headers describe the failure. The headers of the record itself are kept. Default 'ottla'. */
  readonly headers?: FailureHeaderFormat | undefined
  /** Longest time until the acknowledgement, in ms. After it the handler counts as failed. Default 60 000. */
  readonly timeoutMs?: number | undefined
}

/** A topic in which failed records wait for their next attempts. */
export interface RetryTopic {
  /** It must exist, and have at least as long a retention as `delayMs`. */
  readonly topic: string
  /** How long a record waits in it. */
  readonly delayMs: number
  /** The group of its consumers. Default: the group of the consumer and the topic, `billing-orders.retry-1m`. */
  readonly groupId?: string | undefined
}

export interface ResolvedDeadLetter {
  readonly topic: DeadLetterOptions['topic']
  readonly producer: RecordSender | undefined
  readonly headers: FailureHeaderFormat
  readonly timeoutMs: number
}

export interface FailureOptions {
  readonly deadLetter: ResolvedDeadLetter | undefined
  readonly retryTopics: readonly RetryTopic[]
}

const formats: readonly unknown[] = ['ottla', 'spring', 'connect']
const names = ['topic', 'producer', 'headers', 'timeoutMs']
const timeout = milliseconds(60_000, 1)
const delay = milliseconds(0, 1)

/** Validates a dead letter; throws INVALID_OPTION. `prefix` precedes the names: 'deadLetter.'. */
export function resolveDeadLetter(given: DeadLetterOptions, owner: string, prefix: string): ResolvedDeadLetter {
  if (typeof given !== 'object' || given === null) {
    throw optionError(prefix.slice(0, -1), owner, 'must be an object: { topic }')
  }
  checkNames(owner, names, given, prefix)
  const { topic, producer, headers = 'ottla', timeoutMs = timeout.default } = given
  if (typeof topic !== 'function' && !isTopicName(topic)) {
    throw optionError(`${prefix}topic`, owner, 'must be the name of a topic, or a function that returns it')
  }
  if (producer !== undefined && typeof producer?.send !== 'function') {
    throw optionError(`${prefix}producer`, owner, 'must be a producer')
  }
  if (producer?.options?.acks === 0) {
    const hint = "Create it with `acks: 'all'`: a record that was lost on the way would count as stored."
    throw optionError(`${prefix}producer`, owner, 'does not wait for acknowledgements (acks: 0)', hint)
  }
  if (typeof headers !== 'function' && !formats.includes(headers)) {
    throw optionError(`${prefix}headers`, owner, "must be 'ottla', 'spring', 'connect' or a function")
  }
  const problem = timeout.check(timeoutMs)
  if (problem !== undefined) throw optionError(`${prefix}timeoutMs`, owner, problem)
  return { topic, producer, headers, timeoutMs }
}

/** Validates the retry topics; throws INVALID_OPTION. */
export function resolveRetryTopics(given: readonly RetryTopic[] | undefined, owner: string): readonly RetryTopic[] {
  if (given === undefined) return []
  if (!Array.isArray(given) || given.length === 0) {
    throw optionError('retryTopics', owner, 'must list topics as { topic, delayMs }')
  }
  const seen = new Set<string>()
  return given.map((entry: RetryTopic, index) => {
    const prefix = `retryTopics[${index}].`
    if (typeof entry !== 'object' || entry === null) {
      throw optionError(prefix.slice(0, -1), owner, 'must be an object: { topic, delayMs }')
    }
    checkNames(owner, ['topic', 'delayMs', 'groupId'], entry, prefix)
    const { topic, delayMs, groupId } = entry
    if (!isTopicName(topic)) {
      throw optionError(`${prefix}topic`, owner, 'must be the name of a topic')
    }
    if (seen.has(topic)) throw optionError(`${prefix}topic`, owner, 'is listed twice')
    seen.add(topic)
    const problem = delay.check(delayMs)
    if (problem !== undefined) throw optionError(`${prefix}delayMs`, owner, problem)
    if (groupId !== undefined && (typeof groupId !== 'string' || groupId === '')) {
      throw optionError(`${prefix}groupId`, owner, 'must be a string')
    }
    return { topic, delayMs, groupId }
  })
}

/** The topics to which failed records are sent, as far as they are known in advance. */
export function targetsOf({ deadLetter, retryTopics }: FailureOptions): { name: string; topic: string }[] {
  const targets = retryTopics.map(({ topic }, index) => ({ name: `retryTopics[${index}].topic`, topic }))
  const topic = deadLetter?.topic
  if (typeof topic === 'string') targets.push({ name: 'deadLetter.topic', topic })
  return targets
}
