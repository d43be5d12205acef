import { invalidOption, optionError } from '../errors.ts'
import { isTopic, type Topic } from '../topics/topic.ts'
import type { TypedTopic } from './decoding/record-decoder.ts'
import { isRe2, type TopicSelector, type UntypedSelector } from './topic-selector.ts'

/** What the option `topics` must be. */
export const selectorsText = 'must be topic names, patterns or typed topics'

function isSelector(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || value instanceof RegExp || isRe2(value) || isTopic(value)
}

/** Whether a value fits the option `topics`. */
export function areSelectors(value: unknown): boolean {
  return isSelector(value) || (Array.isArray(value) && value.length > 0 && value.every(isSelector))
}

/** Characters of patterns that no topic name has. */
function looksLikePattern(value: unknown): boolean {
  return typeof value === 'string' && /[\^$*+?()[\]{}|\\/]/.test(value)
}

/** Throws where a pattern is passed as text. */
export function checkNoPatternText(topics: unknown, owner: string): void {
  if (![topics].flat().some(looksLikePattern)) return
  const problem = 'contains a pattern as text, which is not the name of a topic'
  throw optionError('topics', owner, problem, 'Pass a pattern as a regular expression, not as text: topics: [/^eu/].')
}

export function selectorsOf(topics: TopicSelector | readonly TopicSelector[] | undefined): readonly TopicSelector[] {
  if (topics === undefined) return []
  return Array.isArray(topics) ? topics : [topics as TopicSelector]
}

/** What the subscription needs of it. */
export function untyped(selector: TopicSelector): UntypedSelector {
  return isTopic(selector) ? selector.name : selector
}

export function nameOf(topic: string | Topic): string {
  return typeof topic === 'string' ? topic : topic.name
}

/** The typed topics by name. A name may occur twice, but not with different serdes: its messages would have two types. */
export function serdesOf(owner: string, selectors: readonly TopicSelector[]): ReadonlyMap<string, TypedTopic> {
  const serdes = new Map<string, TypedTopic | undefined>()
  for (const selector of selectors) {
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
