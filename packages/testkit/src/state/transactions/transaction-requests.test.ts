import type { ErrorName } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/support/fake-clock.ts'
import type { WriteHandlers } from '../coordinators/coordinator-log.ts'
import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import { readTransactionRecord } from './transaction-records.ts'
import { abortFromHere, addPartitions, endTransaction, type Given, initProducerId } from './transaction-requests.ts'
import { type Marker, TransactionShard } from './transaction-shard.ts'

/** A shard on a fake clock, with a log and partitions that answer when the test says so. */
class Bed {
  readonly clock = new FakeClock()
  readonly records: CoordinatorRecord[] = []
  readonly markers: { readonly marker: Marker; readonly done: (isWritten: boolean) => void }[] = []
  readonly writes: WriteHandlers[] = []
  isSlow = false
  #ids = 10n
  readonly shard = new TransactionShard({
    runtime: this.clock,
    log: {
      write: (records, handlers) => {
        this.records.push(...records)
        if (this.isSlow) this.writes.push(handlers)
        else handlers.done(undefined)
      },
    },
    config: {
      maxTimeoutMs: 900_000,
      abortTimedOutIntervalMs: 1000,
      idExpirationMs: 60_000,
      removeExpiredIntervalMs: 10_000,
    },
    coordinatorEpoch: 3,
    newProducerId: () => this.#ids++,
    writeMarker: (marker, done) => this.markers.push({ marker, done }),
  })

  constructor() {
    this.shard.onTimeout = (transaction) => abortFromHere(this.shard, transaction, 2, () => {})
  }

  init(timeoutMs = 5000, known = { producerId: -1n, producerEpoch: -1 }) {
    return this.#response((respond) =>
      initProducerId(this.shard, { transactionalId: 'x', timeoutMs, ...known }, respond),
    )
  }

  add(who: Given): ErrorName | undefined {
    const partitions = [{ topic: 't', partitions: [0, 1] }]
    let error: ErrorName | undefined
    addPartitions(this.shard, { transactionalId: 'x', ...who }, { partitions, clientVersion: 2 }, (result) => {
      error = result
    })
    return error
  }

  end(who: Given, committed = true) {
    const identity = { transactionalId: 'x', ...who }
    return this.#response((respond) => endTransaction(this.shard, identity, { committed, clientVersion: 2 }, respond))
  }

  get image() {
    const image = this.shard.transactions.get('x')?.image
    if (image === undefined) throw new Error('there is no transaction')
    return image
  }

  mark(isWritten = true): void {
    for (const { done } of this.markers.splice(0)) done(isWritten)
  }

  #response(ask: (respond: (result: ErrorName | Given) => void) => void): Given {
    let given: ErrorName | Given | undefined
    ask((result) => {
      given = result
    })
    if (typeof given !== 'object') throw new Error(given ?? 'held')
    return { producerId: given.producerId, producerEpoch: given.producerEpoch }
  }
}

describe('a transaction on its coordinator', () => {
  test('ends when all partitions have their marker, those that failed after another try', () => {
    const bed = new Bed()
    const who = bed.init()
    expect(bed.add(who)).toBeUndefined()
    expect(bed.end(who)).toEqual({ producerId: 10n, producerEpoch: 1 })
    expect(bed.markers.map(({ marker }) => [marker.partition, marker.producerEpoch, marker.coordinatorEpoch])).toEqual([
      [0, 1, 3],
      [1, 1, 3],
    ])
    expect(() => bed.end(who)).toThrow('CONCURRENT_TRANSACTIONS')
    bed.mark(false)
    expect(bed.image.state).toBe('PrepareCommit')
    bed.clock.advance(20)
    bed.mark()
    expect(bed.image.state).toBe('CompleteCommit')
    expect(bed.end(who)).toEqual({ producerId: 10n, producerEpoch: 1 })
  })

  test('is aborted after its time, not before', () => {
    const bed = new Bed()
    bed.add(bed.init(5000))
    bed.clock.advance(5000)
    expect(bed.image.state).toBe('Ongoing')
    bed.clock.advance(1000)
    expect([bed.image.state, bed.image.producerEpoch]).toEqual(['PrepareAbort', 1])
    bed.mark()
    expect(bed.image.state).toBe('CompleteAbort')
    // It is looked after for as long as its id is known.
    expect(bed.clock.timerCount).toBe(1)
  })

  test('lets nobody in while a change is on its way to the log', () => {
    const bed = new Bed()
    const who = bed.init()
    bed.isSlow = true
    bed.add(who)
    expect(bed.add(who)).toBe('CONCURRENT_TRANSACTIONS')
    expect(() => bed.init()).toThrow('CONCURRENT_TRANSACTIONS')
    bed.writes.shift()?.done('NOT_ENOUGH_REPLICAS')
    expect(bed.image.state).toBe('Empty')
  })

  test('goes on under another id when the epochs have run out', () => {
    const bed = new Bed()
    bed.init()
    const transaction = bed.shard.transactions.get('x')
    if (transaction === undefined) throw new Error('there is no transaction')
    transaction.image = { ...transaction.image, producerEpoch: 32_766 }
    const who = { producerId: 10n, producerEpoch: 32_766 }
    bed.add(who)
    expect(bed.end(who)).toEqual({ producerId: 11n, producerEpoch: 0 })
    bed.mark()
    expect(bed.image).toMatchObject({ producerId: 11n, producerEpoch: 0, previousProducerId: 10n })
    expect(bed.end(who)).toEqual({ producerId: 11n, producerEpoch: 0 })
  })

  test('is forgotten with its id when nobody used that for long, but not while it is open', () => {
    const bed = new Bed()
    const who = bed.init(900_000)
    bed.clock.advance(50_000)
    bed.add(who)
    bed.clock.advance(120_000)
    expect(bed.image.state).toBe('Ongoing')
    bed.end(who)
    bed.mark()
    bed.clock.advance(50_000)
    expect(bed.image.state).toBe('CompleteCommit')
    bed.isSlow = true
    bed.clock.advance(20_000)
    expect(() => bed.init()).toThrow('CONCURRENT_TRANSACTIONS')
    bed.writes.shift()?.done(undefined)
    expect([bed.shard.transactions.size, bed.records.at(-1)?.value]).toEqual([0, null])
    bed.clock.advance(10_000)
    expect(bed.clock.timerCount).toBe(0)
    bed.isSlow = false
    expect(bed.init()).toEqual({ producerId: 11n, producerEpoch: 0 })
  })

  test('is read back from its record', () => {
    const bed = new Bed()
    bed.add(bed.init())
    const read = readTransactionRecord(bed.records.at(-1) as CoordinatorRecord)
    expect(read).toEqual({ transactionalId: 'x', image: { ...bed.image, lastProducerEpoch: -1 } })
  })
})
