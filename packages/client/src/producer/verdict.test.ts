import { errorCode } from '@ottla/codec'
import { expect, test } from 'vitest'
import { type Attempted, type Verdict, verdictOf } from './verdict.ts'

const plain: Attempted = {
  maybeWritten: false,
  wholeMaybeWritten: false,
  records: 2,
  rejected: 0,
  idempotent: true,
  transactional: false,
  unreadable: 0,
  retriable: false,
}

const maybe = { maybeWritten: true }
const transactional = { transactional: true }
const part = { maybeWritten: true, wholeMaybeWritten: true }

const rows: [Parameters<typeof verdictOf>[0], Partial<Attempted>, Verdict][] = [
  [0, {}, 'done'],
  ['DUPLICATE_SEQUENCE_NUMBER', maybe, 'done'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', {}, 'begin-again'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', maybe, 'begin-again'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', part, 'fail'],
  ['UNKNOWN_PRODUCER_ID', maybe, 'begin-again'],
  ['INVALID_PRODUCER_EPOCH', {}, 'begin-again'],
  ['INVALID_PRODUCER_EPOCH', maybe, 'fail'],
  ['MESSAGE_TOO_LARGE', {}, 'split'],
  ['MESSAGE_TOO_LARGE', maybe, 'split'],
  ['MESSAGE_TOO_LARGE', { records: 1 }, 'fail'],
  ['RECORD_LIST_TOO_LARGE', part, 'split'],
  ['NOT_LEADER_OR_FOLLOWER', { retriable: true }, 'again'],
  ['NOT_ENOUGH_REPLICAS', { ...maybe, retriable: true }, 'again'],
  ['CONNECTION_LOST', { retriable: true, idempotent: false }, 'again'],
  ['PROTOCOL_ERROR', { unreadable: 1 }, 'again'],
  ['PROTOCOL_ERROR', { unreadable: 3 }, 'fail'],
  ['PROTOCOL_ERROR', { unreadable: 1, idempotent: false }, 'fail'],
  ['POLICY_VIOLATION', {}, 'fail'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', transactional, 'poison'],
  ['INVALID_PRODUCER_EPOCH', transactional, 'poison'],
  ['PRODUCER_FENCED', transactional, 'poison'],
  ['POLICY_VIOLATION', transactional, 'poison'],
  ['DUPLICATE_SEQUENCE_NUMBER', transactional, 'done'],
  ['MESSAGE_TOO_LARGE', transactional, 'split'],
  ['CONCURRENT_TRANSACTIONS', { ...transactional, retriable: true }, 'again'],
  ['INVALID_RECORD', {}, 'fail'],
  ['INVALID_RECORD', { rejected: 1 }, 'separate'],
  ['INVALID_RECORD', { rejected: 2 }, 'fail'],
  ['INVALID_RECORD', { ...maybe, rejected: 1 }, 'fail'],
  ['INVALID_TIMESTAMP', { rejected: 1, idempotent: false }, 'separate'],
  ['UNKNOWN_SERVER_ERROR', { rejected: 1 }, 'fail'],
  ['INVALID_RECORD', { ...transactional, rejected: 1 }, 'poison'],
]

test.each(rows)('%s of a batch with %o: %s', (code, batch, verdict) => {
  expect(verdictOf(code === 0 ? 0 : code, { ...plain, ...batch })).toBe(verdict)
  if (typeof code === 'string' && !['CONNECTION_LOST', 'PROTOCOL_ERROR'].includes(code)) {
    expect(verdictOf(errorCode(code as Parameters<typeof errorCode>[0]), { ...plain, ...batch })).toBe(verdict)
  }
})
