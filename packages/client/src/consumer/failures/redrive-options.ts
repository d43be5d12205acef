import { optionError } from '../../errors.ts'
import { checkNames } from '../../option-table.ts'
import type { Message } from '../message.ts'
import type { OriginalPlace } from './failure.ts'
import { isTopicName } from './original.ts'
import type { RecordSender } from './record-sender.ts'

/** A record of a dead letter topic. */
export interface DeadLetter {
  readonly message: Message
  /** Where it was read first, as its headers say; undefined: they name no place that can exist. */
  readonly original: Pick<OriginalPlace, 'topic' | 'partition' | 'offset'> | undefined
}

/** Options of `kafka.redrive(…)`. */
export interface RedriveOptions {
  /** The dead letter topic. */
  readonly from: string
  /** The topic to which letters are moved; a function chooses it, or returns undefined to skip the letter. Default: the original. */
  readonly to?: string | ((letter: DeadLetter) => string | undefined) | undefined
  /** Without `to`: the original topics to which letters may be moved. A client that writes dead letters chooses their headers. Default: any. */
  readonly topics?: readonly string[] | undefined
  /** Returns whether a letter is moved. One that is not counts as handled by the group. Default: all are moved. */
  readonly filter?: ((letter: DeadLetter) => boolean | Promise<boolean>) | undefined
  /** The most letters to move. Default: all. */
  readonly limit?: number | undefined
  /** The most letters to move in a second; 0.01 or more. Default: as fast as the brokers accept them. */
  readonly ratePerSecond?: number | undefined
  /** Moves nothing and commits nothing: the report says what would be moved. */
  readonly dryRun?: boolean | undefined
  /** Remembers which letters were moved. Default: `ottla-redrive-` and the name of the topic. */
  readonly groupId?: string | undefined
  /** Default: one with the default options, closed at the end. */
  readonly producer?: RecordSender | undefined
  readonly signal?: AbortSignal | undefined
}

/** What `kafka.redrive(…)` has done. */
export interface RedriveReport {
  /** Letters stored in their topics; with `dryRun` those that would be. */
  readonly moved: number
  /** Letters that `filter` or `to` refused. */
  readonly skipped: number
  /** Letters whose topic is not known, not allowed or not possible. */
  readonly unroutable: number
  readonly movedByTopic: ReadonlyMap<string, number>
  /** Whether the group has handled everything that was in the topic at the start. Always false with `dryRun`. */
  readonly isComplete: boolean
}

export interface ResolvedRedrive extends Omit<RedriveOptions, 'groupId' | 'limit' | 'dryRun'> {
  readonly groupId: string
  readonly limit: number
  readonly dryRun: boolean
}

const owner = 'kafka.redrive()'
const names = ['from', 'to', 'topics', 'filter', 'limit', 'ratePerSecond', 'dryRun', 'groupId', 'producer', 'signal']

/** Validates the options of `kafka.redrive(…)`; throws INVALID_OPTION. */
export function resolveRedrive(options: RedriveOptions): ResolvedRedrive {
  if (typeof options !== 'object' || options === null)
    throw optionError('options', owner, 'must be an object: { from }')
  checkNames(owner, names, options)
  const {
    from,
    to,
    topics,
    filter,
    limit = Number.POSITIVE_INFINITY,
    ratePerSecond,
    dryRun = false,
    producer,
  } = options
  const check = (name: string, fits: boolean, must: string) => {
    if (!fits) throw optionError(name, owner, must)
  }
  check('from', isTopicName(from), 'must be the name of a topic')
  check(
    'to',
    to === undefined || typeof to === 'function' || isTopicName(to),
    'must be the name of a topic or a function',
  )
  check('to', to !== from, 'must be another topic than the one that is read')
  check(
    'topics',
    topics === undefined || (Array.isArray(topics) && topics.every(isTopicName)),
    'must list names of topics',
  )
  check('filter', filter === undefined || typeof filter === 'function', 'must be a function')
  check(
    'limit',
    limit === Number.POSITIVE_INFINITY || (Number.isSafeInteger(limit) && limit >= 1),
    'must be an integer of at least 1',
  )
  check('ratePerSecond', ratePerSecond === undefined || ratePerSecond >= 0.01, 'must be a number of at least 0.01')
  check('dryRun', typeof dryRun === 'boolean', 'must be true or false')
  check('producer', producer === undefined || typeof producer?.send === 'function', 'must be a producer')
  check('producer', producer?.options?.acks !== 0, 'does not wait for acknowledgements (acks: 0)')
  const { groupId = `ottla-redrive-${from}` } = options
  check('groupId', typeof groupId === 'string' && groupId !== '', 'must be a string')
  return { ...options, groupId, limit, dryRun }
}
