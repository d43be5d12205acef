import { expect, test } from 'vitest'
import { KafkaError, type Receipt } from '../../../src/index.ts'
import { ProducerLedger } from './ledger.ts'
import { ProduceJudge, type ProduceVerdict, type ReadRecord } from './verdict.ts'

function verdictOf(ledgers: readonly ProducerLedger[], records: readonly ReadRecord[]): ProduceVerdict {
  const judge = new ProduceJudge(ledgers)
  for (const record of records) judge.take(record)
  return judge.verdict()
}

/** Five records of one producer, of which those at these places are acknowledged. */
function ledgerOf(acknowledged: Readonly<Record<number, number>>): ProducerLedger {
  const ledger = new ProducerLedger('a')
  for (let at = 0; at < 5; at++) {
    const { number } = ledger.next()
    const offset = acknowledged[number]
    const receipt = { partition: 0, offset: BigInt(offset ?? 0) } as Receipt
    const error = new KafkaError('DELIVERY_TIMED_OUT', 'Late', { outcome: 'not-written' })
    if (offset === undefined) ledger.settle(number, error, undefined)
    else ledger.settle(number, undefined, receipt)
  }
  return ledger
}

const log = (...numbers: number[]): ReadRecord[] =>
  numbers.map((number, offset) => ({ partition: 0, offset, value: `a:${number}:` }))

const allFive = { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4 }

test('a log that agrees with the receipts has no findings', () => {
  expect(verdictOf([ledgerOf(allFive)], log(0, 1, 2, 3, 4)).problems).toEqual([])
})

test.each([
  ['an acknowledged record that the log lacks', 'lost', allFive, log(0, 1, 2, 3)],
  ['a record that the log has twice', 'duplicated', { 0: 0, 1: 1 }, log(0, 1, 1)],
  ['a record behind a later one', 'reordered', { 0: 0, 1: 2, 2: 1 }, log(0, 2, 1)],
  ['a record at another offset than its receipt says', 'misplaced', { 0: 0, 1: 4 }, log(0, 1)],
  ['a record that was reported as not written', 'contradicted', { 0: 0 }, log(0, 1)],
  ['a record that no producer has sent', 'foreign', { 0: 0 }, log(0, 7)],
] as const)('finds %s', (_, finding, acknowledged, records) => {
  const verdict = verdictOf([ledgerOf(acknowledged)], records)
  expect(verdict[finding]).toBe(1)
  expect(verdict.problems).toEqual([expect.stringContaining(`${finding}: `)])
})

test('finds a record that is never settled', () => {
  const ledger = new ProducerLedger('a')
  ledger.next()
  expect(verdictOf([ledger], log(0)).unsettled).toBe(1)
})
