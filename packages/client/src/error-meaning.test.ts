import { allErrors, errorCode } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { coordinatorLost, type ErrorMeaning, isTransient, meaningOf, notSent } from './error-meaning.ts'
import { clientErrorCodes, type ErrorCode, KafkaError, kafkaErrorOf } from './errors.ts'

const kafkas = allErrors()
const codes: readonly ErrorCode[] = [...kafkas.map(({ name }) => name), ...clientErrorCodes]

const codesWith = (fits: (meaning: ErrorMeaning) => boolean) => codes.filter((code) => fits(meaningOf(code))).sort()

/** Every meaning that is not the default, with all codes that have it: a second opinion, so that no row changes by accident. */
const expected: readonly [name: string, fits: (meaning: ErrorMeaning) => boolean, codes: readonly ErrorCode[]][] = [
  [
    'the leader moved',
    ({ moved }) => moved === 'leader',
    ['FENCED_LEADER_EPOCH', 'NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_LEADER_EPOCH'],
  ],
  ['the coordinator moved', ({ moved }) => moved === 'coordinator', ['COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR']],
  ['the controller moved', ({ moved }) => moved === 'controller', ['NOT_CONTROLLER']],
  [
    'the right broker is not ready',
    ({ notReady }) => notReady,
    ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_LOAD_IN_PROGRESS', 'UNSTABLE_OFFSET_COMMIT'],
  ],
  ['no leader', ({ noLeader }) => noLeader, ['LEADER_NOT_AVAILABLE']],
  ['no such topic', ({ missingTopic }) => missingTopic, ['UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION']],
  ['metadata that is too large', ({ metadataTooLarge }) => metadataTooLarge, ['OFFSET_METADATA_TOO_LARGE']],
  ['no right to the topic', ({ forbidden }) => forbidden === 'topic', ['TOPIC_AUTHORIZATION_FAILED']],
  [
    'no right to something else',
    ({ forbidden }) => forbidden === 'other',
    [
      'CLUSTER_AUTHORIZATION_FAILED',
      'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
      'GROUP_AUTHORIZATION_FAILED',
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    ],
  ],
  ['not in the log', ({ outOfRange }) => outOfRange, ['OFFSET_OUT_OF_RANGE']],
  [
    'the fetch session is lost',
    ({ fetchSessionLost }) => fetchSessionLost,
    ['FETCH_SESSION_ID_NOT_FOUND', 'INVALID_FETCH_SESSION_EPOCH'],
  ],
  ['an unknown share session', ({ shareSession }) => shareSession === 'unknown', ['SHARE_SESSION_NOT_FOUND']],
  ['another epoch of it', ({ shareSession }) => shareSession === 'stale-epoch', ['INVALID_SHARE_SESSION_EPOCH']],
  ['too many share sessions', ({ shareSession }) => shareSession === 'too-many', ['SHARE_SESSION_LIMIT_REACHED']],
  ['a record without the lock', ({ notLocked }) => notLocked, ['INVALID_RECORD_STATE']],
  ['a group that does not exist', ({ missingGroup }) => missingGroup, ['GROUP_ID_NOT_FOUND']],
  ['rebootstrap', ({ rebootstrap }) => rebootstrap, ['REBOOTSTRAP_REQUIRED']],
  ['an unknown member', ({ member }) => member === 'unknown', ['UNKNOWN_MEMBER_ID']],
  ['a stale generation', ({ member }) => member === 'stale-generation', ['ILLEGAL_GENERATION']],
  ['a fenced epoch', ({ member }) => member === 'fenced-epoch', ['FENCED_MEMBER_EPOCH']],
  ['an epoch that has moved', ({ member }) => member === 'stale-epoch', ['STALE_MEMBER_EPOCH']],
  ['an instance id in use', ({ member }) => member === 'unreleased', ['UNRELEASED_INSTANCE_ID']],
  ['a replaced member', ({ member }) => member === 'replaced', ['FENCED_INSTANCE_ID']],
  ['a member id to join with', ({ member }) => member === 'id-required', ['MEMBER_ID_REQUIRED']],
  ['a rebalance', ({ member }) => member === 'rebalancing', ['REBALANCE_IN_PROGRESS']],
  ['no common assignor', ({ member }) => member === 'incompatible', ['INCONSISTENT_GROUP_PROTOCOL']],
  ['a duplicate batch', ({ producer }) => producer === 'duplicate', ['DUPLICATE_SEQUENCE_NUMBER']],
  [
    'a batch out of sequence',
    ({ producer }) => producer === 'out-of-sequence',
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'],
  ],
  [
    'a refused producer id',
    ({ producer }) => producer === 'identity-refused',
    ['INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'],
  ],
  [
    'fenced by another instance',
    ({ transaction }) => transaction === 'fenced',
    ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'],
  ],
  ['a transaction to abort', ({ transaction }) => transaction === 'abortable', ['TRANSACTION_ABORTABLE']],
  ['a forgotten transactionalId', ({ transaction }) => transaction === 'id-lost', ['INVALID_PRODUCER_ID_MAPPING']],
  ['no such transaction', ({ transaction }) => transaction === 'wrong-state', ['INVALID_TXN_STATE']],
  [
    'no right to transactions',
    ({ transaction }) => transaction === 'forbidden',
    ['CLUSTER_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
  ],
  ['too large', ({ tooLarge }) => tooLarge, ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']],
  [
    'nothing was appended',
    ({ notWritten }) => notWritten,
    [
      'CLUSTER_AUTHORIZATION_FAILED',
      'CONCURRENT_TRANSACTIONS',
      'CORRUPT_MESSAGE',
      'INVALID_PRODUCER_EPOCH',
      'INVALID_PRODUCER_ID_MAPPING',
      'INVALID_RECORD',
      'INVALID_REQUIRED_ACKS',
      'INVALID_TIMESTAMP',
      'INVALID_TOPIC_EXCEPTION',
      'INVALID_TXN_STATE',
      'MESSAGE_TOO_LARGE',
      'NOT_ENOUGH_REPLICAS',
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'POLICY_VIOLATION',
      'PRODUCER_FENCED',
      'RECORD_LIST_TOO_LARGE',
      'TOPIC_AUTHORIZATION_FAILED',
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'TRANSACTION_ABORTABLE',
      'UNKNOWN_PRODUCER_ID',
      'UNSUPPORTED_COMPRESSION_TYPE',
      'UNSUPPORTED_FOR_MESSAGE_FORMAT',
      'UNSUPPORTED_VERSION',
    ],
  ],
  ['few replicas', ({ fewReplicas }) => fewReplicas, ['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']],
  ['bytes that cannot be read', ({ unreadable }) => unreadable, ['PROTOCOL_ERROR']],
  ['no SASL on the port', ({ sasl }) => sasl === 'not-offered', ['ILLEGAL_SASL_STATE']],
  ['refused credentials', ({ sasl }) => sasl === 'refused', ['SASL_AUTHENTICATION_FAILED']],
  ['a failed TLS handshake', ({ tlsFailed }) => tlsFailed, ['TLS_FAILED']],
  ['an unsupported version', ({ unsupportedVersion }) => unsupportedVersion, ['UNSUPPORTED_VERSION']],
  ['no broker reached', ({ connection }) => connection === 'unreachable', ['NO_BROKER_REACHABLE']],
  ['no connection opened', ({ connection }) => connection === 'not-opened', ['CONNECTION_FAILED']],
  ['a lost connection', ({ connection }) => connection === 'lost', ['CONNECTION_LOST']],
  ['a late response', ({ connection }) => connection === 'timed-out', ['REQUEST_TIMED_OUT']],
  ['aborted', ({ ended }) => ended === 'aborted', ['ABORTED']],
  ['closed', ({ ended }) => ended === 'closed', ['CLOSED']],
  ['the deadline passed', ({ ended }) => ended === 'deadline', ['TIMED_OUT']],
]

describe('the table of meanings', () => {
  test.each(expected)('%s: exactly these codes', (_name, fits, names) => {
    expect(codesWith(fits)).toEqual([...names].sort())
  })

  test("follows Kafka's own words for retriable errors and stale metadata, with few additions", () => {
    const retriable = kafkas.filter((error) => error.retriable).map(({ name }) => name)
    const transient = ['BUFFER_FULL', 'CLOSED', 'CONNECTION_FAILED', 'CONNECTION_LOST', 'DELIVERY_TIMED_OUT'] as const
    const more = ['NO_BROKER_REACHABLE', 'TIMED_OUT', 'UNKNOWN_SERVER_ERROR'] as const
    expect(codesWith((meaning) => meaning.transient)).toEqual([...retriable, ...transient, ...more].sort())
    const stale = kafkas.filter((error) => error.refreshMetadata).map(({ name }) => name)
    const added = ['CONNECTION_LOST', 'OFFSET_NOT_AVAILABLE'] as const
    expect(codesWith((meaning) => meaning.staleMetadata)).toEqual([...stale, ...added].sort())
  })

  test('gives every other code no meaning but those two', () => {
    const listed = new Set(expected.flatMap(([, , names]) => names))
    for (const code of codes.filter((each) => !listed.has(each))) {
      const { transient, staleMetadata, ...rest } = meaningOf(code)
      expect(
        Object.values(rest).filter((value) => value !== false && value !== undefined),
        code,
      ).toEqual([])
      expect([typeof transient, typeof staleMetadata]).toEqual(['boolean', 'boolean'])
    }
  })

  test('takes numbers too, and those of a later Kafka as an unknown failure of the broker', () => {
    for (const { code, name } of kafkas) expect(meaningOf(code)).toBe(meaningOf(name))
    expect(meaningOf(31_000)).toBe(meaningOf('UNKNOWN_SERVER_ERROR'))
  })

  test('has no meaning for a code of another build of this package', () => {
    expect(meaningOf('FROM_THE_FUTURE' as ErrorCode)).toMatchObject({ transient: false, moved: undefined })
  })

  test('a batch that was appended to too few replicas may be in the log', () => {
    expect(meaningOf('NOT_ENOUGH_REPLICAS_AFTER_APPEND')).toMatchObject({ notWritten: false, transient: true })
  })
})

const errorOf = (code: ErrorCode, details = {}) => new KafkaError(code, 'it failed', details)

describe('isTransient', () => {
  test('is true for what is retriable, and for a broker that failed or was replaced', () => {
    expect(isTransient(errorOf('COORDINATOR_LOAD_IN_PROGRESS', { retriable: true }))).toBe(true)
    expect(isTransient(kafkaErrorOf(-1, 'Fetching'))).toBe(true)
    expect(isTransient(errorOf('CLOSED'))).toBe(true)
  })

  test('is false where the error says that it is permanent, and for what is no KafkaError', () => {
    expect(isTransient(errorOf('UNKNOWN_TOPIC_OR_PARTITION', { fatal: true }))).toBe(false)
    expect(isTransient(errorOf('SASL_AUTHENTICATION_FAILED'))).toBe(false)
    expect(isTransient(errorOf('INTERNAL_ERROR'))).toBe(false)
    expect(isTransient(new TypeError('bug'))).toBe(false)
  })
})

describe('coordinatorLost', () => {
  const kafka = (code: (typeof kafkas)[number]['name'], where = {}) =>
    kafkaErrorOf(errorCode(code), 'Committing', where)

  test.each([
    ['NOT_COORDINATOR', true],
    ['COORDINATOR_NOT_AVAILABLE', true],
    ['REQUEST_TIMED_OUT', true],
    ['COORDINATOR_LOAD_IN_PROGRESS', false],
    ['UNSTABLE_OFFSET_COMMIT', false],
    ['REBALANCE_IN_PROGRESS', false],
    ['GROUP_AUTHORIZATION_FAILED', false],
    ['UNKNOWN_SERVER_ERROR', false],
  ] as const)('%s: %s', (code, lost) => {
    expect(coordinatorLost(kafka(code))).toBe(lost)
  })

  test('a request that did not get through puts the address in doubt', () => {
    expect(coordinatorLost(errorOf('CONNECTION_LOST', { retriable: true }))).toBe(true)
    expect(coordinatorLost(errorOf('CLOSED'))).toBe(true)
    expect(coordinatorLost(new Error('no KafkaError'))).toBe(false)
  })

  test('an error of one partition does not, unless it says so', () => {
    expect(coordinatorLost(kafka('UNKNOWN_TOPIC_OR_PARTITION', { topic: 't', partition: 0 }))).toBe(false)
    expect(coordinatorLost(kafka('NOT_COORDINATOR', { topic: 't', partition: 0 }))).toBe(true)
  })
})

describe('notSent', () => {
  test('turns the end of a connection into one that could not be used, and keeps the rest', () => {
    const lost = errorOf('CONNECTION_LOST', { retriable: true, outcome: 'unknown', hint: 'look' })
    expect(notSent(lost)).toMatchObject({
      code: 'CONNECTION_FAILED',
      outcome: 'not-written',
      hint: 'look',
      cause: lost,
    })
    const closed = errorOf('CLOSED', { outcome: 'unknown' })
    expect(notSent(closed)).toMatchObject({ code: 'CLOSED', outcome: 'not-written' })
  })

  test('returns an error that says so already', () => {
    const error = errorOf('REQUEST_TIMED_OUT', { outcome: 'not-written' })
    expect(notSent(error)).toBe(error)
  })
})
