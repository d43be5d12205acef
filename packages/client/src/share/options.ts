import type { TypedTopic } from '../consumer/decoding/record-decoder.ts'
import {
  areSelectors,
  checkNoPatternText,
  selectorsOf,
  selectorsText,
  serdesOf,
  untyped,
} from '../consumer/topic-input.ts'
import { isRe2, type TopicSelector, type UntypedSelector } from '../consumer/topic-selector.ts'
import { optionError } from '../errors.ts'
import { flag, integer, milliseconds, oneOf, orNothing, requiredValue, resolveOptions, text } from '../option-table.ts'

/** Options of `kafka.shareConsumer(…)`. All times are in milliseconds, all sizes in bytes. */
export interface ShareConsumerOptions<Selector extends TopicSelector = UntypedSelector> {
  /** Members of a share group share the records of each partition. */
  readonly groupId: string
  /** Names, patterns and typed topics. The client matches a RegExp, also against topics created later; a typed topic is decoded. */
  readonly topics: Selector | readonly Selector[]
  /** Where this member is, for the assignor of the brokers. */
  readonly rack?: string | undefined
  /**
   * Maximum number of records that this member has acquired and not acknowledged. Default: twice the `concurrency` of `run`, and 2 for
   * a loop.
   */
  readonly maxAcquired?: number | undefined
  /** For how long `run` renews the lock of a record whose handler runs. After it the lock ends, and the signal aborts. Default 300 000. */
  readonly maxProcessingMs?: number | undefined
  /** How long `close` waits for records in hand to be acknowledged, before it gives them back. Default 5 000. */
  readonly closeGraceMs?: number | undefined
  /**
   * What to do with records that cannot be read: they are corrupt, compressed in an unknown way, or refused by the serde of a typed
   * topic. 'reject': the group does not deliver them again. 'release': another member may try. Default 'reject'.
   */
  readonly onUnreadable?: 'reject' | 'release' | undefined
  /** Bytes the broker should collect before it responds to a fetch. Default 1. */
  readonly minBytes?: number | undefined
  /** How long the broker may hold a fetch to reach `minBytes`. Acknowledgements wait for it. Default 500. */
  readonly maxWaitMs?: number | undefined
  /** Maximum size of a fetch response. Default 50 MiB. */
  readonly maxBytes?: number | undefined
  /** Maximum decompressed size of a record batch. Default 128 MiB. */
  readonly maxDecompressedBytes?: number | undefined
  /** Default true. */
  readonly checkCrcs?: boolean | undefined
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''

/** Every option of a share consumer with its default. */
export const shareConsumerOptions = Object.freeze({
  groupId: requiredValue<string>(isText, 'must be a string: the name of the share group'),
  topics: requiredValue<TopicSelector | readonly TopicSelector[]>(areSelectors, selectorsText),
  rack: text(undefined),
  maxAcquired: orNothing(integer(2, 1, 0x7fffffff)),
  maxProcessingMs: milliseconds(300_000, 1),
  closeGraceMs: milliseconds(5_000),
  onUnreadable: oneOf<'reject' | 'release'>(['reject', 'release'], 'reject'),
  minBytes: integer(1, 0, 0x7fffffff),
  maxWaitMs: milliseconds(500),
  maxBytes: integer(50 << 20, 1, 0x7fffffff),
  maxDecompressedBytes: integer(128 << 20, 1, 0x7fffffff),
  checkCrcs: flag(true),
})

type Table = ReturnType<typeof resolveOptions<typeof shareConsumerOptions>>

export interface ResolvedShareOptions extends Omit<Table, 'topics'> {
  readonly topics: readonly UntypedSelector[]
  /** The topics with serdes, by name. */
  readonly serdes: ReadonlyMap<string, TypedTopic>
}

const owner = 'kafka.shareConsumer()'

/** Validates the options of `kafka.shareConsumer(…)`; throws INVALID_OPTION. */
export function resolveShareOptions(given: ShareConsumerOptions<TopicSelector>): ResolvedShareOptions {
  const { topics, ...rest } = resolveOptions(owner, shareConsumerOptions, given)
  checkNoPatternText(topics, owner)
  const selectors = selectorsOf(topics)
  if (selectors.some(isRe2)) {
    const hint = 'Pass a RegExp, which the client matches: topics: [/^eu/].'
    throw optionError('topics', owner, 'contains re2(): brokers match no patterns for share groups', hint)
  }
  return Object.freeze({ ...rest, topics: selectors.map(untyped), serdes: serdesOf(owner, selectors) })
}
