import type { Topic } from '../topics/topic.ts'

const brand: unique symbol = Symbol.for('ottla.re2')

/** A pattern of topics that the brokers evaluate, in the syntax of RE2 (KIP-848). Created by `re2`. */
export interface Re2Pattern {
  readonly [brand]: string
}

/** A topic, a pattern that the client matches, or one that the brokers match. */
export type UntypedSelector = string | RegExp | Re2Pattern

/**
 * A pattern of topic names that the brokers match, for consumers with `protocol: 'consumer'`: `topics: [re2('eu-.*')]`. It matches
 * whole names. The client requests the metadata of all topics once, to find out which ones are created later, and are read from
 * their start.
 */
export function re2(pattern: string): Re2Pattern {
  if (typeof pattern !== 'string' || pattern === '') throw new TypeError('re2() expects a pattern as text')
  return Object.freeze({ [brand]: pattern })
}

/** Also for one that another build of this package created. */
export function isRe2(value: unknown): value is Re2Pattern {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Re2Pattern>)[brand] === 'string'
}

/** The patterns as one; null: there is none. */
export function joinedRe2(selectors: readonly UntypedSelector[]): string | null {
  const patterns = [...new Set(selectors.filter(isRe2).map((selector) => selector[brand]))]
  if (patterns.length <= 1) return patterns[0] ?? null
  return patterns.map((pattern) => `(?:${pattern})`).join('|')
}

/** Whether the brokers match a name, as far as a RegExp shows it: the syntax of RE2 is nearly a part of that. */
export function matchesRe2(selector: Re2Pattern, name: string): boolean {
  try {
    return new RegExp(`^(?:${selector[brand]})$`).test(name)
  } catch {
    return false
  }
}

/** A name, a pattern that the client or the brokers match, or a typed topic. */
export type TopicSelector = UntypedSelector | Topic
