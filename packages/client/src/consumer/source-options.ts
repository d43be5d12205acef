import { invalidOption, optionError } from '../errors.ts'
import { isOffset, isStartPlace } from '../group/offset-input.ts'
import { isTopic, type Topic } from '../topics/topic.ts'
import type { TypedTopic } from './decoding/record-decoder.ts'
import type { ReadEnd } from './offsets/read-ends.ts'
import { isRe2, type UntypedSelector } from './topic-selector.ts'

type Selector = UntypedSelector | Topic

/** The options that say what is read, and from where. */
export interface SourceOptions {
  readonly topics?: Selector | readonly Selector[] | undefined
  readonly assign?: readonly { readonly topic: string | Topic }[] | undefined
  readonly groupId?: string | undefined
  readonly from?: unknown
}

const owner = 'kafka.consumer()'
/** Characters of patterns that no topic name has. */
const looksLikePattern = (value: unknown) => typeof value === 'string' && /[\^$*+?()[\]{}|\\/]/.test(value)

/** Refuses combinations that make no sense; throws INVALID_OPTION. */
export function checkSource({ topics, assign, groupId, from }: SourceOptions): void {
  if (topics === undefined && assign === undefined) {
    throw invalidOption(`Either 'topics' (with 'groupId') or 'assign' of ${owner} is required`)
  }
  if (topics !== undefined && assign !== undefined) {
    throw invalidOption(`Options 'topics' and 'assign' of ${owner} exclude each other`)
  }
  if ([topics].flat().some(looksLikePattern)) {
    const problem = 'contains a pattern as text, which is not the name of a topic'
    throw optionError('topics', owner, problem, 'Pass a pattern as a regular expression, not as text: topics: [/^eu/].')
  }
  if (groupId !== undefined && from !== undefined) {
    const problem = "excludes 'groupId': a group continues at its committed offsets"
    throw optionError('from', owner, problem, "Set 'offsetReset', which applies where the group has no commit.")
  }
  if (topics === undefined || groupId !== undefined) return
  if (from === undefined) {
    throw optionError(
      'groupId',
      owner,
      "is required with 'topics': topics are divided among the members of a group",
      "Set a groupId, or read all partitions without a group: set 'from', such as from: 'earliest'.",
    )
  }
  if ([topics].flat().some(isRe2)) {
    const problem = "requires 'groupId' for re2(): the brokers match it for members of a group"
    throw optionError('topics', owner, problem, 'Pass a regular expression: topics: [/^eu/].')
  }
}

export function selectorsOf(topics: Selector | readonly Selector[] | undefined): readonly Selector[] {
  if (topics === undefined) return []
  return Array.isArray(topics) ? topics : [topics as Selector]
}

export function nameOf(topic: string | Topic): string {
  return typeof topic === 'string' ? topic : topic.name
}

/** A name may occur twice, but not with different serdes: its messages would have two types. */
export function serdesOf({ topics, assign = [] }: SourceOptions): ReadonlyMap<string, TypedTopic> {
  const serdes = new Map<string, TypedTopic | undefined>()
  for (const selector of [...selectorsOf(topics), ...assign.map(({ topic }) => topic)]) {
    if (selector instanceof RegExp || isRe2(selector)) continue
    const name = nameOf(selector)
    const found = typeof selector === 'string' ? undefined : selector
    if (serdes.has(name) && serdes.get(name) !== found) {
      throw invalidOption(`Options of ${owner} contain topic '${name}' twice, with different serdes`)
    }
    serdes.set(name, found)
  }
  return new Map([...serdes].flatMap(([name, found]) => (found === undefined ? [] : [[name, found]])))
}

export function isReadEnd(value: unknown): value is ReadEnd {
  if (value === 'end') return true
  if (Array.isArray(value)) return value.length > 0 && value.every(isEndOfPartition)
  return typeof value === 'object' && value !== null && 'timestamp' in value && isStartPlace(value)
}

function isEndOfPartition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { topic, partition, offset, ...rest } = value as Record<string, unknown>
  const isPlace = typeof topic === 'string' && Number.isInteger(partition) && (partition as number) >= 0
  return isPlace && isOffset(offset) && Object.keys(rest).length === 0
}

export function isSelector(value: unknown): value is Selector {
  return (typeof value === 'string' && value !== '') || value instanceof RegExp || isRe2(value) || isTopic(value)
}
