import { invalidOption, optionError } from '../errors.ts'
import { isOffset, isStartPlace } from '../group/offset-input.ts'
import type { Topic } from '../topics/topic.ts'
import type { ReadEnd } from './offsets/read-ends.ts'
import { checkNoPatternText } from './topic-input.ts'
import { isRe2, type TopicSelector } from './topic-selector.ts'

/** The options that say what is read, and from where. */
export interface SourceOptions {
  readonly topics?: TopicSelector | readonly TopicSelector[] | undefined
  readonly assign?: readonly { readonly topic: string | Topic }[] | undefined
  readonly groupId?: string | undefined
  readonly from?: unknown
}

/** Refuses combinations that make no sense; throws INVALID_OPTION. */
export function checkSource(owner: string, { topics, assign, groupId, from }: SourceOptions): void {
  if (topics === undefined && assign === undefined) {
    throw invalidOption(`Either 'topics' (with 'groupId') or 'assign' of ${owner} is required`)
  }
  if (topics !== undefined && assign !== undefined) {
    throw invalidOption(`Options 'topics' and 'assign' of ${owner} exclude each other`)
  }
  checkNoPatternText(topics, owner)
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
